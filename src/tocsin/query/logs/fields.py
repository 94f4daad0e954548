"""Which part of a line does a name in a question mean?"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from tocsin.kit.fault import Rejected
from tocsin.model.logs import level_name, level_of
from tocsin.model.trace_ids import plain_span, plain_trace


class Part(Enum):
    """What kind of part it is; it decides how it is compared."""

    BODY = "body"
    LEVEL = "level"
    TIME = "time"
    COLUMN = "column"
    PATTERN = "pattern"
    ATTRIBUTE = "attribute"


_COLUMNS: Mapping[str, str] = {
    "service": "service",
    "service.name": "service",
    "service_name": "service",
    "severity": "severity",
    "severity_text": "severity",
    "host": "host",
    "hostname": "host",
    "host.name": "host",
    "environment": "environment",
    "env": "environment",
    "deployment.environment": "environment",
    "source": "source",
    "index": "source",
    "_index": "source",
    "trace_id": "trace_id",
    "traceid": "trace_id",
    "trace": "trace_id",
    "trace.id": "trace_id",
    "span_id": "span_id",
    "spanid": "span_id",
    "span.id": "span_id",
    "user_id": "user_id",
    "userid": "user_id",
    "user.id": "user_id",
    "user": "user_id",
}
_PARTS: Mapping[str, Part] = {
    "message": Part.BODY,
    "msg": Part.BODY,
    "body": Part.BODY,
    "text": Part.BODY,
    "level": Part.LEVEL,
    "log.level": Part.LEVEL,
    "@timestamp": Part.TIME,
    "timestamp": Part.TIME,
    "time": Part.TIME,
    "ts": Part.TIME,
    "pattern": Part.PATTERN,
}
LONGEST_PATTERN = 20
"""Digits of a pattern's number, which has 64 bits."""
_WRAPPERS = ("fields.", "meta.", "metadata.", "context.", "attributes.", "extra.")
_KEYWORD = ".keyword"


def place_of(name: str) -> tuple[Part, str]:
    """The kind of part, and the column or attribute; the usual other spellings are known."""
    # Elasticsearch's mapping for exact values of a text field.
    name = name.removesuffix(_KEYWORD)
    for bare in (name, _unwrapped(name)):
        lower = bare.lower()
        if lower in _PARTS:
            return _PARTS[lower], lower
        if lower in _COLUMNS:
            return Part.COLUMN, _COLUMNS[lower]
    return Part.ATTRIBUTE, name


def names_of(attribute: str) -> tuple[str, ...]:
    """Under which names an attribute is kept: what libraries wrap fields in is left out there."""
    bare = _unwrapped(attribute)
    return (attribute,) if bare == attribute else (bare, attribute)


def spelled(column: str, value: str) -> tuple[str, ...]:
    """A column's value as it may be kept: ids of traces are, as OpenTelemetry writes them."""
    plain = {"trace_id": plain_trace, "span_id": plain_span}.get(column)
    return tuple(dict.fromkeys((plain(value), value))) if plain else (value,)


def _unwrapped(name: str) -> str:
    for wrapper in _WRAPPERS:
        if name.startswith(wrapper):
            return name[len(wrapper) :]
    return name


def levels_of(word: str) -> tuple[int, int]:
    """The first and the last severity number of a level's name, or of a number.

    Raises Rejected for a word that names no level.
    """
    if word.isdecimal() and len(word) <= 3 and 0 < int(word) <= 24:
        return int(word), int(word)
    if word.lower() in ("unknown", "none"):
        return 0, 0
    number = level_of(word)
    if not number:
        raise Rejected(
            f"{word!r} is no level; the levels are trace, debug, info, warn, error, fatal"
        )
    first = (number - 1) // 4 * 4 + 1
    if level_name(number) == "fatal":
        return 21, 24
    return first, first + 3


def number_of(text: str) -> float | None:
    """The number that a value is; None when it is none."""
    try:
        return float(text)
    except ValueError:
        return None
