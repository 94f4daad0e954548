"""Whatever two people do in whatever order: nothing written is lost or altered, and every incident
is in a state that makes sense."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.incident.alert_world import NIGHT
from tests.state.fresh import state_file
from tocsin.incident.book import Author, Conflict, Draft, Edit, Firing, IncidentBook, Resolution
from tocsin.incident.config import IncidentsConfig
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Entry, Incident, Link, Status
from tocsin.model.labels import from_mapping
from tocsin.state.incidents import Asked, IncidentTable

T = TypeVar("T")
AUTHORS = st.sampled_from([Author("ana", "page"), Author("ben", "slack")])
SEVERITIES = st.sampled_from(["P0", "P1", "P2", "P3"])
STATUSES = st.sampled_from(list(Status))
TEXTS = st.sampled_from(["one", "two", "three"])
ALERTS = st.sets(st.integers(0, 5), min_size=1, max_size=3)


class TwoPeople(RuleBasedStateMachine):
    """Operations of two authors; what is kept is compared with a simple account of them."""

    numbers = Bundle("numbers")
    seen = Bundle("seen")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.database = state_file(Path(self.folder.name) / "state.db")
        self.run(self.database.open())
        self.clock = FakeClock(NIGHT)
        table = IncidentTable(self.database)
        self.book = IncidentBook(table, IncidentsConfig, self.clock, wake=lambda: None)
        self.timelines: dict[int, list[Entry]] = {}
        self.titles: dict[str, str] = {}
        self.severities: dict[str, str] = {}

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        self.folder.cleanup()

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(_waited(work))

    def tried(self, work: Awaitable[Incident]) -> Incident | None:
        """What may be refused is refused with words, and nothing else happens."""
        try:
            return self.run(work)
        except Rejected:
            return None

    @rule(target=numbers, author=AUTHORS, severity=SEVERITIES, text=TEXTS)
    def open(self, author: Author, severity: str, text: str) -> str:
        one = self.run(self.book.open(Draft(severity=severity, title=text), author))
        self.titles[one.number], self.severities[one.number] = text, severity
        return one.number

    @rule(target=seen, number=numbers)
    def look(self, number: str) -> Incident:
        return self.run(self.book.get(number))

    @rule(one=seen, author=AUTHORS, text=TEXTS)
    def edit_what_was_seen(self, one: Incident, author: Author, text: str) -> None:
        try:
            self.run(self.book.edit(one.number, Edit(title=text), author, version=one.version))
        except Conflict:
            assert self.run(self.book.get(one.number)).version > one.version
        else:
            # Nobody's title was overwritten unseen.
            assert self.titles[one.number] in (one.title, text)
            self.titles[one.number] = text

    @rule(number=numbers, author=AUTHORS)
    def acknowledge(self, number: str, author: Author) -> None:
        one = self.tried(self.book.acknowledge(number, author))
        assert one is None or one.acknowledged_ms

    @rule(number=numbers, author=AUTHORS)
    def unacknowledge(self, number: str, author: Author) -> None:
        one = self.tried(self.book.unacknowledge(number, author))
        assert one is None or not one.acknowledged_ms

    @rule(number=numbers, author=AUTHORS, severity=SEVERITIES)
    def change_severity(self, number: str, author: Author, severity: str) -> None:
        if self.tried(self.book.set_severity(number, severity, author)):
            self.severities[number] = severity

    @rule(number=numbers, author=AUTHORS, status=STATUSES)
    def change_status(self, number: str, author: Author, status: Status) -> None:
        one = self.tried(self.book.set_status(number, status, author))
        assert one is None or one.status is status

    @rule(number=numbers, author=AUTHORS, text=TEXTS)
    def note(self, number: str, author: Author, text: str) -> None:
        before = self.run(self.book.get(number))
        assert self.run(self.book.note(number, text, author)).version == before.version

    @rule(number=numbers, author=AUTHORS, alerts=ALERTS, severity=SEVERITIES)
    def fire(self, number: str, author: Author, alerts: set[int], severity: str) -> None:
        links = tuple(_alert(one, self.clock.now_ms()) for one in sorted(alerts))
        before = self.run(self.book.get(number))
        known = {link.ref for link in before.links}
        after = self.run(
            self.book.alerts_fired(number, Firing(links=links, severity=severity), author)
        )
        assert {link.ref for link in links} <= {
            link.ref for link in after.links if not link.ends_ms
        }
        if {link.ref for link in links} - known:
            self.severities[number] = min(self.severities[number], severity)

    @rule(number=numbers, author=AUTHORS, alerts=ALERTS)
    def end(self, number: str, author: Author, alerts: set[int]) -> None:
        gone = {f"a{one}": self.clock.now_ms() for one in alerts}
        after = self.run(self.book.alerts_ended(number, gone, author))
        assert all(link.ends_ms for link in after.links if link.ref in gone)

    @rule(number=numbers, into=numbers, author=AUTHORS)
    def merge(self, number: str, into: str, author: Author) -> None:
        before = self.run(self.book.get(number))
        target = self.run(self.book.get(into))
        after = self.tried(self.book.merge(number, into, author))
        if after is None or before.merged_into:
            return
        assert {link.ref for link in before.links} <= {link.ref for link in after.links}
        if not target.is_over:
            self.severities[into] = min(self.severities[into], self.severities[number])

    @rule(number=numbers, author=AUTHORS)
    def resolve(self, number: str, author: Author) -> None:
        self.tried(self.book.resolve(number, Resolution(resolution="done"), author))

    @rule(number=numbers, author=AUTHORS)
    def reopen(self, number: str, author: Author) -> None:
        one = self.tried(self.book.reopen(number, author))
        assert one is None or not one.is_over

    @rule(one=consumes(seen), two=numbers, author=AUTHORS, text=TEXTS)
    def both_at_once(self, one: Incident, two: str, author: Author, text: str) -> None:
        """Two changes under way at the same moment, of the same incident or of two."""

        async def both() -> None:
            await asyncio.gather(
                self.book.assign(one.number, text, author),
                self.book.set_role(two, "commander", text, author),
            )

        self.run(both())
        assert self.run(self.book.get(one.number)).assignee == text
        assert self.run(self.book.get(two)).roles["commander"] == text

    @rule(seconds=st.integers(1, 600))
    def wait(self, seconds: int) -> None:
        self.run(self.clock.advance(seconds))

    @invariant()
    def timelines_only_grow(self) -> None:
        for one in self.run(self.book.find(Asked())):
            timeline = self.run(self.book.timeline(one.id))
            before = self.timelines.get(one.id, [])
            assert timeline[: len(before)] == before
            assert all(entry.author and entry.source and entry.text for entry in timeline)
            self.timelines[one.id] = timeline

    @invariant()
    def every_state_makes_sense(self) -> None:
        for one in self.run(self.book.find(Asked())):
            assert one.title == self.titles[one.number]
            assert one.severity == self.severities[one.number]
            assert one.is_over == bool(one.resolved_ms)
            assert (one.status is Status.CLOSED) == bool(one.closed_ms)
            assert bool(one.acknowledged_ms) == bool(one.acknowledged_by)
            assert not (one.acknowledged_ms and not one.first_acknowledged_ms)
            assert not one.merged_into or one.status is Status.CLOSED
            assert one.started_ms <= one.opened_ms
            assert not (one.is_over and one.next_update_ms)
            if one.status is Status.MONITORING or one.is_over:
                assert one.is_over or one.mitigated_ms


async def _waited(work: Awaitable[T]) -> T:
    return await work


def _alert(number: int, now: int) -> Link:
    labels = from_mapping({"alertname": f"A{number}"})
    return Link(kind="alert", ref=f"a{number}", title=f"A{number}", labels=labels, starts_ms=now)


TwoPeople.TestCase.settings = settings(max_examples=12, stateful_step_count=25)
test_two_people = pytest.mark.slow(TwoPeople.TestCase)
