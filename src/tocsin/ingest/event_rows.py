"""How is an event laid out for the store's events table? (ClickHouse's JSONEachRow)"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

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

_ENCODER = msgspec.json.Encoder()


def encode(events: Iterable[Event]) -> bytes:
    """One line of JSON for each event, with the columns of COLUMNS."""
    return b"".join(_line(event) for event in events)


def _line(event: Event) -> bytes:
    row = msgspec.structs.asdict(event)
    at = row.pop("ts_ms")
    # Seconds with a fraction, as text: a number would lose digits on its way through a float.
    row["ts"] = f"{at // 1000}.{at % 1000:03d}"
    return _ENCODER.encode(row) + b"\n"
