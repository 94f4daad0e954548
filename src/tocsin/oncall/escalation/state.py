"""What happens next in an escalation? Pure: the state, an event, the time and who is on call in;
the next state, the errands and what the timeline says out.

An escalation is a row of turns. Each turn is an errand of its own, named by the incident, the
`epoch` (which start of the escalation it is) and its position: whoever does it, and however often,
the pages and the next turn it puts are the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import msgspec

from tocsin.kit.fault import NotFound
from tocsin.model.errands import NOTHING, Errand, Plan
from tocsin.model.people import Person
from tocsin.oncall.escalation.policy import People, Policy, Step, Target, patience_ms
from tocsin.oncall.paging.page import PAGE, Page, errand_of, pages_for

ESCALATION = "escalation"
"""The kind of the errands that are turns."""


class Event(Enum):
    """What an escalation hears of."""

    START = "start"
    """It begins, or begins again: what an earlier start left is off."""
    TURN = "turn"
    """It is this position's turn."""
    UNREACHED = "unreached"
    """Nobody of the position's turn could be reached by any way."""
    HURRY = "hurry"
    """Somebody wants the next turn now."""
    STOP = "stop"
    """Somebody took it on, or it is over."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far one escalation is. `number` names the incident; the errand's subject has it."""

    number: str = ""
    epoch: str
    position: int = 0
    severity: str
    urgency: Literal["high", "low"] = "high"
    policy: Policy
    """As it was at the start: a changed configuration counts from the next start on."""
    event: Event = Event.TURN
    by: str = ""
    """Who wants it now."""
    is_news: bool = False
    """Whether it only tells those who come first that it became worse, though somebody has it."""

    @property
    def turn(self) -> str:
        """Names the turn beyond its incident."""
        return f"{self.epoch}/{self.position}"

    @property
    def words(self) -> str:
        """The turn as people are told of it."""
        if self.position >= self.policy.length:
            return f"the end of policy {self.policy.name}"
        _, number, rounds = self.policy.at(self.position)
        again = f", round {rounds + 1}" if self.policy.repeat else ""
        return f"step {number + 1} of {len(self.policy.steps)}{again}, policy {self.policy.name}"


@dataclass(frozen=True, slots=True)
class Said:
    """What the timeline is told; `kind` as `model.incidents.Entry` has it."""

    kind: str
    text: str
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moved:
    """What an event comes to."""

    state: State
    plan: Plan = NOTHING
    said: tuple[Said, ...] = ()


def key_of(state: State, *, is_now: bool = False) -> str:
    """The key of the errand that is this turn."""
    return f"escalation/{state.number}/{state.turn}{'/now' if is_now else ''}"


def errand_at(state: State, due_ms: int, *, is_now: bool = False) -> Errand:
    """The errand that is this turn."""
    return Errand(
        kind=ESCALATION,
        key=key_of(state, is_now=is_now),
        subject=state.number,
        due_ms=due_ms,
        content=msgspec.json.encode(msgspec.structs.replace(state, number="")),
    )


def step(state: State, event: Event, now_ms: int, people: People) -> Moved:
    """What follows from the event."""
    match event:
        case Event.START:
            first = msgspec.structs.replace(state, position=0, event=Event.TURN)
            plan = Plan(put=(errand_at(first, now_ms),), cancel_subjects=_all_of(state.number))
            return Moved(first, plan)
        case Event.STOP:
            return Moved(state, Plan(cancel_subjects=_all_of(state.number)))
        case Event.TURN:
            return _turn(state, now_ms, people)
        case Event.UNREACHED | Event.HURRY:
            return _hurried(state, event, now_ms)


def _all_of(number: str) -> tuple[tuple[str, str], ...]:
    return (ESCALATION, number), (PAGE, number)


def _next(state: State) -> State:
    return msgspec.structs.replace(state, position=state.position + 1, event=Event.TURN, by="")


def _hurried(state: State, event: Event, now_ms: int) -> Moved:
    if state.position >= state.policy.length:
        words = f"There is nobody left to escalate to ({state.words})."
        return Moved(state, said=(Said("escalated", words),))
    following = msgspec.structs.replace(_next(state), by=state.by)
    plan = Plan(cancel=(key_of(following),), put=(errand_at(following, now_ms, is_now=True),))
    words = f"{state.by or 'Somebody'} escalated at once: {following.words} comes next."
    if event is Event.UNREACHED:
        words = f"Nobody could be reached by any way ({state.words}): it goes on at once."
    return Moved(following, plan, (Said("escalated", words),))


