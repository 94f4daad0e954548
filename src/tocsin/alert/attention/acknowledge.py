"""Who has taken on which alert? Its repeats stop; it stays visible until it resolves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import msgspec

from tocsin.alert.attention.held_copy import HeldCopy, Mark
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.kit.tasks import ended
from tocsin.model.labels import Labels

_log = log.get("acknowledge")
_active = gauge.gauge("alerts_acknowledged", "Alerts that somebody has taken on.")
_changes = gauge.counter("acknowledgements", "Acknowledgements by source.", ("source", "change"))
_untold = gauge.counter(
    "acknowledgement_changes_untold", "Changes that Slack, PagerDuty and the like did not hear of."
)
_MOST = 100_000
_WAITING = 10_000
_LISTENER_SECONDS = 30.0
_LONGEST_NOTE = 1000
_LONGEST_NAME = 200

SOURCES = ("page", "api", "cli", "slack", "pagerduty", "mail", "incident")


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has taken an alert on: nobody is told of it again while it fires.

    `until_ms` 0 means until it resolves. `source` is where it was said: one of SOURCES.
    """

    fingerprint: str
    labels: Labels
    by: str
    at_ms: int
    note: str = ""
    until_ms: int = 0
    source: str

    def holds(self, now_ms: int) -> bool:
        """Whether it counts at that moment."""
        return self.until_ms == 0 or now_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class AckChange:
    """An alert was taken on, or given back: then `acknowledgement` is None."""

    fingerprint: str
    labels: Labels
    by: str
    source: str
    at_ms: int
    acknowledgement: Acknowledgement | None

    @classmethod
    def of(cls, one: Acknowledgement) -> AckChange:
        """That an alert was taken on."""
        return cls(one.fingerprint, one.labels, one.by, one.source, one.at_ms, one)

    @property
    def is_set(self) -> bool:
        """Whether somebody took the alert on."""
        return self.acknowledgement is not None


AckListener = Callable[[AckChange], Awaitable[None]]


