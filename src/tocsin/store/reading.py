"""How are the samples of many series read from the store, fast and within bounds?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.kit.fault import TooLarge
from tocsin.store.client import Lane, Store
from tocsin.store.native import Columns, blocks
from tocsin.store.ragged import EMPTY, Ragged, Times, Values, from_counts

Refs = NDArray[np.int64]
Ids = NDArray[np.uint64]

_ROWS_AT_ONCE = 500_000
"""Rows that one statement is meant to return: large results cost more a row than small ones."""
_IDS_AT_ONCE = 10_000
"""Ids in one statement: 21 bytes each, and ClickHouse takes statements of 256 KiB."""
_DENSEST_MS = 10_000
"""How often samples are taken to come; only the size of the statements depends on it."""
_SIDE_BY_SIDE = 2
_FEW_ROWS = 50_000

RAW = "SELECT {columns} FROM samples {final} WHERE id IN ({ids}) AND ts BETWEEN {start} AND {end}"
ROLLUP = (
    "SELECT {columns} FROM (SELECT id, last_ts AS ts, last AS value FROM"
    " (SELECT id, last_ts, last FROM samples_5m FINAL"
    " WHERE id IN ({ids}) AND ts BETWEEN {start} - 299999 AND {end}))"
    " WHERE ts BETWEEN {start} AND {end}"
)
"""Both tables hold what `samples` does: in the rollups the last sample of five minutes counts."""


@dataclass(frozen=True, slots=True)
class Request:
    """Which samples: of these series, from `start_ms` to `end_ms` (both included)."""

    refs: Refs
    ids: Ids
    start_ms: int
    end_ms: int
    table: str = RAW
    limit_samples: int = 50_000_000
    ids_at_once: int = 0
    """How many series one statement reads; 0 lets the length of the range decide."""
    timeout_seconds: float = 30.0
    lane: Lane = "query"


async def read(store: Store, request: Request) -> Ragged:
    """The samples in the order of the ids; of equal times, the value that was inserted last.

    Raises TooLarge when the store has more than `limit_samples` rows in the range.
    """
    if not len(request.refs) or request.end_ms < request.start_ms:
        return EMPTY
    order = np.argsort(request.ids, kind="stable")
    refs, ids = request.refs[order], request.ids[order]
    points = (request.end_ms - request.start_ms) // _DENSEST_MS + 1
    size = request.ids_at_once or min(_IDS_AT_ONCE, max(1, _ROWS_AT_ONCE // points))
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)
    budget = _Budget(request.limit_samples)

    async def part(low: int) -> Ragged:
        async with gate:
            few = slice(low, low + size)
            return await _read_part(store, request, refs[few], ids[few], budget)

    lows = range(0, len(refs), size)
    if len(lows) == 1:
        return await part(0)
    try:
        async with asyncio.TaskGroup() as tasks:
            parts = [tasks.create_task(part(low), name=f"read_{low}") for low in lows]
    except ExceptionGroup as group:
        # What went wrong first ended the others; callers know single faults.
        raise group.exceptions[0] from group
    return await asyncio.to_thread(_joined, [task.result() for task in parts])


class _Budget:
    """Rows that may still come."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = limit

    def spend(self, rows: int) -> None:
        self._left -= rows
        if self._left < 0:
            raise TooLarge(
                f"the query needs more than {self.limit:,} samples; narrow the time range or the "
                "selectors, or raise the limit of samples a query may load"
            )


async def _read_part(
    store: Store, request: Request, refs: Refs, ids: Ids, budget: _Budget
) -> Ragged:
    found = await _fetch(store, request, ids, budget, final=False)
    data, doubtful = await _assembled(found, refs, ids, request.start_ms)
    if not doubtful:
        return data
    # Two values for one instant are not merged yet: only the engine knows which came last.
    found = await _fetch(store, request, ids, budget, final=True)
    data, _ = await _assembled(found, refs, ids, request.start_ms)
    return data


