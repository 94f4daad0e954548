"""Who sees to an escalation's turn that is due? And what can people do to an escalation?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.model.people import Person, Team
from tocsin.oncall.escalation.policy import People
from tocsin.oncall.escalation.state import ESCALATION, Event, State, step
from tocsin.oncall.paging.caller import Directory, Timeline
from tocsin.oncall.paging.page import PAGE, page_of
from tocsin.oncall.roster import Roster
from tocsin.state.errands import DONE, FAILED, WAITING, ErrandTable

_log = log.get("escalation")
_turns = gauge.counter("escalation_turns", "Turns of escalations that were done.", ("event",))
_GIVE_UP_MS = 14 * 86_400_000
"""A turn is never given up while its incident may matter."""


class _Unreached(msgspec.Struct):
    """The content of an errand that looks whether a turn reached anybody."""

    unreached: str = ""


@dataclass(frozen=True, slots=True)
class Reachable:
    """The roster, with the people as they want to be reached."""

    roster: Roster
    people: Mapping[str, Person]

    @property
    def teams(self) -> Mapping[str, Team]:
        """By name."""
        return self.roster.teams

    def on_call(self, schedule: str, at_ms: int, *, rank: int = 0) -> str | None:
        """As the roster has it."""
        return self.roster.on_call(schedule, at_ms, rank=rank)


class EscalationHandler:
    """Does the errands of the kind "escalation"."""

    def __init__(
        self,
        table: ErrandTable,
        timeline: Timeline,
        directory: Directory,
        roster: Callable[[], Roster],
        clock: Clock,
    ) -> None:
        self._table = table
        self._timeline = timeline
        self._directory = directory
        self._roster = roster
        self._clock = clock

    async def attempt(self, errand: Errand) -> Outcome:
        """One turn, or a look whether a turn reached anybody."""
        incident = await self._timeline.incident(errand.subject)
        kept = await self._table.get(errand.key)
        if kept is None or kept.state != WAITING or incident.is_over:
            return Done()
        unreached = msgspec.json.decode(errand.content, type=_Unreached).unreached
        if unreached:
            return Done(plan=NOTHING if incident.acknowledged_ms else await self._look(errand))
        state = _state(errand)
        if incident.acknowledged_ms and not state.is_news:
            return Done()
        return Done(plan=await self._moved(errand, state, Event.TURN))

    def give_up_ms(self, errand: Errand) -> int:
        """Practically never."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """It cannot go on: that is loud."""
        _log.error("escalation_failed", key=errand.key, error=str(error))
        return NOTHING

    async def hurry(self, number: str, by: str, *, is_given_back: bool = False) -> None:
        """Go on with the next turn at once; `is_given_back` passes over the first one, which begins
        anew because somebody who had it escalates. Raises Rejected when nothing escalates."""
        waiting = await self._waiting(number)
        if waiting is None:
            raise Rejected(f"nothing escalates for {number}: it is over, or no policy is at work")
        # The turn that waits is the next one: what hurries stands before it.
        following = _state(waiting)
        if following.position == 0 and not is_given_back:
            return  # the first step is on its way: going beyond it would call nobody of it
        position = max(0, following.position - 1)
        before = msgspec.structs.replace(following, position=position, by=by)
        plan = await self._moved(waiting, before, Event.HURRY)
        plan = msgspec.structs.replace(plan, cancel=(*plan.cancel, waiting.key))
        await self._table.carry_out(plan, self._clock.now_ms())

    async def waiting(self, number: str) -> tuple[State, int] | None:
        """The next turn and when it comes (ms); None when nothing escalates."""
        errand = await self._waiting(number)
        return None if errand is None else (_state(errand), errand.due_ms)

    async def _waiting(self, number: str) -> Errand | None:
        found = await self._table.find(subject=number, kinds=(ESCALATION,), states=(WAITING,))
        turns = [one for one in found if one.key.startswith("escalation/")]
        return min(turns, key=lambda one: one.due_ms, default=None)

    async def _moved(self, errand: Errand, state: State, event: Event) -> Plan:
        roster = self._roster()
        people: People = Reachable(roster, await self._directory.people())
        moved = step(state, event, self._clock.now_ms(), people)
        for number, said in enumerate(moved.said):
            data = {**said.data, "key": f"{errand.key}#{event.value}{number}"}
            is_repeat = errand.attempts > 1
            await self._timeline.tell(
                errand.subject, said.kind, said.text, data, is_repeat=is_repeat
            )
        _turns.labels(event.value).inc()
        return moved.plan

    async def _look(self, errand: Errand) -> Plan:
        """Go on at once when every page of that turn failed and it has not gone on already."""
        turn = msgspec.json.decode(errand.content, type=_Unreached).unreached
        found = await self._table.find(subject=errand.subject, kinds=(PAGE, ESCALATION))
        if not _has_reached_nobody(found, turn):
            return NOTHING
        epoch, _, position = turn.rpartition("/")
        following = f"escalation/{errand.subject}/{epoch}/{int(position) + 1}"
        waiting = next((one for one in found if one.key == following), None)
        if waiting is None or waiting.state != WAITING:
            return NOTHING
        before = msgspec.structs.replace(_state(waiting), position=int(position))
        return await self._moved(errand, before, Event.UNREACHED)


def _has_reached_nobody(errands: Sequence[Errand], turn: str) -> bool:
    """Whether every way of that turn failed. That a channel was told wakes nobody where people were
    to be called; and a way that failed is not waited for because it is to be tried again later."""
    pages = [(page_of(one), one.state) for one in errands if one.kind == PAGE]
    ours = [(page, state) for page, state in pages if page.turn == turn]
    called = [one for one in ours if one[0].person] or ours
    failed = {(page.person, page.method) for page, state in called if state == FAILED}
    is_hoped = any(
        state == DONE or (state == WAITING and (page.person, page.method) not in failed)
        for page, state in called
    )
    return bool(failed) and not is_hoped


def _state(errand: Errand) -> State:
    state = msgspec.json.decode(errand.content, type=State)
    return msgspec.structs.replace(state, number=errand.subject)