class AckKeeper(Protocol):
    """Where acknowledgements survive a restart."""

    async def save(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        """Keep them, replacing those of the same alert."""

    async def forget(self, fingerprints: Iterable[str]) -> None:
        """Keep them no longer."""

    async def give_back(self, change: AckChange) -> None:
        """Keep that one no longer, because somebody said so."""

    async def all(self) -> list[Acknowledgement]:
        """Every one."""

    async def mark(self) -> Mark:
        """What differs as soon as any of them does."""


class Acknowledgements:
    """All acknowledgements, held in memory and kept before they count.

    `run` tells the listeners; what changes while it does not run waits for it. What others change
    where they are kept counts from the next `take_over` on; its listeners are theirs.
    """

    def __init__(self, keeper: AckKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._copy = HeldCopy(keeper)
        self._known: dict[str, Acknowledgement] = {}
        self._listeners: list[AckListener] = []
        self._waiting: asyncio.Queue[AckChange] = asyncio.Queue(_WAITING)
        _active.set_function(lambda: float(len(self.all(clock.now_ms()))))

    async def load(self) -> None:
        """Read what an earlier process kept."""
        self._known = _by_fingerprint(await self._keeper.all())

    async def take_over(self) -> None:
        """What another process of the same database has changed counts here too. Raises
        Temporary when it cannot be read."""
        found = await self._copy.news(_by_fingerprint)
        if found is not None:
            self._known = found

    def of(self, fingerprint: str, now_ms: int) -> Acknowledgement | None:
        """Who has taken the alert on; None when nobody has, or no longer."""
        found = self._known.get(fingerprint)
        return found if found is not None and found.holds(now_ms) else None

    def all(self, now_ms: int) -> list[Acknowledgement]:
        """Those that count at that moment, the youngest first."""
        found = [one for one in self._known.values() if one.holds(now_ms)]
        return sorted(found, key=lambda one: (-one.at_ms, one.fingerprint))

    async def put(self, acknowledgement: Acknowledgement) -> None:
        """Take an alert on, instead of whoever had it before; saying the same again changes
        nothing. Raises Rejected for one that makes no sense, Temporary when it cannot be kept."""
        await self.put_all((acknowledgement,))

    async def put_all(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        """Take many on, all or none; raises as `put`."""
        now = self._clock.now_ms()
        fresh = [_checked(one, now) for one in acknowledgements]
        fresh = [one for one in fresh if not _is_same(self.of(one.fingerprint, now), one)]
        if len(self._known.keys() | {one.fingerprint for one in fresh}) > _MOST:
            raise Rejected(f"{_MOST} alerts are acknowledged already; a silence holds more back")
        with self._copy.changing():
            await self._keeper.save(fresh)
            self._known.update(_by_fingerprint(fresh))
        for one in fresh:
            self._tell(AckChange.of(one), "set")

    async def clear(self, fingerprint: str, by: str, source: str = "page") -> None:
        """Give an alert back: it is told again. Raises NotFound when nobody has taken it on."""
        now = self._clock.now_ms()
        found = self.of(fingerprint, now)
        if found is None:
            raise NotFound(f"nobody has acknowledged the alert {fingerprint}")
        change = AckChange(fingerprint, found.labels, by, source, now, None)
        with self._copy.changing():
            await self._keeper.give_back(change)
            self._known.pop(fingerprint, None)
        self._tell(change, "cleared")

    async def forget(self, fingerprints: Iterable[str]) -> None:
        """These alerts have resolved: should they fire again, they are told as new. Listeners hear
        nothing, as the end itself is told."""
        gone = [one for one in fingerprints if one in self._known]
        if not gone:
            return
        with self._copy.changing():
            await self._keeper.forget(gone)
            for one in gone:
                self._known.pop(one, None)

    async def tidy(self) -> None:
        """Forget what no longer counts."""
        now = self._clock.now_ms()
        await self.forget([key for key, one in self._known.items() if not one.holds(now)])

    def subscribe(self, listener: AckListener) -> None:
        """Have `listener` told of each change, in order, within 30 s; its failures are logged."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Tell the listeners, for ever."""
        while True:
            change = await self._waiting.get()
            name = "tell of an acknowledgement"
            work = (
                ended(name, listener(change), limit_seconds=_LISTENER_SECONDS)
                for listener in self._listeners
            )
            if not all(await asyncio.gather(*work)):
                _untold.inc()

    def _tell(self, change: AckChange, word: str) -> None:
        _changes.labels(change.source, word).inc()
        if not self._listeners:
            return
        try:
            self._waiting.put_nowait(change)
        except asyncio.QueueFull:
            _untold.inc()
            _log.error("acknowledgement_untold", alert=change.fingerprint, waiting=_WAITING)


def _by_fingerprint(found: Iterable[Acknowledgement]) -> dict[str, Acknowledgement]:
    return {one.fingerprint: one for one in found}


def _checked(one: Acknowledgement, now_ms: int) -> Acknowledgement:
    if one.source not in SOURCES:
        raise Rejected(f"an acknowledgement's source is one of {', '.join(SOURCES)}")
    if not one.by.strip():
        raise Rejected("an acknowledgement must say whose it is")
    if len(one.note) > _LONGEST_NOTE:
        raise Rejected(f"a note has at most {_LONGEST_NOTE} characters")
    if not one.holds(now_ms):
        raise Rejected("an acknowledgement must end later than now")
    return msgspec.structs.replace(one, by=one.by.strip()[:_LONGEST_NAME], note=one.note.strip())


def _is_same(before: Acknowledgement | None, after: Acknowledgement) -> bool:
    if before is None:
        return False
    same = partial(msgspec.structs.replace, at_ms=0, source="page")
    return same(before) == same(after)
