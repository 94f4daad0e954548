"""Which of a document's fields are a record's own: its text, time, level, service and ids?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from tocsin.kit.timestamps import nanoseconds
from tocsin.model.logs import LogRecord, level_of, level_of_syslog

_NAMES: Mapping[str, tuple[str, ...]] = {
    "body": ("message", "msg", "body", "log", "event", "text", "short_message", "logmessage"),
    "ts_ns": ("@timestamp", "timestamp", "time", "ts", "datetime", "date", "eventtime", "@t"),
    "level": (
        *("level", "severity", "severity_text", "severitytext", "lvl", "levelname", "loglevel"),
        *("log.level", "log_level", "severity_number", "severitynumber", "@l", "status"),
        *("priority",),
    ),
    "service": (
        *("service.name", "service", "service_name", "servicename", "app", "application"),
        *("appname", "app_name", "application_name", "component", "program", "syslog.appname"),
    ),
    "environment": (
        *("deployment.environment.name", "deployment.environment", "environment", "env"),
        *("service.environment", "node_env"),
    ),
    "host": ("host.name", "hostname", "host", "server", "agent.hostname", "node", "host.hostname"),
    "trace_id": ("trace_id", "traceid", "trace.id", "otel.trace_id", "dd.trace_id"),
    "span_id": ("span_id", "spanid", "span.id", "otel.span_id", "dd.span_id"),
    "user_id": ("user_id", "userid", "user.id", "enduser.id", "usr.id", "uid"),
}
"""Names of each part in the usual libraries and conventions, the most telling first, as they are
in lower case."""

_RANKED = {name: (part, rank) for part, names in _NAMES.items() for rank, name in enumerate(names)}
_WRAPPERS = ("fields.", "meta.", "metadata.", "context.", "attributes.", "extra.")
"""What libraries put other fields into; a field in there is known by its own name."""
_NUMERIC_LEVELS = ((60, 21), (50, 17), (40, 13), (30, 9), (20, 5), (10, 1))
"""pino's and bunyan's numbers: at least -> severity number."""
_MOST_NUMERIC = 69
_MOST_SYSLOG = 7
_MOST_OTEL = 24
DEEPEST = 12
"""Objects within objects that are taken apart; what is deeper is kept as text."""

_WRAPPED, _WORST = 20, 99

_PARTS = tuple(_NAMES)


class Shape(NamedTuple):
    """Where each part of a record is among the values of documents of the same fields, -1 for
    nowhere; and which values are attributes, under which names."""

    places: tuple[int, ...]
    names: tuple[str, ...]
    choose: Callable[[Sequence[Any]], tuple[Any, ...]]  # texts, or whole columns of them


_shapes: dict[tuple[str, ...], Shape] = {}
_SHAPES_KEPT = 5_000
_LONGEST_SHAPE = 4_000
"""Programs write few shapes of documents; those that make up names do not fill the memory."""
_LONGEST_LEVEL = 40


def flattened(document: Mapping[str, object]) -> dict[str, str]:
    """Every field by its dotted name, as text: lists as JSON, nulls left out."""
    found: dict[str, str] = {}
    _flatten(document, "", found, DEEPEST)
    return found


def _flatten(document: Mapping[str, object], prefix: str, found: dict[str, str], left: int) -> None:
    for key, value in document.items():
        name = prefix + key
        if isinstance(value, str | int | float):
            found[name] = scalar_text(value)
        elif isinstance(value, dict) and left:
            _flatten(value, name + ".", found, left - 1)
        elif value is not None:
            found[name] = msgspec.json.encode(value).decode()


def scalar_text(value: str | float) -> str:
    """A text, a number or a truth value as text."""
    if isinstance(value, str):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else repr(value)


def record_of(fields: dict[str, str], *, now_ns: int, original: str = "") -> LogRecord:
    """A record of a document's fields; those that are parts of it are no attributes.

    Fields within a wrapper such as winston's `fields` have their own names alone, as far as none
    of the document's has that name. Without a text the whole document, `original`, is the text. A
    time that is no time is kept as an attribute, and the line has the time of its arrival.
    """
    names = tuple(fields)
    shape = shape_of(names)
    values = list(fields.values())
    body, ts, level, service, environment, host, trace_id, span_id, user_id = shape.places
    attributes = dict(zip(shape.names, shape.choose(values), strict=True))
    at = nanoseconds(values[ts]) if ts >= 0 else now_ns
    if at is None:
        at, attributes[names[ts]] = now_ns, values[ts]
    number = level_number(names[level], values[level]) if level >= 0 else 0
    if level >= 0 and not number:
        attributes[names[level]] = values[level]
    return LogRecord(
        ts_ns=at,
        body=values[body] if body >= 0 else original,
        service=values[service] if service >= 0 else "",
        level=number,
        severity=values[level] if number else "",
        host=values[host] if host >= 0 else "",
        environment=values[environment] if environment >= 0 else "",
        trace_id=values[trace_id] if trace_id >= 0 else "",
        span_id=values[span_id] if span_id >= 0 else "",
        user_id=values[user_id] if user_id >= 0 else "",
        attributes=attributes,
        original=original if body >= 0 else "",
    )


def shape_of(names: tuple[str, ...]) -> Shape:
    """The shape of documents of these fields; most shapes are known."""
    shape = _shapes.get(names)
    if shape is None:
        shape = _shape(names)
        if len(_shapes) < _SHAPES_KEPT and sum(map(len, names)) <= _LONGEST_SHAPE:
            _shapes[names] = shape
    return shape


def _shape(names: tuple[str, ...]) -> Shape:
    """Which field is which part, and which loses its wrapper, for documents of these fields."""
    parts: dict[str, str] = {}
    ranks: dict[str, int] = {}
    for name in names:
        known = _known(name)
        if known is not None and known[1] < ranks.get(known[0], _WORST):
            parts[known[0]] = name
            ranks[known[0]] = known[1]
    taken = set(names)
    kept: dict[int, str] = {}
    used = set(parts.values())
    for place, name in enumerate(names):
        if name in used:
            continue
        bare = next((name[len(one) :] for one in _WRAPPERS if name.startswith(one)), "")
        kept[place] = bare if bare and bare not in taken else name
        taken.add(kept[place])
    places = tuple(names.index(parts[one]) if one in parts else -1 for one in _PARTS)
    return Shape(places, tuple(kept.values()), _chooser(tuple(kept)))


def _chooser(
    places: tuple[int, ...],
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:  # as in Shape
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def _known(name: str) -> tuple[str, int] | None:
    """Which part a field of this name may be, and how telling the name is (0 is the most)."""
    lower = name.lower()
    if lower in _RANKED:
        return _RANKED[lower]
    for wrapper in _WRAPPERS:
        inner = _RANKED.get(lower[len(wrapper) :]) if lower.startswith(wrapper) else None
        if inner is not None and inner[0] not in ("body", "ts_ns"):
            # A wrapped field stands behind one of the document's own.
            return inner[0], inner[1] + _WRAPPED
    return None


def level_number(name: str, text: str) -> int:
    """The severity number of the text of a field of that name; 0 when it is no level."""
    return _level(name, text) if len(text) <= _LONGEST_LEVEL else 0


@lru_cache(maxsize=4096)
def _level(name: str, text: str) -> int:
    """The severity number of a level's text; 0 when it is none."""
    return level_of(text) or _numeric_level(name, text)


def _numeric_level(name: str, text: str) -> int:
    """The severity number of a level written as a number; 0 when it is none, as an HTTP status."""
    if not (text.isascii() and text.isdigit()) or len(text) > 2:
        return 0
    number, lower = int(text), name.lower()
    if lower.endswith("status"):
        return 0
    if lower.endswith(("severity_number", "severitynumber")):
        return number if number <= _MOST_OTEL else 0
    if number <= _MOST_SYSLOG:  # as GELF and journald write it
        return level_of_syslog(number)
    if number > _MOST_NUMERIC:
        return 0
    return next((level for least, level in _NUMERIC_LEVELS if number >= least), 0)
