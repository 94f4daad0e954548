"""How long do searches among millions of lines take, beside the engine's own SQL?

usage: python -m bench.log_search [LINES] [ROUNDS]

LINES lines (2,000,000 by itself) are made in the engine over one day; then each search runs ROUNDS
times through Tocsin's own search and as the shortest SQL for the same, in turn, warm. Percentiles
in milliseconds, and the ratio of the medians.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.query.logql.engine import LogqlEngine
from tocsin.query.logs.parse import parse
from tocsin.query.logs.search import LogSearch, Span
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.migrate import migrate

_END_S = 1_700_006_400
_DAY_S = 86_400
_CHUNK = 200_000
_WITHIN = (
    f"ts >= fromUnixTimestamp64Nano({(_END_S - _DAY_S) * 10**9}, 'UTC')"
    f" AND ts < fromUnixTimestamp64Nano({_END_S * 10**9}, 'UTC')"
)
_FILL = """
INSERT INTO logs (ts, service, level, severity, body, host, environment, source, trace_id,
    attributes, batch, number, taken, pattern)
SELECT fromUnixTimestamp64Nano(toInt64({end} - {day} + intDiv(n * {day}, {total})) * 1000000000
        + n % 1000000000, 'UTC'),
    concat('service-', toString(cityHash64(n) % 20)),
    [9, 9, 9, 9, 5, 5, 13, 17][cityHash64(n, 1) % 8 + 1] AS lvl,
    transform(lvl, [5, 9, 13, 17], ['debug', 'info', 'warn', 'error'], ''),
    concat('request ', toString(n), ' to /api/v1/resource/', toString(n % 997), ' by user ',
        toString(cityHash64(n, 2) % 100000), ' took ', toString(cityHash64(n, 3) % 3000), ' ms',
        if(n % 50021 = 7, ' quixotic failure', if(n % 17 = 0, ' timed out', ''))),
    concat('host-', toString(n % 12)), 'production', 'app',
    hex(cityHash64(intDiv(n, 5)) ), map('duration_ms', toString(cityHash64(n, 3) % 3000)),
    intDiv(n, 5000), n % 5000, toDateTime({end}), n % 300 + 1
FROM (SELECT number + {first} AS n FROM numbers({count}))
"""


async def _fill(store: Store, total: int) -> None:
    for first in range(0, total, _CHUNK):
        count = min(_CHUNK, total - first)
        sql = _FILL.format(end=_END_S, day=_DAY_S, total=total, first=first, count=count)
        await store.command(sql, timeout_seconds=300.0)


class _Nothing:
    async def settle(self) -> None:
        """Nothing waits."""


Ask = Callable[[], Awaitable[object]]


async def _searches(store: Store) -> dict[str, tuple[Ask, Ask]]:
    clock = FakeClock(_END_S)
    search = LogSearch(store, _Nothing(), clock, timeout_seconds=120.0)
    logql = LogqlEngine(search, clock)
    span = Span((_END_S - _DAY_S) * 10**9, _END_S * 10**9)
    trace = (await store.fetch_bytes("SELECT any(trace_id) FROM logs", fmt="TSV")).decode().strip()

    def lines(question: str, limit: int) -> Ask:
        query = parse(question)
        return lambda: search.lines(query, span, limit)

    def sql(text: str) -> Ask:
        return lambda: store.fetch_bytes(text, fmt="JSONCompactEachRow", timeout_seconds=120.0)

    columns = "ts, service, level, body, attributes, trace_id"
    rare = "hasToken(lower(body), 'quixotic')"
    levels = "SELECT intDiv(toUnixTimestamp(toDateTime(ts)), 600) AS at, level, count() FROM logs"
    return {
        "a rare word": (
            lines("quixotic", 100),
            sql(
                f"SELECT {columns} FROM logs WHERE {_WITHIN} AND {rare} ORDER BY ts DESC LIMIT 100"
            ),
        ),
        "how many of a word": (
            lambda: search.count(parse("timed"), span),
            sql(f"SELECT count() FROM logs WHERE {_WITHIN} AND hasToken(lower(body), 'timed')"),
        ),
        "last 50, service and level": (
            lines("service:service-7 level:error", 50),
            sql(
                f"SELECT {columns} FROM logs WHERE {_WITHIN} AND service = 'service-7'"
                " AND level BETWEEN 17 AND 20 ORDER BY ts DESC LIMIT 50"
            ),
        ),
        "one trace": (
            lines(f"trace_id:{trace}", 100),
            sql(
                f"SELECT {columns} FROM logs WHERE {_WITHIN} AND trace_id = '{trace}'"
                " ORDER BY ts DESC LIMIT 100"
            ),
        ),
        "levels over the range": (
            lambda: search.histogram(parse(""), span, 600),
            sql(f"{levels} WHERE {_WITHIN} GROUP BY at, level ORDER BY at"),
        ),
        "a regular expression": (
            lines(r"/user 4242\d took 1\d\d ms/", 100),
            sql(
                f"SELECT {columns} FROM logs WHERE {_WITHIN}"
                r" AND match(body, 'user 4242\\d took 1\\d\\d ms') ORDER BY ts DESC LIMIT 100"
            ),
        ),
        "an attribute": (
            lambda: search.count(parse("duration_ms>2990"), span),
            sql(
                f"SELECT count() FROM logs WHERE {_WITHIN}"
                " AND toFloat64OrNull(attributes['duration_ms']) > 2990"
            ),
        ),
        "LogQL: errors by service": (
            lambda: logql.range(
                'sum by (service_name) (count_over_time({level="error"} [10m]))',
                (_END_S - _DAY_S) * 1000,
                _END_S * 1000,
                600_000,
            ),
            sql(
                "SELECT service, intDiv(toUnixTimestamp(toDateTime(ts)), 600) AS at, count()"
                f" FROM logs WHERE {_WITHIN} AND level BETWEEN 17 AND 20 GROUP BY service, at"
            ),
        ),
    }


async def _timed(ask: Ask) -> float:
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1000


def _shown(times: list[float]) -> str:
    ordered = sorted(times)
    last = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    return f"{statistics.median(ordered):9.1f}{last:9.1f}"


async def run(total: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        child = EngineChild(Path(folder), SystemClock())
        await child.start()
        try:
            store = await Store.connect(child.endpoint, database="bench", clock=SystemClock())
            await migrate(store)
            for table in ("logs", "logs_1m"):
                await store.command(f"ALTER TABLE {table} REMOVE TTL")
            began = time.perf_counter()
            await _fill(store, total)
            await store.command("OPTIMIZE TABLE logs_1m FINAL", timeout_seconds=300.0)
            took = time.perf_counter() - began
            print(f"{total:,} lines made in {took:.0f} s; {rounds} rounds, median and p95 in ms")
            print(f"{'':28}{'Tocsin':>18}{'SQL alone':>18}{'ratio':>8}")
            for title, (own, bare) in (await _searches(store)).items():
                mine: list[float] = []
                other: list[float] = []
                for number in range(rounds + 1):
                    one, two = await _timed(own), await _timed(bare)
                    if number:
                        mine.append(one)
                        other.append(two)
                ratio = statistics.median(mine) / statistics.median(other)
                print(f"{title:28}{_shown(mine)}{_shown(other)}{ratio:8.2f}")
            await store.close()
        finally:
            await child.stop()


def main() -> None:
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    asyncio.run(run(total, rounds))


if __name__ == "__main__":
    main()
