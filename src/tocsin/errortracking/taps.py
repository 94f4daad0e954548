"""How do errors of log lines and spans come in? Beside them, and never in their way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
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
from tocsin.model.spans import SpanBatch

_log = log.get("errors")
_missed = gauge.counter(
    "error_events_missed", "Errors of lines and spans that came too fast.", ("source",)
)
_WAITING = 5_000
_AT_ONCE = 200
_PAUSE_SECONDS = 1.0
_EXCEPTION = "exception"
Find = Callable[[], Report | None]


class Taps:
    """Looks at lines and spans that were kept; at most 5,000 of those that hold errors wait."""

    def __init__(self, intake: ErrorIntake, projects: Projects, clock: Clock) -> None:
        self._intake = intake
        self._projects = projects
        self._clock = clock
        self._waiting: deque[Find] = deque()
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
                self._add("logs", partial(found_errors.of_line, one, name, project))

    async def saw(self, batch: SpanBatch) -> None:
        """Spans that were kept."""
        if not self._intake.config.from_spans:
            return
        for span in batch.spans:
            for number, event in enumerate(span.events):
                if event.name == _EXCEPTION:
                    project = self._projects.of_service(span.service).name
                    found = partial(found_errors.of_span, span, event, number, project)
                    self._add("spans", found)

    def _add(self, source: str, find: Find) -> None:
        if len(self._waiting) >= _WAITING:
            _missed.labels(source).inc()
            return
        self._waiting.append(find)
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
        found = await asyncio.to_thread(lambda: [find() for find in some])
        try:
            await self._intake.take([one for one in found if one is not None])
        except Temporary:
            raise
        except Fault as fault:
            _log.error("found_errors_left_out", errors=len(some), reason=str(fault))
        for _ in some:
            self._waiting.popleft()
        if not self._waiting:
            self._arrived.clear()