def _turn(state: State, now_ms: int, people: People) -> Moved:
    if state.position >= state.policy.length:
        return _end(state, now_ms, people)
    found, number, rounds = state.policy.at(state.position)
    called = _Called(state, now_ms, people)
    called.step(found)
    following = _next(state)
    if state.is_news:
        words = f"{_listed(called.whom)}: it has become {state.severity}."
        return Moved(
            state, Plan(put=tuple(called.errands)), (*called.said, Said("escalated", words))
        )
    wait = found.timeout_ms or patience_ms(state.severity)
    due_ms = now_ms + wait if called.is_waited_for else now_ms
    plan = Plan(put=(*called.errands, errand_at(following, due_ms)))
    data = {"policy": state.policy.name, "step": str(number + 1), "round": str(rounds + 1)}
    words = f"{_listed(called.whom)} ({state.words}). Waiting {wait // 60_000} min for an answer."
    if not called.is_waited_for:
        told = f" Only {', '.join(called.whom)} is told." if called.whom else ""
        words = f"Nobody can be paged ({state.words}): it goes on at once.{told}"
    said = Said("escalated", words, {**data, "people": ", ".join(called.whom)})
    return Moved(following, plan, (*called.said, said))


def _end(state: State, now_ms: int, people: People) -> Moved:
    """Nobody answered at all."""
    if state.policy.at_end == "stay":
        words = f"Nobody answered, and the policy {state.policy.name} is at its end."
        return Moved(state, said=(Said("escalated", words),))
    called = _Called(msgspec.structs.replace(state, urgency="high"), now_ms, people)
    called.step(Step(state.policy.fallback))
    for person in people.people.values():
        called.person(person)
    words = f"NOBODY ANSWERED: everybody is paged now: {', '.join(called.whom)}."
    if not called.errands:
        words = (
            f"NOBODY ANSWERED, and nobody is left who could be paged: the policy "
            f"{state.policy.name} is at its end."
        )
    said = Said("escalated", words, {"people": ", ".join(called.whom)})
    return Moved(state, Plan(put=tuple(called.errands)), (*called.said, said))


def called_by(step: Step, at_ms: int, people: People) -> list[str]:
    """The people whom a step names at that time; those that are not there are left out."""
    state = State(epoch="", severity="", policy=Policy(name="", steps=(step,)))
    called = _Called(state, at_ms, people)
    return list(dict.fromkeys(name for target in step.notify for name in called.names(target)))


class _Called:
    """Whom a turn calls, and what is to be said of whom it cannot."""

    def __init__(self, state: State, now_ms: int, people: People) -> None:
        self.errands: list[Errand] = []
        self.whom: list[str] = []
        self.said: list[Said] = []
        self.is_waited_for = False
        """Whether somebody may answer: one of those who were to be called can be. Channels count
        where nobody else was to be told."""
        self._state = state
        self._now_ms = now_ms
        self._people = people
        self._page = Page(
            turn=state.turn,
            method="",
            urgency=state.urgency,
            severity=state.severity,
            step=state.words,
            is_news=state.is_news,
        )

    def step(self, step: Step) -> None:
        """Everybody whom the step names."""
        is_channels_alone = all(target.kind == "channel" for target in step.notify)
        for target in step.notify:
            if target.kind == "channel":
                page = msgspec.structs.replace(self._page, method=target.name)
                self._add(f"the channel {target.name}", [self._errand(page)])
                self.is_waited_for |= is_channels_alone
            else:
                for name in self.names(target):
                    self._named(name, target)

    def person(self, person: Person) -> None:
        """One more person, by his or her rules."""
        if person.name not in self.whom:
            pages = pages_for(person, self._page, self._state.number, self._now_ms)
            self._add(person.name, pages)
            self.is_waited_for |= bool(pages)

    def _named(self, name: str, target: Target) -> None:
        person = self._people.people.get(name)
        if person is None:
            self._warn(f"{name} ({target}) is not in oncall.people any more and cannot be paged.")
            return
        before = len(self.errands)
        self.person(person)
        if len(self.errands) == before and name not in self.whom:
            self._warn(f"{name} cannot be paged: no way to reach {name} is known.")

    def names(self, target: Target) -> Iterable[str]:
        """Who that is now; a channel is nobody."""
        if target.kind == "channel":
            return ()
        if target.kind == "person":
            return (target.name,)
        if target.kind == "team":
            team = self._people.teams.get(target.name)
            if team is None:
                self._warn(f"There is no team {target.name} any more.")
            return team.members if team else ()
        try:
            name = self._people.on_call(target.name, self._now_ms, rank=target.rank)
        except NotFound:
            self._warn(f"There is no schedule {target.name} any more.")
            return ()
        if name is None:
            place = " as second" if target.rank else ""
            self._warn(f"NOBODY IS ON CALL{place} in the schedule {target.name}.")
        return (name,) if name else ()

    def _errand(self, page: Page) -> Errand:
        return errand_of(page, self._state.number, self._now_ms)

    def _add(self, whom: str, errands: list[Errand]) -> None:
        if errands:
            self.whom.append(whom)
            self.errands += errands

    def _warn(self, words: str) -> None:
        self.said.append(Said("escalated", words, {"problem": "unreachable"}))


def _listed(whom: list[str]) -> str:
    return f"Paging {', '.join(whom)}" if whom else "Paging nobody"
