"""What do people change of schedules? Overrides and swaps, kept before they count, together with
who is to be told of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.document import nearest
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.errands import Plan
from tocsin.model.people import Shift
from tocsin.oncall.news import News, of_answer, of_offer, of_override, plan_of
from tocsin.oncall.override import Override, Swap, SwapState
from tocsin.oncall.roster import NO_ROSTER, Roster
from tocsin.oncall.wall_clock import DAY_MS

Change = Override | Swap

_MOST = 2_000
_LONGEST_MS = 366 * DAY_MS
_LONGEST_TEXT = 500
_KEPT_AFTER_MS = 400 * DAY_MS
_LEAST_MS = 60_000


class ChangeKeeper(Protocol):
    """Where overrides and swaps survive a restart. All raise Temporary when it is away."""

    async def save(self, changes: Iterable[Change], news: Plan, now_ms: int) -> None:
        """Keep all or none of them, replacing those of the same id, together with the errands that
        tell of them."""

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[Change]:
        """Every one."""


class Rota:
    """The roster as it is now: what is configured, with what people changed."""

    def __init__(self, keeper: ChangeKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._configured = NO_ROSTER
        self._roster = NO_ROSTER
        self._overrides: dict[str, Override] = {}
        self._swaps: dict[str, Swap] = {}
        self._turn = asyncio.Lock()
        self._told: list[Callable[[], None]] = []

    @property
    def roster(self) -> Roster:
        """Who is on call, overrides included."""
        return self._roster

    @property
    def unused(self) -> list[Override]:
        """Overrides to come whose person or schedule the configuration no longer has."""
        now, used = self._clock.now_ms(), {one.id for one in self._roster.overrides}
        return [one for one in self._overrides.values() if one.ends_ms > now and one.id not in used]

    def on_change(self, tell: Callable[[], None]) -> None:
        """`tell` is called after each change of the roster."""
        self._told.append(tell)

    def configure(self, roster: Roster) -> None:
        """Put a configuration's people and schedules in force."""
        self._configured = roster
        self._renew()

    async def load(self) -> None:
        """Read what is kept: of an earlier process, or what another node has changed meanwhile."""
        async with self._turn:
            await self._read()

    async def _read(self) -> None:
        kept = await self._keeper.all()
        overrides = {one.id: one for one in kept if isinstance(one, Override)}
        swaps = {one.id: one for one in kept if isinstance(one, Swap)}
        if (overrides, swaps) == (self._overrides, self._swaps):
            return
        self._overrides, self._swaps = overrides, swaps
        self._renew()

    def override(self, override_id: str) -> Override:
        """Raises NotFound."""
        found = self._overrides.get(override_id)
        if found is None:
            raise NotFound(f"there is no override {override_id}; it may have been removed")
        return found

    def swap(self, swap_id: str) -> Swap:
        """Raises NotFound."""
        found = self._swaps.get(swap_id)
        if found is None:
            raise NotFound(f"there is no swap {swap_id}; it may have been forgotten since")
        return self._as_of_now(found)

    def overrides(self, schedule: str = "") -> list[Override]:
        """Those that are in force or to come, by their beginning."""
        now = self._clock.now_ms()
        found = [
            one
            for one in self._overrides.values()
            if one.ends_ms > now and schedule in ("", one.schedule)
        ]
        return sorted(found, key=lambda one: (one.starts_ms, one.made_ms))

    def swaps(self, *, is_open: bool = True) -> list[Swap]:
        """Those that wait for an answer, or all of them; the newest first."""
        found = (self._as_of_now(one) for one in self._swaps.values())
        kept = [one for one in found if not is_open or one.state is SwapState.OFFERED]
        return sorted(kept, key=lambda one: -one.made_ms)

    async def take(self, wanted: Override) -> Override:
        """Put somebody on call for a time, whoever it would be otherwise. A beginning in the past
        becomes now. Raises NotFound for an unknown schedule, Rejected for what makes no sense."""
        now = self._clock.now_ms()
        if wanted.rank not in (0, 1):
            raise Rejected("rank is 0, who is first on call, or 1, who is second")
        made = msgspec.structs.replace(
            wanted,
            id=uuid.uuid4().hex[:12],
            schedule=self._roster.schedule(wanted.schedule).name,
            person=self._known(wanted.person),
            starts_ms=max(wanted.starts_ms, now),
            reason=_short(wanted.reason),
            made_ms=now,
        )
        self._check_times(made.starts_ms, made.ends_ms)
        async with self._turn:
            self._check_room(1)
            before = self._roster.on_call(made.schedule, made.starts_ms, rank=made.rank)
            await self._keep([made], of_override(self._roster, made, before or ""))
        return made

    async def give_back(self, override_id: str) -> Override:
        """End an override: one that has begun ends now, one to come never was. Returns it as it
        was. Raises NotFound, and Rejected for one that is over."""
        async with self._turn:
            await self._read()
            one, now = self.override(override_id), self._clock.now_ms()
            if one.ends_ms <= now:
                raise Rejected("this override is over already; what was cannot be changed")
            if one.starts_ms < now:
                await self._keep([msgspec.structs.replace(one, ends_ms=now)])
            else:
                await self._keeper.forget([override_id])
                del self._overrides[override_id]
                self._renew()
        return one

    async def ask(self, wanted: Swap) -> Swap:
        """Ask to be replaced while on call in that time. Raises NotFound for an unknown schedule,
        Rejected when nobody could accept it."""
        now = self._clock.now_ms()
        made = msgspec.structs.replace(
            wanted,
            id=uuid.uuid4().hex[:12],
            schedule=self._roster.schedule(wanted.schedule).name,
            asked_by=self._known(wanted.asked_by),
            starts_ms=max(wanted.starts_ms, now),
            to=self._known(wanted.to) if wanted.to else "",
            note=_short(wanted.note),
            state=SwapState.OFFERED,
            made_ms=now,
        )
        self._check_times(made.starts_ms, made.ends_ms)
        if made.to == made.asked_by:
            raise Rejected(f"{made.to} cannot swap with themselves; name somebody else, or nobody")
        self._need_shifts(made.schedule, made.asked_by, made.starts_ms, made.ends_ms)
        if made.return_ends_ms:
            self._check_times(made.return_starts_ms, made.return_ends_ms)
            if made.to:
                back = made.return_starts_ms, made.return_ends_ms
                self._need_shifts(made.schedule, made.to, *back)
        async with self._turn:
            self._check_room(1)
            await self._keep([made], of_offer(self._roster, made))
        return made

    async def accept(self, swap_id: str, person: str) -> tuple[Swap, list[Override]]:
        """The person takes over; overrides say so from now on. Raises NotFound, and Rejected when
        it was answered already, when somebody else was asked, or when what was offered is gone."""
        async with self._turn:
            await self._read()  # another node may have answered it
            one = self._waiting(swap_id)
            who = self._known(person)
            if who == one.asked_by or one.to not in ("", who):
                raise Rejected(f"this swap was offered to {one.to or 'others'}, not to {who}")
            now = self._clock.now_ms()
            begins = max(one.starts_ms, now)
            shifts = self._need_shifts(one.schedule, one.asked_by, begins, one.ends_ms)
            made = [self._instead(one, who, span, now) for span in shifts]
            if one.return_ends_ms:
                back = max(one.return_starts_ms, now), one.return_ends_ms
                returned = self._need_shifts(one.schedule, who, *back)
                made += [self._instead(one, one.asked_by, span, now) for span in returned]
            self._check_room(len(made))
            accepted = _answered(one, SwapState.ACCEPTED, who, now)
            await self._keep([accepted, *made], of_answer(self._roster, accepted))
        return accepted, made

    async def decline(self, swap_id: str, person: str) -> Swap:
        """Whoever was asked says no, or whoever asked takes it back. Raises NotFound, Rejected."""
        async with self._turn:
            await self._read()  # another node may have answered it
            one = self._waiting(swap_id)
            who = self._known(person)
            if who not in (one.asked_by, one.to):
                others = " or ".join(filter(None, (one.to, one.asked_by)))
                raise Rejected(f"only {others} can answer this swap, not {who}")
            state = SwapState.WITHDRAWN if who == one.asked_by else SwapState.DECLINED
            ended = _answered(one, state, who, self._clock.now_ms())
            await self._keep([ended], of_answer(self._roster, ended))
        return ended

    async def tidy(self) -> None:
        """Forget what was over more than a year ago."""
        before = self._clock.now_ms() - _KEPT_AFTER_MS
        async with self._turn:
            changes: list[Change] = [*self._overrides.values(), *self._swaps.values()]
            gone = [one.id for one in changes if one.ends_ms < before]
            if gone:
                await self._keeper.forget(gone)
            for one in gone:
                self._overrides.pop(one, None)
                self._swaps.pop(one, None)

    def _waiting(self, swap_id: str) -> Swap:
        one = self.swap(swap_id)
        if one.state is not SwapState.OFFERED:
            by = f" by {one.answered_by}" if one.answered_by else ""
            raise Rejected(f"this swap is {one.state.value}{by} already; ask for a new one")
        return one

    def _need_shifts(
        self, schedule: str, person: str, starts_ms: int, ends_ms: int
    ) -> list[tuple[int, int]]:
        """When a person is on call in that range; raises Rejected when never."""
        found = own_times(self._roster.shifts(schedule, starts_ms, ends_ms), person)
        spans = [(max(starts, starts_ms), min(ends, ends_ms)) for starts, ends in found]
        if not spans:
            raise Rejected(f"{person} is not on call in {schedule} in that time; choose another")
        return spans

    def _instead(self, swap: Swap, person: str, span: tuple[int, int], now_ms: int) -> Override:
        return Override(
            id=uuid.uuid4().hex[:12],
            schedule=swap.schedule,
            person=person,
            starts_ms=span[0],
            ends_ms=span[1],
            reason=_short(f"swap of {swap.asked_by}" + (f": {swap.note}" if swap.note else "")),
            made_by=swap.asked_by,
            made_ms=now_ms,
            swap=swap.id,
        )

    async def _keep(self, changes: Sequence[Change], news: Iterable[News] = ()) -> None:
        now = self._clock.now_ms()
        await self._keeper.save(changes, plan_of(news, now), now)
        for one in changes:
            if isinstance(one, Override):
                self._overrides[one.id] = one
            else:
                self._swaps[one.id] = one
        self._renew()

    def _renew(self) -> None:
        self._roster = self._configured.with_overrides(self._overrides.values())
        for tell in self._told:
            tell()

    def _as_of_now(self, swap: Swap) -> Swap:
        if swap.state is SwapState.OFFERED and swap.ends_ms <= self._clock.now_ms():
            return msgspec.structs.replace(swap, state=SwapState.EXPIRED)
        return swap

    def _known(self, person: str) -> str:
        if person in self._roster.people:
            return person
        near = nearest(person, self._roster.people)
        hint = f'did you mean "{near}"?' if near else "people stand in oncall.people"
        raise Rejected(f"nobody is called {person[:100]!r}; {hint}")

    def _check_times(self, starts_ms: int, ends_ms: int) -> None:
        if ends_ms <= self._clock.now_ms():
            raise Rejected("this time is over already; what was cannot be changed")
        if ends_ms - starts_ms < _LEAST_MS:
            raise Rejected("it must end at least a minute after it begins")
        if ends_ms - starts_ms > _LONGEST_MS:
            raise Rejected("it lasts longer than a year; change the schedule instead")

    def _check_room(self, fresh: int) -> None:
        if len(self._overrides) + len(self._swaps) + fresh > _MOST:
            raise Rejected(f"there are {_MOST} overrides and swaps already; remove some first")


def own_times(shifts: Iterable[Shift], person: str) -> list[tuple[int, int]]:
    """When that person is on call, shifts that follow each other joined."""
    found: list[tuple[int, int]] = []
    for one in shifts:
        if one.person != person:
            continue
        if found and found[-1][1] == one.starts_ms:
            found[-1] = found[-1][0], one.ends_ms
        else:
            found.append((one.starts_ms, one.ends_ms))
    return found


def _answered(swap: Swap, state: SwapState, by: str, now_ms: int) -> Swap:
    return msgspec.structs.replace(swap, state=state, answered_by=by, answered_ms=now_ms)


def _short(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise Rejected(f"a note has at most {_LONGEST_TEXT} characters")
    return text.strip()
