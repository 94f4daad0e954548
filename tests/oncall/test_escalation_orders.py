"""Whatever people do in whatever order: the same calls as a slow, plain calculation finds."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.oncall.night import BO, night, person, policy, roster
from tocsin.incident.book import Resolution
from tocsin.kit.fault import Fault, Permanent, Rejected
from tocsin.oncall.escalation.policy import Policy

Call = tuple[float, str, str]

ANA = person("ana", "push", "sms", "call", rules=(("push", 0), ("sms", 2), ("call", 5)))
BEN = person("ben", "push", "sms", rules=(("push", 0), ("sms", 3)))
CEM = person("cem", "sms", "call")
"""Every way at once."""
PEOPLE = {one.name: one for one in (ANA, BEN, CEM)}
POLICIES = {
    "P0": policy("person:ana", "person:ben+person:cem", minutes=7, repeat=1),
    "P1": policy("schedule:primary", "schedule:primary:1", "person:cem", minutes=10),
    "P2": policy("person:ben", minutes=20, at_end="stay"),
}
RANKS = ("ana", "")
"""Who is on call; nobody is second."""

ACTS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 12)),
    st.tuples(
        st.just("break"), st.sampled_from(("push", "sms", "ana/push", "ben/sms", "cem/sms", "call"))
    ),
    st.tuples(st.just("repair"), st.just("")),
    st.tuples(st.just("severity"), st.sampled_from(("P0", "P1", "P2", "P3"))),
    st.sampled_from(
        (("ack", ""), ("give back", ""), ("resolve", ""), ("reopen", ""), ("hurry", ""))
    ),
)


@dataclass
class Pending:
    """A page that is still to come."""

    at: int
    who: str
    way: str
    turn: int


@dataclass
class Slow:
    """One incident minute by minute, as one would on paper."""

    severity: str
    now: int = 0
    acked: bool = False
    over: bool = False
    position: int = -1
    next_at: int | None = None
    pending: list[Pending] = field(default_factory=list)
    outcome: dict[int, list[bool]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    turn: int = 0
    is_news: bool = False

    @property
    def policy(self) -> Policy | None:
        return POLICIES.get(self.severity)

    def start(self) -> None:
        self.stop()
        self.is_news = False
        if self.policy is not None:
            self.position, self.next_at = 0, self.now

    def stop(self) -> None:
        self.next_at, self.pending, self.outcome = None, [], {}

    def news(self) -> None:
        self.start()
        self.is_news = True

    def act(self, what: str, value: str | int) -> None:
        taken = self.acked or self.over
        if what == "wait":
            self.pass_time(int(value))
        elif what == "break":
            self.broken.add(str(value))
        elif what == "repair":
            self.broken.clear()
        elif what == "ack" and not self.over and not self.acked:
            self.acked = True
            self.stop()
        elif what == "give back" and self.acked and not self.over:
            self.acked = False
            self.start()
        elif what == "resolve" and not self.over:
            self.over = True
            if not self.acked:
                self.stop()
            self.stop()
        elif what == "reopen" and self.over:
            self.over = self.acked = False
            self.start()
        elif what == "severity" and value != self.severity:
            worse = str(value) < self.severity
            self.severity = str(value)
            if not taken:
                self.start()
            elif worse and not self.over and self.policy is not None:
                self.news()
        elif what == "hurry" and self.next_at is not None:
            if self.position == 0:
                self.position = 1
            self.next_at = self.now
        self.settle()

    def pass_time(self, minutes: int) -> None:
        for _ in range(minutes):
            self.now += 1
            self.settle()

    def settle(self) -> None:
        """Everything that is due, until nothing is."""
        while True:
            if self.next_at is not None and self.next_at <= self.now:
                self.take_turn()
                continue
            due = [one for one in self.pending if one.at <= self.now]
            if not due:
                return
            self.pending.remove(due[0])
            self.ring(due[0])

    def take_turn(self) -> None:
        assert self.policy is not None
        self.turn += 1
        if self.position >= self.policy.length:
            self.next_at = None
            if self.policy.at_end == "everyone":
                for name in PEOPLE:
                    self.page(name)
            return
        step, _, _ = self.policy.at(self.position)
        before = len(self.pending)
        for target in step.notify:
            name = target.name if target.kind == "person" else RANKS[target.rank]
            if name:
                self.page(name)
        if self.is_news:
            self.next_at = None
            return
        self.position += 1
        self.next_at = self.now + (step.timeout_ms // 60_000 if len(self.pending) > before else 0)

    def page(self, name: str) -> None:
        self.outcome.setdefault(self.turn, [])
        one = PEOPLE[name]
        ways = [(rule.method, rule.after_ms // 60_000) for rule in one.rules] or [
            (method.name, 0) for method in one.methods
        ]
        self.pending += [Pending(self.now + after, name, way, self.turn) for way, after in ways]

    def ring(self, one: Pending) -> None:
        works = one.way not in self.broken and f"{one.who}/{one.way}" not in self.broken
        self.outcome.setdefault(one.turn, []).append(works)
        if works:
            self.calls.append((float(self.now), one.who, one.way))
            return
        if self.is_news:
            return
        mine = [
            p for p in self.pending if p.turn == one.turn and p.who == one.who and p.at > self.now
        ]
        if mine:
            min(mine, key=lambda page: page.at).at = self.now
            return
        waiting = [p for p in self.pending if p.turn == one.turn]
        if not waiting and not any(self.outcome[one.turn]) and self.turn == one.turn:
            self.next_at = self.now if self.next_at is not None else None


async def _really(acts: list[tuple[str, str | int]], folder: Path) -> list[Call]:
    async with night(folder, roster(tuple(PEOPLE.values()), *RANKS), **POLICIES) as one:
        number = (await one.open("P1")).number
        book = one.book
        await one.runner.turn()
        for what, value in acts:
            try:
                match what:
                    case "wait":
                        await one.passes(int(value))
                    case "break":
                        fault: Fault = Permanent("broken")
                        one.phones.broken[str(value)] = fault
                    case "repair":
                        one.phones.broken.clear()
                    case "ack":
                        await book.acknowledge(number, BO)
                    case "give back":
                        await book.unacknowledge(number, BO)
                    case "resolve":
                        await book.resolve(number, Resolution(resolution="x"), BO)
                    case "reopen":
                        await book.reopen(number, BO)
                    case "severity":
                        await book.set_severity(number, str(value), BO)
                    case _:
                        await one.escalation.hurry(number, "bo")
            except Rejected:
                pass  # it makes no sense now, and the slow one knows
            await one.runner.turn()
        await one.passes(120)
        return one.phones.calls


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(ACTS, max_size=12))
def test_random_orders_of_what_people_do_call_whom_a_plain_calculation_calls(
    acts: list[tuple[str, str | int]],
) -> None:
    slow = Slow("P1")
    slow.start()
    slow.settle()
    for what, value in acts:
        slow.act(what, value)
    slow.pass_time(120)
    with tempfile.TemporaryDirectory() as folder, capture_logs():
        really = asyncio.run(_really(acts, Path(folder)))
    assert sorted(really) == sorted(slow.calls)
