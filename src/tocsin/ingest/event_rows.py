"""How is an event laid out for the store's events table? (ClickHouse's RowBinary)"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from tocsin.model.events import Event

TABLE = "events"

COLUMNS = (
    "ts",
    "name",
    "kind",
    "value",
    "user_id",
    "session_id",
    "page",
    "release",
    "service",
    "environment",
    "trace_id",
    "span_id",
    "attributes",
)

_INT64 = struct.Struct("<q")
_FLOAT64 = struct.Struct("<d")
_NANOS = 1_000_000


def encode(events: Iterable[Event]) -> bytes:
    """The rows in the order of COLUMNS; the time is in nanoseconds."""
    parts: list[bytes] = []
    for event in events:
        parts.append(_INT64.pack(event.ts_ms * _NANOS))
        parts.append(_text(event.name))
        parts.append(_text(event.kind))
        parts.append(_FLOAT64.pack(event.value))
        parts.extend(
            _text(text)
            for text in (
                event.user_id,
                event.session_id,
                event.page,
                event.release,
                event.service,
                event.environment,
                event.trace_id,
                event.span_id,
            )
        )
        parts.append(_size(len(event.attributes)))
        for key, value in event.attributes.items():
            parts.append(_text(key) + _text(value))
    return b"".join(parts)


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return _size(len(raw)) + raw


def _size(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
