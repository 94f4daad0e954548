"""What happens to errors on their way in, whoever sent them? One path for all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from tocsin.errortracking import people_sketch
from tocsin.errortracking.advance import Sighting
from tocsin.errortracking.answers import Content, IssueChange
from tocsin.errortracking.config import ErrorsConfig
from tocsin.errortracking.counting import Counting
from tocsin.errortracking.fingerprint import Grouped, grouped
from tocsin.errortracking.kinds import TITLE, Kinds
from tocsin.errortracking.sampling import Sampler
from tocsin.errortracking.scrubbing import scrubbed
from tocsin.errortracking.secret_names import without_secrets
from tocsin.errortracking.sentry_event import Report, content
from tocsin.errortracking.shrinking import shrunk
from tocsin.errortracking.texts import text
from tocsin.ingest.logs.scrub import Scrubber, ScrubConfig
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.model.errors import ErrorEvent
from tocsin.store.error_writer import ErrorWriter
from tocsin.store.group import GroupCommit, WriterConfig

_log = log.get("errors")
_taken = gauge.counter("error_events_taken", "Errors taken in, by source.", ("source",))
_left_out = gauge.counter("error_events_left_out", "Errors not taken, by why.", ("reason",))
_REMEMBERED, _TRACES = 50_000, 20_000
_FUTURE_NS = 600 * 1_000_000_000
_ON_LOOP = 8
_ON_LOOP_BYTES = 64 << 10
_RETRY_SECONDS = 1.0
_MOST_UNCOUNTED = 20_000

T = TypeVar("T")


class _Coming(msgspec.Struct, frozen=True):
    """One error: what it counts as, and its row when it is kept whole."""

    sighting: Sighting
    event: ErrorEvent | None


class _Taken(msgspec.Struct, frozen=True):
    """What is remembered of errors before they are kept, so that who comes meanwhile hears of it:
    their ids, and what they are the first of their traces to tell."""

    ids: tuple[str, ...]
    traces: list[str]


class ErrorIntake:
    """Groups, samples, scrubs, keeps and counts. `open`, then `run` by one supervised task.

    Errors are kept in the writer's log before they are counted, and answered after both. While the
    database of issues is away they are kept and answered all the same, and counted as soon as it is
    back, or at the next start.
    """

    def __init__(
        self,
        writer: ErrorWriter,
        counting: Counting,
        clock: Clock,
        config: ErrorsConfig,
        *,
        scrub: ScrubConfig,
        retention_seconds: float,
    ) -> None:
        self._writer = writer
        self._counting = counting
        self._clock = clock
        self._config = config
        self._retention_seconds = retention_seconds
        self._scrub_config = scrub
        self._scrubber = Scrubber(scrub)
        self._sampler = Sampler(clock, config.keep_per_minute)
        self._kinds = Kinds(clock, config.kinds_per_hour)
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._flying: dict[str, asyncio.Event] = {}
        # Those that are being kept: who sends one again meanwhile is answered with the first.
        self._of_traces: OrderedDict[str, None] = OrderedDict()
        self._uncounted: dict[str, Sighting] = {}
        self._turn = asyncio.Lock()
        self._counts = asyncio.Lock()
        self._listeners: list[Callable[[IssueChange], None]] = []
        self._watchers: list[Callable[[Sequence[Sighting]], None]] = []
        settings = WriterConfig(waiting_rows=50_000, waiting_bytes=64 << 20)
        self._lane: GroupCommit[list[_Coming]] = GroupCommit(
            "errors", self._commit, clock, settings
        )

    @property
    def config(self) -> ErrorsConfig:
        """What is in force."""
        return self._config

    def configure(
        self, config: ErrorsConfig, *, scrub: ScrubConfig, retention_seconds: float
    ) -> None:
        """Put other limits in force."""
        if scrub != self._scrub_config:
            self._scrub_config, self._scrubber = scrub, Scrubber(scrub)
        self._sampler.keep = config.keep_per_minute
        self._kinds.most = config.kinds_per_hour
        self._config = config
        self._retention_seconds = retention_seconds

    def subscribe(self, hear: Callable[[IssueChange], None]) -> None:
        """Have it told of what becomes of issues; it must neither fail nor wait."""
        self._listeners.append(hear)

    def watched_by(self, watch: Callable[[Sequence[Sighting]], None]) -> None:
        """Have it told of all that was counted; it must neither fail nor wait."""
        self._watchers.append(watch)

    def remember(self, ids: Sequence[str]) -> None:
        """Errors of these ids were kept lately."""
        for one in ids:
            self._ids[one] = None
        while len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)

    async def run(self) -> None:
        """Commit until drained, and count what could not be counted."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lane.run(), name="error_lane")
            again = tasks.create_task(self._count_again(), name="error_counts")
            await self._writer.run()
            again.cancel()

    async def drain(self, limit_seconds: float = 8.0) -> bool:
        """Take nothing more and keep what waits; whether all of it was within the limit."""
        kept = await self._lane.drain(limit_seconds)
        await self._writer.drain(limit_seconds)
        return kept

    async def thought(self, think: Callable[[], T], size_bytes: int) -> T:
        """What `think` returns: about much in a thread, one at a time."""
        if size_bytes <= _ON_LOOP_BYTES:
            return think()
        async with self._turn:
            return await asyncio.to_thread(think)

    async def take(self, reports: Sequence[Report], *, size_bytes: int = 0) -> int:
        """Keep errors; how many of them were new. Returns when they are kept.

        Raises Temporary when they cannot be kept now.
        """
        fresh: list[Report] = []
        flying: list[tuple[str, asyncio.Event]] = []
        for one in reports:
            name = one.event.event_id
            if name in self._ids:
                _left_out.labels("repeated").inc()
                flying += [(name, self._flying[name])] if name in self._flying else []
                continue
            self.remember((name,))
            fresh.append(one)
        if fresh:
            await self._keep(fresh, size_bytes)
        for name, over in flying:
            await over.wait()
            if name not in self._ids:
                raise Temporary(f"the error {name} could not be kept; send it again", 1.0)
        return len(fresh)

    async def _keep(self, fresh: Sequence[Report], size_bytes: int) -> None:
        over = asyncio.Event()
        taken = _Taken(tuple(one.event.event_id for one in fresh), [])
        self._flying.update(dict.fromkeys(taken.ids, over))
        with ExitStack() as ended, ExitStack() as undo:
            ended.callback(self._landed, taken, over)
            # Whoever is refused, or leaves, may send them again: rather twice than never.
            undo.callback(self._forgotten, taken)
            await self._put(fresh, size_bytes, taken.traces)
            undo.pop_all()
        for one in fresh:
            _taken.labels(one.event.source).inc()

    def _landed(self, taken: _Taken, over: asyncio.Event) -> None:
        for name in taken.ids:
            self._flying.pop(name, None)
        over.set()

    def _forgotten(self, taken: _Taken) -> None:
        for name in taken.ids:
            self._ids.pop(name, None)
        for key in taken.traces:
            self._of_traces.pop(key, None)

    async def _put(self, fresh: Sequence[Report], size_bytes: int, traces: list[str]) -> None:
        much = size_bytes if len(fresh) <= _ON_LOOP else _ON_LOOP_BYTES + 1
        coming = await self.thought(lambda: self._coming(fresh, traces), much)
        size = sum(1_000 if one.event is None else len(one.event.content) for one in coming)
        if coming:
            await self._lane.put(coming, len(coming), size)

    def _coming(self, reports: Sequence[Report], traces: list[str]) -> list[_Coming]:
        found: list[_Coming] = []
        for one in reports:
            print_ = grouped(one.subject)
            if print_.hash in self._counting.discarded:
                _left_out.labels("discarded").inc()
                continue
            if self._is_told(one.event, print_.hash, traces):
                _left_out.labels("told_already").inc()
                continue
            kind = self._kinds.of(one.event.project, print_)
            told = one if kind is print_ else replace(one, title=TITLE)
            found.append(self._prepared(told, kind))
        return found

    def _is_told(self, event: ErrorEvent, print_hash: str, traces: list[str]) -> bool:
        """Whether a line or span tells an error of a trace that came already: an SDK, the log and
        each span that an exception passes through may all tell the same one. What was not told
        before is added to `traces`."""
        if not event.trace_id:
            return False
        key = f"{event.trace_id} {print_hash}"
        was = key in self._of_traces
        if not was:
            traces.append(key)
        self._of_traces[key] = None
        while len(self._of_traces) > _TRACES:
            self._of_traces.popitem(last=False)
        return was and event.source in ("logs", "spans")

    def _prepared(self, report: Report, print_: Grouped) -> _Coming:
        event = replace(
            report.event,
            issue=print_.number,
            ts_ns=self._timely(report.event.ts_ns),
            weight=self._sampler.weight(print_.hash),
        )
        title = report.title
        swaps = self._scrubber.replaced((title, event.culprit, event.value))
        title = without_secrets(swaps.get(title, title))
        if event.weight == 0:
            event = replace(event, culprit=swaps.get(event.culprit, event.culprit))
            return _Coming(_sighting(event, print_.hash, title), None)
        whole = replace(
            content(report), grouped_by=print_.by, group_parts=print_.parts, print=print_.hash
        )
        event, whole = scrubbed(event, whole, self._scrubber)
        data = shrunk(whole, int(self._config.max_content))
        event = replace(event, content=data)
        return _Coming(_sighting(event, print_.hash, title), event)

    def _timely(self, ts_ns: int) -> int:
        """A time that cannot be is the time of arrival."""
        now_ns = self._clock.now_ms() * 1_000_000
        oldest = now_ns - int(self._retention_seconds * 1e9)
        return ts_ns if oldest < ts_ns <= now_ns + _FUTURE_NS else now_ns

    async def _commit(self, groups: list[list[_Coming]]) -> None:
        coming = [one for group in groups for one in group]
        await self._writer.write([one.event for one in coming if one.event is not None])
        await self._count([one.sighting for one in coming])

    async def _count(self, sightings: Sequence[Sighting]) -> None:
        for watch in self._watchers:
            watch(sightings)
        async with self._counts:
            self._await_count(sightings)
            if not self._uncounted:
                return
            try:
                changes = await self._counting.count(self._uncounted.values())
            except Temporary as fault:
                prints = len(self._uncounted)
                _log.warning("errors_counted_later", prints=prints, reason=str(fault))
                return
            self._uncounted = {}
        for change in changes:
            self._tell(change)

    def _await_count(self, sightings: Sequence[Sighting]) -> None:
        waiting = self._uncounted
        for one in sightings:
            known = waiting.get(one.print)
            if known is not None:
                known.add(one)
            elif len(waiting) < _MOST_UNCOUNTED:
                waiting[one.print] = one
            else:
                _left_out.labels("uncounted").inc(one.times)

    async def _count_again(self) -> None:
        while True:
            await self._clock.sleep(_RETRY_SECONDS)
            if self._uncounted and not self._counts.locked():
                await self._count(())

    def _tell(self, change: IssueChange) -> None:
        for hear in self._listeners:
            hear(change)


def _sighting(event: ErrorEvent, print_hash: str, title: str) -> Sighting:
    at_ms = event.ts_ns // 1_000_000
    users = {people_sketch.hash_of(event.user_id)} if event.user_id else set()
    return Sighting(
        print=print_hash,
        project=event.project,
        title=text(title, 300),
        culprit=text(event.culprit, 300),
        kind=text(event.kind, 300),
        level=event.level,
        platform=text(event.platform, 40),
        service=text(event.service, 200),
        handled=event.handled,
        event_id=event.event_id,
        first_ms=at_ms,
        last_ms=at_ms,
        times=1,
        users=users,
        releases={text(event.release, 200): (at_ms, at_ms)},
        environments={event.environment} if event.environment else set(),
    )


def sighting_of(event: ErrorEvent, whole: Content, title: str, times: int) -> Sighting:
    """What a kept error counts as, `times` times."""
    found = _sighting(event, whole.print, title)
    found.times = times
    return found
