"""Which series does `up{job=~"api.*"}` mean? The part of PromQL that drop rules are made of."""

from __future__ import annotations

import json
import re

from tocsin.kit.fault import Rejected
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp

_NAME = re.compile(r"\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)?\s*")
_STRING = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(
    rf"\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*|{_STRING})\s*"
    rf"(?:(?P<op>=~|!~|!=|=)\s*(?P<value>{_STRING}))?\s*(?P<end>,|$)"
)


def parse(text: str) -> tuple[Matcher, ...]:
    """The matchers of a selector; raises Rejected when it is none or would match every series."""
    name = _NAME.match(text)
    rest = text[name.end() :].strip() if name else text.strip()
    found: list[Matcher] = []
    if name and name["name"]:
        found.append(Matcher(NAME, MatchOp.EQUAL, name["name"]))
    if rest:
        if not (rest.startswith("{") and rest.endswith("}")):
            raise Rejected(f'expected a selector such as up{{job="api"}}, got {text!r}')
        found.extend(_matchers(rest[1:-1].strip(), text))
    if all(matcher.matches("") for matcher in found):
        raise Rejected(f"the selector {text!r} would match every series; name a metric or a label")
    return tuple(found)


def matches(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
    """Whether the series satisfies all of them."""
    return all(matcher.matches(label_sets.get(labels, matcher.name)) for matcher in matchers)


def _matchers(inner: str, text: str) -> list[Matcher]:
    found = []
    at = 0
    while at < len(inner):
        part = _MATCHER.match(inner, at)
        if part is None:
            raise Rejected(f'expected label="value" at {inner[at : at + 20]!r} in {text!r}')
        label = _unquoted(part["label"], text)
        if part["op"] is None:
            # `{"a.name"}` is a quoted metric name (Prometheus 3).
            found.append(Matcher(NAME, MatchOp.EQUAL, label))
        else:
            found.append(Matcher(label, MatchOp(part["op"]), _unquoted(part["value"], text)))
        at = part.end()
    return found


def _unquoted(text: str, whole: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except json.JSONDecodeError as error:
        raise Rejected(f"{text} in {whole!r} is not a well-formed string: {error.msg}") from error
