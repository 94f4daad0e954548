"""Who sees to it that each change of shift is told to both? An errand of its own for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.oncall.handover import (
    HandOff,
    SituationSource,
    hand_offs,
    next_hand_off,
    shift_end_ms,
    subject,
    summary,
    upcoming_gaps,
)
from tocsin.oncall.roster import Roster
from tocsin.oncall.wall_clock import HOUR_MS

KIND = "handover"
_log = log.get("handover")
_GIVE_UP_MS = 2 * HOUR_MS
_JUST_MS = 60_000
"""What is changed from now on was changed a moment ago when it is looked at."""
_LATE_MS = 12 * HOUR_MS
"""What a change of shift was is of no use to anybody later than this."""


class Teller(Protocol):
    """Brings a text to a person, by the way that suits what is not urgent."""

    async def tell(self, person: str, subject: str, text: str) -> None:
        """Raises Temporary (try again), Rejected or Permanent (it cannot be brought)."""


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """`person` is empty while nobody has been picked: then it is a change to come."""

    schedule: str
    at_ms: int
    person: str = ""
    outgoing: str = ""
    incoming: str = ""


class HandOvers:
    """The handler of the errands "handover": a change to come becomes one for each of the two.

    Each has a key by schedule and time, so that putting what is known again is nothing; whether
    there is a change at all is looked up when its time has come, as schedules may change before.
    """

    def __init__(
        self,
        roster: Callable[[], Roster],
        source: SituationSource,
        teller: Teller,
        clock: Clock,
        url: Callable[[], str],
    ) -> None:
        self._roster = roster
        self._source = source
        self._teller = teller
        self._clock = clock
        self._url = url

    def next_plan(self) -> Plan:
        """The next change of every schedule, and one that somebody has just made; to be put after
        each change of the roster."""
        roster, now = self._roster(), self._clock.now_ms()
        found: list[HandOff] = []
        for name in roster.schedules:
            found += hand_offs(roster, name, now - _JUST_MS, now)
            following = next_hand_off(roster, name, now)
            found += [following] if following else []
        return Plan(put=tuple(_change(one) for one in found))

    async def attempt(self, errand: Errand) -> Outcome:
        """Raises what the teller raises."""
        content = msgspec.json.decode(errand.content, type=_Content)
        roster, now = self._roster(), self._clock.now_ms()
        if now - content.at_ms > _LATE_MS:
            return Done(plan=await asyncio.to_thread(self.next_plan))
        if not content.person:
            return Done(plan=await asyncio.to_thread(self._fan_out, roster, content))
        change = HandOff(
            schedule=content.schedule,
            at_ms=content.at_ms,
            outgoing=content.outgoing,
            incoming=content.incoming,
        )
        if content.schedule not in roster.schedules:
            return Done()
        ends_ms = shift_end_ms(roster, change)
        situation = await self._source.situation(change.at_ms, ends_ms)
        gaps = tuple(upcoming_gaps(roster, change.schedule, change.at_ms, ends_ms))
        situation = msgspec.structs.replace(situation, watch=(*situation.watch, *gaps))
        text = summary(
            roster, change, situation, reader=content.person, now_ms=now, url=self._url()
        )
        await self._teller.tell(content.person, subject(roster, change, content.person), text)
        _log.info("handed_over", schedule=change.schedule, told=content.person)
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """Two hours: then the shift has begun anyway."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """Nothing follows; the runner has logged it."""
        return NOTHING

    def _fan_out(self, roster: Roster, content: _Content) -> Plan:
        """What to tell whom of the change, if there still is one, and the change after it."""
        following = self.next_plan()
        if content.schedule not in roster.schedules:
            return following
        at_ms = content.at_ms
        change = next(hand_offs(roster, content.schedule, at_ms - 1, at_ms), None)
        if change is None:
            return following
        told = (
            _telling(change, person)
            for person in dict.fromkeys((change.incoming, change.outgoing))
            if person
        )
        return msgspec.structs.replace(following, put=(*told, *following.put))


def _change(change: HandOff) -> Errand:
    content = _Content(schedule=change.schedule, at_ms=change.at_ms)
    return _errand(change, f"handover/{change.schedule}/{change.at_ms}", content)


def _telling(change: HandOff, person: str) -> Errand:
    content = _Content(
        schedule=change.schedule,
        at_ms=change.at_ms,
        person=person,
        outgoing=change.outgoing,
        incoming=change.incoming,
    )
    return _errand(change, f"handover/{change.schedule}/{change.at_ms}/{person}", content)


def _errand(change: HandOff, key: str, content: _Content) -> Errand:
    return Errand(
        kind=KIND,
        key=key,
        subject=f"schedule/{change.schedule}",
        due_ms=change.at_ms,
        content=msgspec.json.encode(content),
    )
