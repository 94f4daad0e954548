"""Which part of a span does a name in a question mean?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from tocsin.kit.fault import Rejected
from tocsin.model.span_names import same_as
from tocsin.model.spans import KINDS, STATUSES


class Part(Enum):
    """What kind of part it is; it decides how it is compared."""

    COLUMN = "column"
    TRACE = "trace"
    KIND = "kind"
    STATUS = "status"
    FAILED = "failed"
    ROOT = "root"
    DURATION = "duration"
    TIME = "time"
    EVENT = "event"
    ATTRIBUTE = "attribute"
    OF_SPAN = "attribute of the span alone"
    OF_RESOURCE = "attribute of the resource alone"
    OF_EVENT = "attribute of an event"


_PLACES: Mapping[str, tuple[Part, str]] = {
    **dict.fromkeys(("service", "service.name", "service_name"), (Part.COLUMN, "service")),
    **dict.fromkeys(("name", "operation", "span.name", "span_name"), (Part.COLUMN, "name")),
    **dict.fromkeys(
        ("env", "environment", "deployment.environment", "deployment.environment.name"),
        (Part.COLUMN, "environment"),
    ),
    **dict.fromkeys(("host", "hostname", "host.name"), (Part.COLUMN, "host")),
    **dict.fromkeys(("scope", "otel.scope.name", "otel.library.name"), (Part.COLUMN, "scope")),
    **dict.fromkeys(
        ("message", "status_message", "status.message"), (Part.COLUMN, "status_message")
    ),
    **dict.fromkeys(("user", "user_id", "user.id", "enduser.id"), (Part.COLUMN, "user_id")),
    **dict.fromkeys(("trace", "trace_id", "trace.id", "traceid"), (Part.TRACE, "trace_id")),
    **dict.fromkeys(("span", "span_id", "span.id", "spanid"), (Part.COLUMN, "span_id")),
    **dict.fromkeys(("parent", "parent_id", "parent_span_id"), (Part.COLUMN, "parent_id")),
    **dict.fromkeys(("kind", "span.kind", "span_kind"), (Part.KIND, "kind")),
    **dict.fromkeys(("status", "status.code", "otel.status_code"), (Part.STATUS, "status")),
    **dict.fromkeys(("error", "failed"), (Part.FAILED, "status")),
    **dict.fromkeys(("root", "is_root"), (Part.ROOT, "parent_id")),
    **dict.fromkeys(("duration", "took", "duration_ms"), (Part.DURATION, "duration_ns")),
    **dict.fromkeys(("time", "ts", "@timestamp", "timestamp"), (Part.TIME, "ts")),
    **dict.fromkeys(("event", "event.name"), (Part.EVENT, "event")),
}
_PREFIXES = (
    ("resource.", Part.OF_RESOURCE),
    ("span.", Part.OF_SPAN),
    ("event.", Part.OF_EVENT),
    ("attributes.", Part.ATTRIBUTE),
    ("tags.", Part.ATTRIBUTE),
    (".", Part.ATTRIBUTE),
)
_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|μs|ms|s|m|h)?", re.ASCII)
_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST_NS = 2**63 - 1
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


def place_of(name: str) -> tuple[Part, str]:
    """The kind of part, and the column or attribute; the usual other spellings are known."""
    if found := _PLACES.get(name.lower()):
        return found
    for prefix, part in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            bare = name[len(prefix) :]
            known = _PLACES.get(bare.lower())
            return known if known and part is not Part.OF_EVENT else (part, bare)
    return Part.ATTRIBUTE, name


def names_of(attribute: str) -> tuple[str, ...]:
    """Under which names an attribute is kept: before and after it was renamed."""
    return same_as(attribute)


def duration_ns(text: str) -> int:
    """Nanoseconds of `500ms`, `1.5s`, `2m`; a number alone means milliseconds.

    Raises Rejected for what is no duration.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise Rejected(f"{text[:40]!r} is no duration; write 250us, 500ms, 1.5s or 2m")
    number = float(found[1]) * _NS[found[2] or "ms"]
    if number > _LONGEST_NS:
        raise Rejected(f"{text[:40]!r} is longer than any span")
    return round(number)


def kind_of(word: str) -> int:
    """The number of a kind by its word; raises Rejected for a word that names none."""
    lower = word.lower().removeprefix("span_kind_")
    if lower not in KINDS:
        raise Rejected(f"{word[:40]!r} is no kind of span; the kinds are {', '.join(KINDS[1:])}")
    return KINDS.index(lower)


def status_of(word: str) -> int:
    """The number of a status by its word; raises Rejected for a word that names none."""
    lower = word.lower().removeprefix("status_code_")
    if lower not in STATUSES:
        raise Rejected(f"{word[:40]!r} is no status; they are {', '.join(STATUSES)}")
    return STATUSES.index(lower)


def is_yes(word: str) -> bool:
    """Whether a word means yes; raises Rejected for one that means neither yes nor no."""
    if word.lower() not in (*_YES, *_NO):
        raise Rejected(f"{word[:40]!r} is neither true nor false")
    return word.lower() in _YES


def trace_id_of(text: str) -> str:
    """A trace's id as it is kept: 32 lower-case hexadecimal digits, zeros filled in on the left.

    Raises Rejected for what is no id.
    """
    bare = text.strip().lower().removeprefix("0x").replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{1,32}", bare):
        raise Rejected(f"{text[:80]!r} is no trace id; one has 32 hexadecimal digits")
    return bare.zfill(32)
