"""How long do searches among millions of lines take, beside the engine's own SQL?

Run: `python -m bench.log_search [--lines LINES] [--rounds ROUNDS]`; 20,000,000 lines and 15 rounds
by default: some six minutes, and 2 GB of disk in a temporary folder.

The lines are made in the engine, over one day, of 320 patterns; then each search runs ROUNDS times
through Tocsin's own search and as the shortest SQL for the same, in turn, warm. Milliseconds
(median, 95th percentile, best), the ratios of the medians and of the best, and of the processor
time of both processes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import uvloop

from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.query.logql.engine import LogqlEngine
from tocsin.query.logs.parse import parse
from tocsin.query.logs.search import LogSearch, Span
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.migrate import migrate

_END_S = 1_700_006_400
_DAY_S = 86_400
_CHUNK = 500_000
_OF_TRACE = 1234
_SHOWN = "ts, service, level, body, attributes, trace_id"
_WITHIN = (
    f"ts >= fromUnixTimestamp64Nano({(_END_S - _DAY_S) * 10**9}, 'UTC')"
    f" AND ts < fromUnixTimestamp64Nano({_END_S * 10**9}, 'UTC')"
)
_FILL = """
INSERT INTO logs (ts, service, level, severity, body, host, environment, source, trace_id,
    attributes, batch, number, taken, pattern)
SELECT fromUnixTimestamp64Nano(toInt64({end} - {day} + intDiv(n * {day}, {total})) * 1000000000
        + n % 1000000000, 'UTC'),
    concat('service-', toString(cityHash64(n) % 20)) AS app,
    [9, 9, 9, 9, 5, 5, 13, 17][cityHash64(n, 1) % 8 + 1] AS lvl,
    transform(lvl, [5, 9, 13, 17], ['debug', 'info', 'warn', 'error'], ''),
    concat(['request ', 'payment of order ', 'import of file ', 'reply no. '][n % 4 + 1],
        toString(n), ' to /api/v1/resource/', toString(n % 997), ' by user ',
        toString(cityHash64(n, 2) % 100000), ' took ', toString(cityHash64(n, 3) % 3000), ' ms',
        if(n % 50021 = 7, ' quixotic failure', if(n % 17 = 0, ' timed out', ''))),
    concat('host-', toString(n % 12)), 'production', 'app',
    hex(cityHash64(intDiv(n, 5)) ), map('duration_ms', toString(cityHash64(n, 3) % 3000)),
    intDiv(n, 5000), n % 5000, toDateTime({end}), cityHash64(app, lvl, n % 4)
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


@dataclass(slots=True)
class _Times:
    """Milliseconds of each round, and the processor seconds of all of them."""

    ms: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def told(self) -> str:
        ordered = sorted(self.ms)
        last = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
        return f"{statistics.median(ordered):9.1f}{last:9.1f}{ordered[0]:9.1f}"


class _Searches:
    """Each question in both ways."""

    def __init__(self, store: Store, trace: str) -> None:
        clock = FakeClock(_END_S)
        self._store = store
        self._trace = trace
        self._search = LogSearch(store, _Nothing(), clock, timeout_seconds=120.0)
        self._logql = LogqlEngine(self._search, clock)
        self._span = Span((_END_S - _DAY_S) * 10**9, _END_S * 10**9)

    def all(self) -> dict[str, tuple[Ask, Ask]]:
        """By title: through Tocsin, and as SQL."""
        return self._of_lines() | self._of_counts()

    def _lines(self, question: str, limit: int) -> Ask:
        query = parse(question)
        return lambda: self._search.lines(query, self._span, limit)

    def _sql(self, text: str) -> Ask:
        return lambda: self._store.fetch_bytes(
            text, fmt="JSONCompactEachRow", timeout_seconds=120.0
        )

    def _newest(self, condition: str, limit: int) -> Ask:
        return self._sql(
            f"SELECT {_SHOWN} FROM logs WHERE {_WITHIN} AND {condition}"
            f" ORDER BY ts DESC LIMIT {limit}"
        )

    def _of_lines(self) -> dict[str, tuple[Ask, Ask]]:
        return {
            "a rare word": (
                self._lines("quixotic", 100),
                self._newest("hasToken(lower(body), 'quixotic')", 100),
            ),
            "last 50, service and level": (
                self._lines("service:service-7 level:error", 50),
                self._newest("service = 'service-7' AND level BETWEEN 17 AND 20", 50),
            ),
            "one trace": (
                self._lines(f"trace_id:{self._trace}", 100),
                self._newest(f"trace_id = '{self._trace}'", 100),
            ),
            "a regular expression": (
                self._lines(r"/user 4242\d took 1\d\d ms/", 100),
                self._newest(r"match(body, 'user 4242\\d took 1\\d\\d ms')", 100),
            ),
        }

    def _of_counts(self) -> dict[str, tuple[Ask, Ask]]:
        search, span = self._search, self._span
        step = "intDiv(toUnixTimestamp(toDateTime(ts)), 600) AS at"
        counted = f"SELECT count() FROM logs WHERE {_WITHIN} AND"
        return {
            "how many of a word": (
                lambda: search.count(parse("timed"), span),
                self._sql(f"{counted} hasToken(lower(body), 'timed')"),
            ),
            "levels over the range": (
                lambda: search.histogram(parse(""), span, 600),
                self._sql(
                    f"SELECT {step}, level, count() FROM logs WHERE {_WITHIN}"
                    " GROUP BY at, level ORDER BY at"
                ),
            ),
            "an attribute": (
                lambda: search.count(parse("duration_ms>2990"), span),
                self._sql(f"{counted} toFloat64OrNull(attributes['duration_ms']) > 2990"),
            ),
            "LogQL: errors by service": (
                lambda: self._logql.range(
                    'sum by (service_name) (count_over_time({level="error"} [10m]))',
                    (_END_S - _DAY_S) * 1000,
                    _END_S * 1000,
                    600_000,
                ),
                self._sql(
                    f"SELECT service, {step}, count() FROM logs WHERE {_WITHIN}"
                    " AND level BETWEEN 17 AND 20 GROUP BY service, at"
                ),
            ),
        }


