"""Which alerts does a text such as `severity=~"high|critical"` mean?

Alertmanager's two notations: the classic one, and the UTF-8 one in which names and values may be
quoted (https://prometheus.io/docs/alerting/latest/configuration/#label-matchers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, Matcher, MatchOp, get

_TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<op>=~|!=|!~|=)|(?P<comma>,)'
    r"|(?P<word>[^\s{}!=~,\\\"'`]+))",
    re.S,
)
_CLASSIC = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*)", re.S)
_ESCAPE = re.compile(r'\\([n"\\])')
_RESERVED = re.compile(r"[\s{}!=~,\\\"'`]")
_LONGEST = 64 << 10


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """The conditions of `{a="b", c!="d"}`, with or without braces; Rejected when it is none."""
    if len(text) > _LONGEST:
        raise Rejected("bad matcher format: longer than 64 KiB")
    try:
        return _parse_utf8(text)
    except Rejected as error:
        try:
            return tuple(_parse_classic(part) for part in _split(text))
        except Rejected:
            raise error from None


def matcher_text(matcher: Matcher) -> str:
    """The condition as Alertmanager writes it."""
    if _RESERVED.search(matcher.name):
        name = json.dumps(matcher.name, ensure_ascii=False)
        return f"{name}{matcher.op.value}{json.dumps(matcher.value, ensure_ascii=False)}"
    value = matcher.value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'{matcher.name}{matcher.op.value}"{value}"'


def matches_all(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether the labels satisfy every condition; an absent label counts as empty."""
    return all(matcher.matches(get(labels, matcher.name)) for matcher in matchers)


def _bad(text: str) -> Rejected:
    return Rejected(f"bad matcher format: {text}")


def _parse_utf8(text: str) -> tuple[Matcher, ...]:
    body = text.strip()
    if body.startswith("{") != body.endswith("}"):
        raise _bad(text)
    if body.startswith("{"):
        body = body[1:-1].strip()
    tokens = _tokens(body, text)
    found = []
    at = 0
    while at < len(tokens):
        kinds = [kind for kind, _ in tokens[at : at + 3]]
        if kinds not in (["name", "op", "name"],):
            raise _bad(text)
        found.append(_made(tokens[at][1], tokens[at + 1][1], tokens[at + 2][1], text))
        at += 3
        if at < len(tokens):
            if tokens[at][0] != "comma":
                raise _bad(text)
            at += 1
    return tuple(found)


def _tokens(body: str, text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(body):
        match = _TOKEN.match(body, at)
        if match is None or match.end() == at:
            raise _bad(text)
        at = match.end()
        if match["quoted"] is not None:
            try:
                found.append(("name", json.loads(match["quoted"], strict=False)))
            except json.JSONDecodeError:
                # Go's \. and the like are no escapes: the value is read the classic way.
                raise _bad(text) from None
        elif match["op"] is not None:
            found.append(("op", match["op"]))
        elif match["comma"] is not None:
            found.append(("comma", ","))
        else:
            found.append(("name", match["word"]))
    return found


def _made(name: str, op: str, value: str, text: str) -> Matcher:
    if not name:
        raise _bad(text)
    try:
        return Matcher(name, MatchOp(op), value)
    except Rejected as error:
        raise Rejected(f"{text}: {error}") from error


def _split(text: str) -> list[str]:
    """At commas outside quotes; braces around everything are dropped."""
    body = text.strip()
    if body.startswith("{"):
        body = body[1:]
    if body.endswith("}"):
        body = body[:-1]
    parts, start, quoted, escaped = [], 0, False, False
    for at, char in enumerate(body):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append(body[start:at])
            start = at + 1
    rest = body[start:]
    return [*parts, rest] if rest.strip() or not parts else parts


def _parse_classic(text: str) -> Matcher:
    match = _CLASSIC.fullmatch(text.strip())
    if match is None:
        raise _bad(text)
    value = match[3]
    if value.startswith('"') or value.endswith('"'):
        if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
            raise _bad(text)
        value = value[1:-1]
    unescaped = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], value)
    return _made(match[1], match[2], unescaped, text)
