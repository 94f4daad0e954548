"""Who keeps the public page true? Looks at everything each minute, and keeps what came of it.

The public is served from memory alone: what is rendered here. It is on disk too, so that a page is
there from the first moment of a start, and while the store and the database are away.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.statuspage.component_state import ComponentState, Impact, overall, worst
from tocsin.statuspage.config import ComponentConfig, GroupConfig, StatusPageConfig, is_bare
from tocsin.statuspage.days import SHOWN_DAYS, Day, day_of, percent_text, uptime
from tocsin.statuspage.judge import OpenWindow, decide
from tocsin.statuspage.monitors import Measured, Monitors, of_components
from tocsin.statuspage.notes import Notes
from tocsin.statuspage.post import Post, PostKind, PostStatus
from tocsin.statuspage.posts import PostBook
from tocsin.statuspage.recorder import Past, Recorder, Then
from tocsin.statuspage.snapshot import (
    Look,
    ShownComponent,
    ShownDay,
    ShownGroup,
    ShownPost,
    ShownUpdate,
    Snapshot,
    shown_post,
)

_log = log.get("status_page")
_age = gauge.gauge("status_page_as_of_seconds", "When the public page was last known to be true.")
_state = gauge.gauge(
    "status_page_component_state",
    "0 operational, 1 under maintenance, 2 degraded, 3 partial outage, 4 major outage.",
    ("component",),
)
_CHANGED_SECONDS = 0.2
_STALE_AFTER = 2.5
"""After so many intervals without a look at everything the page says how old it is."""


@dataclass(frozen=True, slots=True)
class Document:
    """One thing that is served as it is."""

    body: bytes
    packed: bytes
    """The same, gzipped; empty when that does not pay."""
    media_type: str
    etag: str


Site = Mapping[str, Document]
"""What is served, by its path below the page: "", "history", "api/v2/summary.json" …"""

Render = Callable[[Snapshot], Site]


class Teller(Protocol):
    """Sees to it that subscribers hear of updates."""

    async def tell(self, posts: Sequence[Post]) -> None:
        """Of what is new in these; what was told already is not told again. Raises Temporary."""


class Board:
    """The public page: `site` is served; `look` makes it anew."""

    def __init__(  # noqa: PLR0913 - the parts that a page is made of
        self,
        clock: Clock,
        posts: PostBook,
        notes: Notes,
        recorder: Recorder,
        measured: Measured,
        render: Render,
        teller: Teller,
    ) -> None:
        self.posts = posts
        self.notes = notes
        self.recorder = recorder
        self._clock = clock
        self._measured = measured
        self._render = render
        self._teller = teller
        self._config = StatusPageConfig()
        self._look = Look()
        self._folder: Path | None = None
        self._monitors = Monitors(measured, clock)
        self._alerts: Mapping[str, ComponentState | None] = {}
        self._as_of_ms = 0
        self._changed = asyncio.Event()
        self.snapshot = Snapshot()
        self.site: Site = {}
        posts.when_changed(self._changed.set)

    @property
    def config(self) -> StatusPageConfig:
        """What it was told to show."""
        return self._config

    @property
    def address(self) -> str:
        """Where the public finds it."""
        return self._look.address

    def configure(self, config: StatusPageConfig, look: Look, folder: Path) -> None:
        """Show these from now on; `folder` is where the page survives."""
        self._config, self._look, self._folder = config, look, folder
        shown = self._shown()
        self.recorder.configure({one.key: bool(one.monitor) for one in shown})
        self._monitors.configure(shown)
        self._changed.set()

    def refresh(self) -> None:
        """Look at everything at once."""
        self._changed.set()

    def state_of(self, component: str) -> ComponentState | None:
        """As it is shown now."""
        return next((one.state for one in self.snapshot.components if one.id == component), None)

    def sources(self, component: ComponentConfig) -> Mapping[str, ComponentState | None]:
        """What each source says of it now, for those inside: "monitor", "alerts", "posts"."""
        now = self._clock.now_ms()
        said = [post.said_of(component.key, now) for post in self.posts.posts()]
        return {
            "monitor": self._monitors.state(component.key),
            "alerts": self._alerts.get(component.key),
            "posts": worst(state for state in said if state is not None),
        }

    async def restore(self) -> None:
        """Serve what an earlier process kept, until there is something newer."""
        if self._folder is None:
            return
        try:
            kept = await asyncio.to_thread((self._folder / "snapshot.json").read_bytes)
            found = msgspec.json.decode(kept, type=Snapshot)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("status_page_not_restored", error=str(error))
            return
        self._as_of_ms = found.as_of_ms
        await self._show(msgspec.structs.replace(found, look=self._look, is_stale=True))

    async def run_gaps(self, past: Past) -> None:
        """Look each minute whether stored samples tell of what was missed; for ever."""
        while True:
            try:
                await self.recorder.fill_gaps(self.measured_then, past)
            except Temporary as error:
                _log.warning("status_gaps_wait", error=str(error))
            await self._clock.sleep(60.0)

    async def run(self) -> None:
        """Look at each interval, and at once after a change; for ever."""
        while True:
            await self.look()
            waits = asyncio.create_task(self._changed.wait(), name="status_changed")
            sleeps = asyncio.create_task(self._slept(), name="status_slept")
            try:
                await asyncio.wait((waits, sleeps), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waits.cancel()
                sleeps.cancel()
            if self._changed.is_set():
                await self._clock.sleep(_CHANGED_SECONDS)  # several changes make one page

    async def look(self) -> None:
        """Measure everything, count the time, and show it. What is away leaves its last word."""
        self._changed.clear()
        if not self._config.is_on:
            self.site, self.snapshot = {}, Snapshot()
            return
        is_whole = await self._read_notes()
        is_whole = await self._monitors.measure() and is_whole
        now = self._clock.now_ms()
        if is_whole:
            self._as_of_ms = now
            _age.set(now / 1000)
        firing = list(self._measured.firing())
        # In a thread: in a storm each of ten thousand alerts is asked of each component.
        self._alerts = await asyncio.to_thread(
            of_components, self._shown(), firing, self._config.severities
        )
        states = self._states(now)
        self.recorder.saw(states)
        try:
            await self.recorder.save()
        except Temporary as error:
            _log.warning("status_days_not_kept", error=str(error))
        is_stale = now - self._as_of_ms > _STALE_AFTER * self._config.refresh.ms
        await self._show(self._snapshot(states, now, is_stale=is_stale))
        try:
            # Last: what a mail says stands on the page when its reader comes.
            await self._teller.tell(self.posts.posts())
        except Temporary as error:
            _log.warning("status_news_wait", error=str(error))

    async def _slept(self) -> None:
        await self._clock.sleep(float(self._config.refresh))

    async def _read_notes(self) -> bool:
        try:
            await self.posts.load()
            await self.notes.load()
            await self.posts.move_on()
        except Temporary as error:
            _log.warning("status_posts_not_read", error=str(error))
            return False
        return True

    def _states(self, now: int) -> dict[str, ComponentState | None]:
        windows = self._measured.windows(now, now + 1)
        posts = [one for one in self.posts.posts() if not one.status.is_over]
        found: dict[str, ComponentState | None] = {}
        for one in self._shown():
            monitor = self._monitors.state(one.key)
            measured = (monitor, self._alerts.get(one.key))
            override = self.notes.override_of(one.key)
            state = decide(one.key, measured, posts, windows, override, now)
            is_unknown = bool(one.monitor) and monitor is None
            if is_unknown and state is ComponentState.OPERATIONAL and override is None:
                found[one.key] = None
                _state.labels(one.key).set(math.nan)
            else:
                found[one.key] = state
                _state.labels(one.key).set(state.rank)
        return found

    def _shown(self) -> list[ComponentConfig]:
        return [one for group in self._config.shown for one in group.components]

    def _snapshot(
        self, states: Mapping[str, ComponentState | None], now: int, *, is_stale: bool
    ) -> Snapshot:
        groups = tuple(self._group(one, states, now) for one in self._config.shown)
        names = {one.key: one.name for one in self._shown()}
        posts = [shown_post(one, names) for one in self.posts.posts()]
        posts += [self._window(one, names, now) for one in self._measured.windows(*_around(now))]
        posts.sort(key=lambda one: (one.begins_ms, one.id), reverse=True)
        return Snapshot(
            look=self._look,
            made_ms=now,
            as_of_ms=self._as_of_ms or now,
            is_stale=is_stale,
            state=overall(state for state in states.values() if state is not None),
            groups=groups,
            posts=tuple(posts),
        )

    def _group(
        self, group: GroupConfig, states: Mapping[str, ComponentState | None], now: int
    ) -> ShownGroup:
        known = [s for one in group.components if (s := states[one.key]) is not None]
        state: ComponentState | None = worst(known)
        if state is ComponentState.OPERATIONAL and len(known) < len(group.components):
            state = None
        return ShownGroup(
            name="" if is_bare(group) else group.name,
            description=group.description,
            state=state,
            is_folded=group.collapsed and state is ComponentState.OPERATIONAL,
            components=tuple(self._part(one, states[one.key], now) for one in group.components),
        )

    def _part(self, one: ComponentConfig, state: ComponentState | None, now: int) -> ShownComponent:
        days = self.recorder.days(one.key)
        counted = self._config.downtime
        total = uptime(days, counted)
        first = day_of(now) - SHOWN_DAYS + 1
        return ShownComponent(
            id=one.key,
            name=one.name,
            description=one.description,
            state=state,
            days=tuple(_shown_day(first + at, day, counted) for at, day in enumerate(days)),
            percent=percent_text(total.percent),
            empty_days=total.empty_days,
        )

    def _window(self, one: OpenWindow, names: Mapping[str, str], now: int) -> ShownPost:
        status = PostStatus.COMPLETED if one.ends_ms <= now else PostStatus.IN_PROGRESS
        status = PostStatus.SCHEDULED if one.starts_ms > now else status
        at = min(now, one.starts_ms)
        text = ShownUpdate(id=one.id, at_ms=at, status=status, text=one.text)
        return ShownPost(
            id=one.id,
            kind=PostKind.MAINTENANCE,
            title=one.title,
            impact=Impact.NONE,
            status=status,
            components=tuple((key, names[key]) for key in one.components if key in names),
            updates=(text,),
            created_ms=one.starts_ms,
            updated_ms=one.starts_ms,
            starts_ms=one.starts_ms,
            ends_ms=one.ends_ms,
            over_ms=one.ends_ms if status.is_over else 0,
        )

    async def _show(self, snapshot: Snapshot) -> None:
        self.site = await asyncio.to_thread(self._render, snapshot)
        self.snapshot = snapshot
        if self._folder is not None:
            await asyncio.to_thread(_write, self._folder, snapshot, self.site)

    def measured_then(self, component: str, start_ms: int, end_ms: int) -> Then:
        """How to judge a component in the past: from what its monitor said and what was announced;
        None when that is not known."""
        windows = self._measured.windows(start_ms, end_ms)
        posts = [one for one in self.posts.posts() if component in one.components]
        has_monitor = any(one.key == component and one.monitor for one in self._shown())

        def then(monitor: ComponentState | None, at_ms: int) -> ComponentState | None:
            state = decide(component, (monitor,), posts, windows, None, at_ms)
            is_unknown = monitor is None and state is ComponentState.OPERATIONAL and has_monitor
            return None if is_unknown else state

        return then


def _around(now: int) -> tuple[int, int]:
    return now - 30 * 86_400_000, now + 60 * 86_400_000


def _shown_day(day: int, one: Day | None, counted: Sequence[str]) -> ShownDay:
    date = datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
    if one is None or one.known <= 0:
        return ShownDay(date=date)
    return ShownDay(
        date=date, state=one.worst, down_s=round(one.down(counted)), known_s=round(one.known)
    )


def _write(folder: Path, snapshot: Snapshot, site: Site) -> None:
    """The page on disk: what a restart serves first, and what another web server may serve."""
    files = {"snapshot.json": msgspec.json.encode(snapshot)}
    for name, path in (("index.html", ""), ("summary.json", "api/v2/summary.json")):
        if path in site:
            files[name] = site[path].body
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            fresh = folder / f"{name}.new"
            fresh.write_bytes(body)
            fresh.replace(folder / name)
    except OSError as error:
        _log.warning("status_page_not_written", folder=str(folder), error=str(error))
