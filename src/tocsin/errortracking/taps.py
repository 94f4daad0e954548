"""How do errors of log lines and spans come in? Beside them, and never in their way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice

from tocsin.errortracking import found_errors
from tocsin.errortracking.intake import ErrorIntake
from tocsin.errortracking.projects import Projects
from tocsin.errortracking.sentry_event import Report
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.model.logs import LogBatch, line_id
from tocsin.model.span_table import table_of
from tocsin.model.spans import SpanBatch

_log = log.get("errors")
_missed = gauge.counter(
    "error_events_missed", "Errors of lines and spans that came too fast.", ("source",)
)
_WAITING, _WAITING_BYTES = 5_000, 64 << 20
_OTHER_BYTES = 1_000
"""About what a line or span takes beside its texts."""
_AT_ONCE = 200
_PAUSE_SECONDS = 1.0
_EXCEPTION = "exception"
Find = Callable[[], Report | None]


class Taps:
    """Looks at lines and spans that were kept; at most 5,000 of those that hold errors wait, and no
    more than 64 MiB of them."""

    def __init__(self, intake: ErrorIntake, projects: Projects, clock: Clock) -> None:
        self._intake = intake
        self._projects = projects
        self._clock = clock
        self._waiting: deque[tuple[Find, int]] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._turn = asyncio.Lock()

    def publish(self, batch: LogBatch) -> None:
        """Lines that were kept; as a live tail is told."""
        if not self._intake.config.from_logs:
            return
        for place, one in enumerate(batch.records):
            if one.level >= 17 and found_errors.may_hold(one):
                name = line_id(one.ts_ns, batch.key, batch.number(place))
                project = self._projects.of_service(one.service).name
                found = partial(found_errors.of_line, one, name, project)
                self._add("logs", found, len(one.body) + _size_of(one.attributes))

    async def saw(self, batch: SpanBatch) -> None:
        """Spans that were kept."""
        if not self._intake.config.from_spans:
            return
        table = table_of(batch.spans)
        for place, events in enumerate(table.events):
            for number, event in enumerate(events):
                if event.name == _EXCEPTION:
                    project = self._projects.of_service(table.service[place]).name
                    found = partial(found_errors.of_span, table[place], event, number, project)
                    self._add("spans", found, _size_of(event.attributes))

    def _add(self, source: str, find: Find, size_bytes: int) -> None:
        size_bytes += _OTHER_BYTES
        if len(self._waiting) >= _WAITING or self._bytes + size_bytes > _WAITING_BYTES:
            _missed.labels(source).inc()
            return
        self._waiting.append((find, size_bytes))
        self._bytes += size_bytes
        self._arrived.set()

    async def run(self) -> None:
        """Take what was seen in, for ever."""
        while True:
            await self._arrived.wait()
            try:
                async with self._turn:
                    await self._take_some()
            except Temporary as fault:
                _log.warning("found_errors_wait", reason=str(fault))
                await self._clock.sleep(_PAUSE_SECONDS)

    async def settle(self) -> None:
        """Take in what waits, now: at an end too, so that it is not lost. Raises Temporary."""
        async with self._turn:
            while self._waiting:
                await self._take_some()

    async def _take_some(self) -> None:
        """Take the oldest in. Raises Temporary when they cannot be kept now: they wait on."""
        some = list(islice(self._waiting, _AT_ONCE))
        wait_on = False
        try:
            found = await asyncio.to_thread(lambda: [find() for find, _ in some])
            await self._intake.take([one for one in found if one is not None])
        except Temporary:
            wait_on = True
            raise
        except Fault as fault:
            _log.error("found_errors_left_out", errors=len(some), reason=str(fault))
        finally:
            if not wait_on:
                self._drop(len(some))

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._bytes -= self._waiting.popleft()[1]
        if not self._waiting:
            self._arrived.clear()


def _size_of(attributes: Mapping[str, str]) -> int:
    return sum(map(len, attributes.values()))
