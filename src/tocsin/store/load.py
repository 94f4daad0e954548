"""What did the store know before this process began? Its series, metadata and last minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import numpy as np

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.model import labels as label_sets
from tocsin.model.labels import Labels
from tocsin.model.samples import Metadata
from tocsin.store import reading
from tocsin.store.client import Store
from tocsin.store.recent import RecentWindow
from tocsin.store.series import DAY_MS, SeriesRegistry

_SERIES_AT_ONCE = 100_000
_REFS_AT_ONCE = 5_000
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
        rows = await asyncio.to_thread(_decoded, body)
        registry.restore(_with_days(rows, days))
    await _load_metadata(store, registry)
    _log.info("series_loaded", series=len(registry), metrics=len(registry.metadata))


def _decoded(body: bytes) -> list[tuple[int, Labels]]:
    rows = msgspec.json.Decoder(tuple[int, dict[str, str]]).decode_lines(body)
    return [(number, label_sets.from_mapping(labels)) for number, labels in rows]


def _with_days(
    rows: list[tuple[int, Labels]], days: np.ndarray[tuple[int], np.dtype[np.void]]
) -> Iterator[tuple[Labels, int, int, int]]:
    ids = np.array([number for number, _ in rows], np.uint64)
    at = np.minimum(np.searchsorted(days["id"], ids), max(len(days) - 1, 0))
    first, last = days["first"][at].tolist(), days["last"][at].tolist()
    for (number, labels), begin, end in zip(rows, first, last, strict=True):
        yield labels, number, begin, end


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
            timeout_seconds=_TIMEOUT_SECONDS,
            lane="background",
        )
        data = await reading.read(store, request)
        recent.append(np.repeat(data.refs, np.diff(data.offsets)), data.ts, data.values)
    recent.open()
    _log.info("recent_loaded", series=len(refs), since_ms=floor)
