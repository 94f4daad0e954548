"""Events as the store's own table takes them and gives them back."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.ingest import event_rows
from tocsin.model.events import Event
from tocsin.store.client import Store

EVENTS = [
    Event(ts_ms=1_700_000_000_123, name="a", value=1.5, user_id='u"\\\n\x00é', kind="action"),
    Event(ts_ms=1_700_000_000_007, name="b", attributes={"k": "v", "": "x", "ü": "\U0001f514"}),
]


@pytest.mark.slow
async def test_events_come_back_from_the_engine_as_they_were(store: Store) -> None:
    rows = event_rows.encode(EVENTS)
    await store.insert(event_rows.TABLE, event_rows.COLUMNS, rows, "JSONEachRow")
    sql = "SELECT toUnixTimestamp64Milli(ts) AS at, name, kind, value, user_id, attributes"
    found = await store.fetch_bytes(f"{sql} FROM events ORDER BY name", fmt="JSONEachRow")
    lines = [msgspec.json.decode(line) for line in found.splitlines()]
    assert [int(line["at"]) for line in lines] == [event.ts_ms for event in EVENTS]
    for line, event in zip(lines, EVENTS, strict=True):
        assert (line["name"], line["kind"], line["value"]) == (event.name, event.kind, event.value)
        assert (line["user_id"], line["attributes"]) == (event.user_id, event.attributes)
