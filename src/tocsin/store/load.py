"""What did the store know before this process began? Its series, metadata and last minutes."""

from __future__ import annotations

import asyncio

import msgspec
import numpy as np
from numpy.typing import NDArray

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.model import labels as label_sets
from tocsin.model.labels import Labels
from tocsin.model.samples import Metadata
from tocsin.store import reading
from tocsin.store.client import Store
from tocsin.store.recent import RecentWindow
from tocsin.store.series import DAY_MS, SeriesRegistry

# Small enough that a start takes no more memory than the run before: 100,000 series read at once,
# and 5,000 refs, took 60 MiB more than the run; so it takes 50 MiB less.
_SERIES_AT_ONCE = 40_000
_REFS_AT_ONCE = 2_500
_TIMEOUT_SECONDS = 120.0

_DAYS = np.dtype([("id", "<u8"), ("first", "<u2"), ("last", "<u2")])

_log = log.get("store.load")


async def load_series(store: Store, registry: SeriesRegistry, *, since_day: int = 0) -> None:
    """Know every series that was alive on or after that day (days since 1970), and all metadata.

    Raises Temporary when the store is away.
    """
    sql = (
        "SELECT id, min(day) AS first, max(day) AS last FROM series"
        " GROUP BY id HAVING toUInt16(last) >= {since:UInt16} ORDER BY id"
    )
    days = await store.fetch_array(
        sql, {"since": since_day}, _DAYS, timeout_seconds=_TIMEOUT_SECONDS, lane="background"
    )
    parts = max(1, -(-len(days) // _SERIES_AT_ONCE))
    for part in range(parts):
        # A label set is read from the row of its last day alone: a series has one row each day.
        sql = (
            "SELECT id, labels FROM series PREWHERE id % {parts:UInt32} = {part:UInt32} AND"
            " (id, day) IN (SELECT id, max(day) FROM series"
            " WHERE id % {parts:UInt32} = {part:UInt32}"
            " GROUP BY id HAVING toUInt16(max(day)) >= {since:UInt16})"
        )
        body = await store.fetch_bytes(
            sql,
            {"parts": parts, "part": part, "since": since_day},
            fmt="JSONCompactEachRow",
            settings={"output_format_json_quote_64bit_integers": 0},
            timeout_seconds=_TIMEOUT_SECONDS,
            lane="background",
        )
        ids, sets = await asyncio.to_thread(_decoded, body)
        # Another node may have added a series since the days were read: it is not ours to know.
        there = np.isin(ids, days["id"])
        at = np.searchsorted(days["id"], ids[there])
        named = [sets[place] for place in np.flatnonzero(there).tolist()]
        registry.restore(named, ids[there], days["first"][at], days["last"][at])
    await _load_metadata(store, registry)
    _log.info("series_loaded", series=len(registry), metrics=len(registry.metadata))


def _decoded(body: bytes) -> tuple[NDArray[np.uint64], list[Labels]]:
    """Ids and label sets; a row that was not merged with its twin yet counts once."""
    rows = msgspec.json.Decoder(tuple[int, dict[str, str]]).decode_lines(body)
    ids, at = np.unique(np.array([row[0] for row in rows], np.uint64), return_index=True)
    return ids, [label_sets.from_mapping(rows[place][1]) for place in at.tolist()]


async def _load_metadata(store: Store, registry: SeriesRegistry) -> None:
    sql = "SELECT metric, type, help, unit FROM metric_metadata FINAL ORDER BY updated"
    body = await store.fetch_bytes(sql, fmt="JSONCompactEachRow", lane="background")
    rows = msgspec.json.Decoder(tuple[str, str, str, str]).decode_lines(body)
    registry.metadata.record(Metadata(*row) for row in rows)


async def load_recent(
    store: Store, registry: SeriesRegistry, recent: RecentWindow, clock: Clock
) -> None:
    """Fill the recent window from the store, and open it. To be done after `load_series` and
    before the first write; once, as the window must be empty."""
    floor = clock.now_ms() - recent.window_ms
    recent.begin(floor)
    refs = registry.select([], floor, np.iinfo(np.int32).max * DAY_MS)
    for low in range(0, len(refs), _REFS_AT_ONCE):
        few = refs[low : low + _REFS_AT_ONCE]
        # Nothing bounds the end: samples may lie in the future.
        latest = int(registry.last_day[few].max() + 1) * DAY_MS
        request = reading.Request(
            few,
            registry.ids[few],
            floor,
            max(latest, floor),
            ids_at_once=_REFS_AT_ONCE,
            timeout_seconds=_TIMEOUT_SECONDS,
            lane="background",
        )
        data = await reading.read(store, request)
        recent.append(np.repeat(data.refs, np.diff(data.offsets)), data.ts, data.values)
    recent.open()
    _log.info("recent_loaded", series=len(refs), since_ms=floor)
