"""Which five-minute rows does `samples_5m` hold? Those of every hour that is over, made whole."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.store.client import Store

HOUR_MS = 3_600_000
_LAG_MS = 31 * 60_000
"""An hour is rolled up when nothing in it can be in time any more: `rollup_late_view` notes what
comes later than 30 minutes, and one minute is for clocks that differ."""

_OVERLAP_MS = 60_000
_ROWS_AT_ONCE = 2_000_000
_HOURS_AT_ONCE = 48
_EVERY_SECONDS = 300.0
_log = log.get("rollup")
_rows = gauge.counter("rollups", "Rollups of one hour each, again after late samples too.")
_until = gauge.gauge("rollup_until_seconds", "Samples before this time are rolled up.")

_ROLL = """
INSERT INTO samples_5m
SELECT id, bucket, count(), sum(value), min(value), max(value),
    argMin(value, ts), min(ts), argMax(value, ts), max(ts),
    arraySum((before, after) -> if(after < before, after, after - before),
        arrayPopBack(arrayMap(pair -> pair.2, arraySort(groupArray((ts, value))) AS sorted)
            AS values),
        arrayPopFront(values)),
    {version:UInt64}
FROM
(
    SELECT id, ts, intDiv(ts, 300000) * 300000 AS bucket, value
    FROM samples FINAL
    WHERE ts >= {start:Int64} AND ts < {end:Int64}
        AND id >= {first:UInt64} AND id <= {last:UInt64}
        AND reinterpretAsUInt64(value) != 9218868437227405314
)
GROUP BY id, bucket
"""


class _Hour(msgspec.Struct, frozen=True):
    hour: int


class _State(msgspec.Struct, frozen=True):
    name: str
    value: int


class Rollup:
    """Makes rollups from raw samples, an hour at a time; late samples make their hour again.

    A row is computed from all samples of its five minutes, so nothing is counted twice.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Roll up every few minutes, for ever; a store that is away is tried again."""
        while True:
            try:
                await self.run_once()
            except Temporary as fault:
                _log.warning("rollup_waits", error=str(fault))
            await self._clock.sleep(_EVERY_SECONDS)

    async def until_ms(self) -> int:
        """Samples before this time are in the rollups; 0 when none are."""
        return (await self._state()).get("until", 0)

    async def run_once(self) -> int:
        """Roll up what is due; returns how many hours were."""
        began_ms = self._clock.now_ms()
        state = await self._state()
        due = (began_ms - _LAG_MS) // HOUR_MS * HOUR_MS
        start = state.get("until") or await self._first_hour(due)
        end = min(due, start + _HOURS_AT_ONCE * HOUR_MS)
        fresh = await self._hours(range(start, end, HOUR_MS))
        late = await self._late(state.get("late", 0), start)
        again = await self._hours(late[:_HOURS_AT_ONCE])
        if end > start:
            await self._keep("until", end, began_ms)
            _until.set(end / 1000)
        if len(late) <= _HOURS_AT_ONCE:
            # Otherwise all of them come again next time; making an hour twice changes nothing.
            await self._keep("late", began_ms - _OVERLAP_MS, began_ms)
        return fresh + again

    async def _hours(self, hours: Iterable[int]) -> int:
        done = 0
        for hour in hours:
            await self._hour(hour)
            done += 1
            _rows.inc()
        return done

    async def _hour(self, hour: int) -> None:
        bounds = {"start": hour, "end": hour + HOUR_MS}
        sql = "SELECT count() FROM samples WHERE ts >= {start:Int64} AND ts < {end:Int64}"
        rows = int(await self._store.fetch_bytes(sql, bounds, fmt="TSV", lane="background"))
        parts = -(-rows // _ROWS_AT_ONCE)
        width = (1 << 64) // max(parts, 1)
        for part in range(parts):
            last = (1 << 64) - 1 if part == parts - 1 else (part + 1) * width - 1
            limits = bounds | {"first": part * width, "last": last}
            await self._store.command(_ROLL, limits | {"version": self._clock.now_ms()})

    async def _first_hour(self, due: int) -> int:
        sql = "SELECT if(count() = 0, {due:Int64}, min(ts)) AS hour FROM samples"
        rows = await self._store.fetch_rows(sql, {"due": due}, _Hour, lane="background")
        return min(rows[0].hour // HOUR_MS * HOUR_MS, due)

    async def _late(self, since_ms: int, before: int) -> list[int]:
        sql = (
            "SELECT DISTINCT hour FROM rollup_late WHERE at >= fromUnixTimestamp64Milli("
            "{since:Int64}) AND hour < {before:Int64} ORDER BY hour DESC"
        )
        params = {"since": since_ms, "before": before}
        rows = await self._store.fetch_rows(sql, params, _Hour, lane="background")
        return [row.hour for row in rows]

    async def _state(self) -> dict[str, int]:
        sql = "SELECT name, value FROM rollup_state FINAL"
        return {
            row.name: row.value
            for row in await self._store.fetch_rows(sql, None, _State, lane="short")
        }

    async def _keep(self, name: str, value: int, version: int) -> None:
        row = {"name": name, "value": value, "version": version}
        await self._store.insert("rollup_state", list(row), msgspec.json.encode(row), "JSONEachRow")