async def _fetch(
    store: Store, request: Request, ids: Ids, budget: _Budget, *, final: bool
) -> list[Columns]:
    """Blocks of `id`, `ts` and `value`, ordered by id and ts; as narrow as they can be sent."""
    start, end = request.start_ms, request.end_ms
    short_ids = len(np.unique(ids & np.uint64(0xFFFFFFFF))) == len(ids)
    short_times = end - start < 1 << 32
    key = "toUInt32(bitAnd(id, 4294967295))" if short_ids else "id"
    time = f"toUInt32(ts - ({start}))" if short_times else "ts"
    sql = request.table.format(
        columns=f"{key} AS k, {time} AS t, value AS v",
        final="FINAL" if final else "",
        ids=",".join(map(str, ids.tolist())),
        start=f"({start})",
        end=f"({end})",
    )
    sql += f" ORDER BY id, ts LIMIT {budget.limit + 1}"
    lane = request.lane
    # In the statement, not beside it: a connection of the embedded engine need not be set up anew.
    if final:
        sql += " SETTINGS do_not_merge_across_partitions_select_final = 1"
    elif lane == "query" and len(ids) * ((end - start) // _DENSEST_MS + 1) < _FEW_ROWS:
        sql += " SETTINGS max_threads = 1"
        lane = "short"
    body = await store.fetch_bytes(
        sql, fmt="Native", timeout_seconds=request.timeout_seconds, lane=lane
    )
    found = list(blocks(body))
    if not final:
        budget.spend(sum(len(block["t"]) for block in found))
    return found


async def _assembled(
    found: list[Columns], refs: Refs, ids: Ids, start_ms: int
) -> tuple[Ragged, bool]:
    """Whole series of ordered blocks; and whether one instant has two different values."""
    rows = sum(len(block["t"]) for block in found)
    if not rows:
        return EMPTY, False
    if rows < _FEW_ROWS:
        return _assemble(found, rows, refs, ids, start_ms)
    return await asyncio.to_thread(_assemble, found, rows, refs, ids, start_ms)


def _assemble(
    found: list[Columns], rows: int, refs: Refs, ids: Ids, start_ms: int
) -> tuple[Ragged, bool]:
    ts = np.empty(rows, np.int64)
    values = np.empty(rows, np.float64)
    starts: list[NDArray[np.int64]] = []
    keys: list[NDArray[Any]] = []
    at, before = 0, None
    for block in found:
        key, times = block["k"], block["t"]
        upto = at + len(key)
        np.add(times, start_ms if times.dtype == np.uint32 else 0, out=ts[at:upto], dtype=np.int64)
        values[at:upto] = block["v"]
        first = np.flatnonzero(key[1:] != key[:-1]) + 1
        if before is None or before != key[0]:
            first = np.concatenate([[0], first])
        starts.append(first + at)
        keys.append(key[first])
        at, before = upto, key[-1]
    return _collapsed(_named(np.concatenate(keys), refs, ids), np.concatenate(starts), ts, values)


def _named(keys: NDArray[Any], refs: Refs, ids: Ids) -> Refs:
    """The ref of each series, from its id or the lower half of it."""
    known = ids.astype(keys.dtype)
    order = np.argsort(known)
    return refs[order[np.searchsorted(known, keys, sorter=order)]]


def _collapsed(refs: Refs, starts: Times, ts: Times, values: Values) -> tuple[Ragged, bool]:
    """Keep one of equal times of a series; and whether they had different values."""
    same = ts[1:] == ts[:-1]
    same[starts[1:] - 1] = False
    if not same.any():
        return from_counts(refs, np.diff(starts, append=len(ts)), ts, values), False
    bits = values.view(np.uint64)
    twice = np.flatnonzero(same)
    doubtful = bool((bits[twice] != bits[twice + 1]).any())
    kept = np.concatenate([~same, [True]])
    counts = np.add.reduceat(kept, starts, dtype=np.int64)
    return from_counts(refs, counts, ts[kept], values[kept]), doubtful


def _joined(parts: Sequence[Ragged]) -> Ragged:
    counts = [np.diff(part.offsets) for part in parts]
    return from_counts(
        np.concatenate([part.refs for part in parts]),
        np.concatenate(counts),
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
