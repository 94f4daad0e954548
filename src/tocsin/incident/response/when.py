"""When is an action done? Conditions on the incident, in the notation of alerts' matchers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.alert.routing.matchers import parse_matchers
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident
from tocsin.model.labels import Matcher, MatchOp

_YES, _NO = "true", "false"
_FLAGS = ("acknowledged", "assigned", "business_hours", "drill", "public", "over", "merged")
_OPPOSITES = {"unacknowledged": "acknowledged", "unassigned": "assigned"}
_AND = re.compile(r",|&&|\band\b")
_NEGATED = re.compile(r"(?:not|outside|no|!)\s*", re.I)


@dataclass(frozen=True, slots=True)
class Now:
    """What a condition may ask besides the incident."""

    is_business_hours: bool = False


_FIELDS: Mapping[str, Callable[[Incident, Now], Sequence[str]]] = {
    "severity": lambda one, now: (one.severity,),
    "status": lambda one, now: (one.status.value,),
    "service": lambda one, now: one.services,
    "tag": lambda one, now: one.tags,
    "title": lambda one, now: (one.title,),
    "source": lambda one, now: (one.source,),
    "assignee": lambda one, now: (one.assignee,),
    "cause": lambda one, now: (one.cause,),
    "alertname": lambda one, now: tuple(link.title for link in one.of_kind("alert")),
    "acknowledged": lambda one, now: _said(bool(one.acknowledged_ms)),
    "assigned": lambda one, now: _said(bool(one.assignee)),
    "business_hours": lambda one, now: _said(now.is_business_hours),
    "drill": lambda one, now: _said(one.is_drill),
    "public": lambda one, now: _said(one.is_public),
    "over": lambda one, now: _said(one.is_over),
    "merged": lambda one, now: _said(bool(one.merged_into)),
}


class When(str):
    """Conditions that must all hold, such as `unacknowledged, service=~"api|web"`."""

    __slots__ = ("_matchers",)
    EXPECTED = 'conditions such as unacknowledged, service="api" or not business_hours'

    _matchers: tuple[Matcher, ...]

    @classmethod
    def from_config(cls, text: str) -> When:
        """Raises Rejected for what is no condition, or asks for a field that is not there."""
        found = cls(text.strip())
        found._matchers = _read(found)
        return found

    def holds(self, incident: Incident, now: Now) -> bool:
        """Whether all of them hold; an empty one always does. Of several services or tags one is
        enough for `=`, and `!=` means none of them."""
        return all(_holds(one, incident, now) for one in getattr(self, "_matchers", ()))


ALWAYS = When()


def _holds(matcher: Matcher, incident: Incident, now: Now) -> bool:
    values = _FIELDS[matcher.name](incident, now) or ("",)
    found = [matcher.matches(value) for value in values]
    is_negative = matcher.op in (MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX)
    return all(found) if is_negative else any(found)


def _read(text: str) -> tuple[Matcher, ...]:
    if not text:
        return ()
    if any(op in text for op in ("=", "!~")):
        written = [_flag_written(part) for part in _split(text)]
        matchers = parse_matchers(", ".join(written))
    else:
        matchers = parse_matchers(", ".join(_flag_written(part) for part in _AND.split(text)))
    for one in matchers:
        _check(one)
    return matchers


def _split(text: str) -> list[str]:
    """At commas and `and` outside quotes."""
    parts, start, is_quoted, at = [], 0, False, 0
    while at < len(text):
        if text[at] == '"' and (at == 0 or text[at - 1] != "\\"):
            is_quoted = not is_quoted
        found = None if is_quoted else _AND.match(text, at)
        if found is not None:
            parts.append(text[start:at])
            start = at = found.end()
            continue
        at += 1
    return [*parts, text[start:]]


def _flag_written(part: str) -> str:
    """`unacknowledged` as `acknowledged="false"`; what is a comparison stays."""
    text = part.strip()
    if "=" in text or "!~" in text:
        return text
    negated = _NEGATED.match(text)
    word = text[negated.end() :] if negated else text
    word = "_".join(word.lower().split())
    is_true = negated is None
    if word in _OPPOSITES:
        word, is_true = _OPPOSITES[word], not is_true
    if word not in _FLAGS:
        known = (*_FLAGS, *_OPPOSITES)
        hint = nearest(word, known)
        meant = f'; did you mean "{hint}"?' if hint else f"; there are {', '.join(known)}"
        raise Rejected(f"{text!r} is no condition{meant}")
    return f'{word}="{_YES if is_true else _NO}"'


def _check(matcher: Matcher) -> None:
    if matcher.name not in _FIELDS:
        hint = nearest(matcher.name, _FIELDS)
        meant = f'; did you mean "{hint}"?' if hint else "."
        known = ", ".join(_FIELDS)
        raise Rejected(f"an incident has no field {matcher.name!r}{meant} It has {known}")
    if matcher.name in _FLAGS and matcher.value.lower() not in (_YES, _NO):
        raise Rejected(f'{matcher.name} is "true" or "false", got {matcher.value!r}')


def _said(is_true: bool) -> tuple[str]:
    return (_YES if is_true else _NO,)