async def _timed(
    store: Store, ask: Ask, processes: tuple[psutil.Process, ...], into: _Times
) -> None:
    # The engine remembers where a condition found nothing: nobody asks the same 15 times.
    await store.command("SYSTEM DROP QUERY CONDITION CACHE")
    before = sum(sum(one.cpu_times()[:2]) for one in processes)
    began = time.perf_counter()
    await ask()
    into.ms.append((time.perf_counter() - began) * 1000)
    into.cpu += sum(sum(one.cpu_times()[:2]) for one in processes) - before


async def _compare(
    store: Store,
    title: str,
    ways: tuple[Ask, Ask],
    rounds: int,
    processes: tuple[psutil.Process, ...],
) -> None:
    own, bare = ways
    await _timed(store, own, processes, _Times())
    await _timed(store, bare, processes, _Times())
    mine, other = _Times(), _Times()
    for _ in range(rounds):
        await _timed(store, own, processes, mine)
        await _timed(store, bare, processes, other)
    medians = statistics.median(mine.ms) / statistics.median(other.ms)
    best = min(mine.ms) / min(other.ms)
    cpu = f"{mine.cpu / other.cpu:8.2f}" if other.cpu else ""
    print(f"{title:28}{mine.told()}{other.told()}{medians:8.2f}{best:8.2f}{cpu}", flush=True)


async def _merged(store: Store) -> None:
    """Wait until no merge has run for a moment."""
    quiet = 0
    while quiet < 10:
        running = await store.fetch_bytes("SELECT count() FROM system.merges", fmt="TSV")
        quiet = 0 if int(running) else quiet + 1
        await asyncio.sleep(0.1)


async def _prepare(store: Store, total: int) -> str:
    """Make the lines; one of their traces."""
    await migrate(store)
    for table in ("logs", "logs_1m"):
        await store.command(f"ALTER TABLE {table} REMOVE TTL")
    await _fill(store, total)
    await store.command("OPTIMIZE TABLE logs_1m FINAL", timeout_seconds=600.0)
    await _merged(store)
    sql = f"SELECT any(trace_id) FROM logs WHERE number = {_OF_TRACE}"
    return (await store.fetch_bytes(sql, fmt="TSV")).decode().strip()


async def run(total: int, rounds: int) -> None:
    """Make the lines, ask, and print a row for each question."""
    with tempfile.TemporaryDirectory() as folder:
        child = EngineChild(Path(folder), SystemClock())
        await child.start()
        try:
            store = await Store.connect(child.endpoint, database="bench", clock=SystemClock())
            began = time.perf_counter()
            trace = await _prepare(store, total)
            took = time.perf_counter() - began
            print(f"{total:,} lines made in {took:.0f} s; {rounds} rounds, milliseconds")
            print(f"{'':28}{'Tocsin: median, p95, best':>27}{'SQL alone':>27}", end="")
            print("   ratios: median, best, processor time")
            processes = (psutil.Process(), *psutil.Process().children(recursive=True))
            for title, ways in _Searches(store, trace).all().items():
                await _compare(store, title, ways, rounds, processes)
            await store.close()
        finally:
            await child.stop()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    uvloop.run(run(asked.lines, asked.rounds))


if __name__ == "__main__":
    main()
