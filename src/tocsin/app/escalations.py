"""How is paging wired in: policies, people's ways, Web Push, answers? An `incidents.Part`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from tocsin.alert.delivering.desk import Desk
from tocsin.app.alert_calls import ALERT_PAGE, AlertCalls
from tocsin.app.alerting import Alerting
from tocsin.app.config import Loaded
from tocsin.app.escalation_policies import read_escalations
from tocsin.app.incidents import Incidents
from tocsin.app.oncall import OnCall, on_call_plan
from tocsin.app.page_answers import PageAnswers
from tocsin.app.page_calls import PageCalls
from tocsin.app.page_links import PageLinks
from tocsin.app.page_ways import Links, Ways
from tocsin.app.weekly_tests import WeeklyTests
from tocsin.incident.book import Author, Change, IncidentBook
from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.kit.tasks import Tasks
from tocsin.model.incidents import Incident
from tocsin.model.people import Person
from tocsin.oncall.escalation.config import Policies
from tocsin.oncall.escalation.handler import EscalationHandler
from tocsin.oncall.escalation.planner import Choice, EscalationPlanner
from tocsin.oncall.escalation.state import ESCALATION
from tocsin.oncall.paging.address_book import AddressBook
from tocsin.oncall.paging.caller import Message
from tocsin.oncall.paging.contacts import Contacts
from tocsin.oncall.paging.handler import PageHandler
from tocsin.oncall.paging.page import PAGE
from tocsin.oncall.paging.rules import methods_of
from tocsin.oncall.paging.testing import PageTests
from tocsin.oncall.roster import Roster
from tocsin.oncall.webpush.device import Device, Devices
from tocsin.oncall.webpush.sender import PushSender
from tocsin.scrape.fetch import Fetcher
from tocsin.state.database import Database
from tocsin.state.settings import Settings
from tocsin.web.attempts import Attempts
from tocsin.web.pager import Pager

_acknowledged = gauge.histogram(
    "incident_acknowledge_seconds",
    "From an incident's opening to its acknowledgement.",
    ("severity",),
    buckets=(30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400),
)
_ATTEMPTS, _WINDOW_SECONDS = 30, 300.0


def check_escalations(loaded: Loaded, clock: Clock) -> None:
    """Raises ConfigError or OnCallError for a policy, a role or a way that cannot work."""
    roster = on_call_plan(loaded, clock.now_ms()).roster
    read_escalations(loaded, roster)
    ways = Ways(loaded, Fetcher(clock, loaded.folder, connections=1), clock, "")
    ways.check_people(
        {
            name: tuple(one.kind for one in methods_of(person))
            for name, person in roster.people.items()
        }
    )


class BookTimeline:
    """Implements `paging.caller.Timeline` over the book of incidents."""

    def __init__(self, book: IncidentBook) -> None:
        self._book = book

    async def incident(self, number: str) -> Incident:
        """Raises NotFound, Temporary."""
        return await self._book.get(number)

    async def tell(
        self, number: str, kind: str, text: str, data: Mapping[str, str], *, is_repeat: bool
    ) -> None:
        """As `Timeline`."""
        if is_repeat:
            found = await self._book.get(number)
            entries = await self._book.timeline(found.id)
            if any(one.data.get("key") == data["key"] for one in entries):
                return
        await self._book.told(number, kind, text, Author("tocsin", "escalation"), data)


class Escalations:
    """Escalations and pages of one process."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        incidents: Incidents,
        desk: Desk,
        roster: Callable[[], Roster],
        clock: Clock,
    ) -> None:
        self.policies = Policies()
        self.contacts = Contacts(database, clock)
        self.devices = Devices(database, clock)
        self.address_book = AddressBook(roster, self.contacts, self.devices)
        self._fetcher = Fetcher(clock, Path(), connections=16)
        self._pushing = PushSender(clock)
        self._links = PageLinks(settings)
        self._clock = clock
        self.calls = PageCalls(desk, self.devices, lambda: self._pushing, clock)
        self.tests = PageTests(database, self.calls, clock)
        self._weekly = WeeklyTests(self.tests, self.address_book, roster, incidents.runner, clock)
        timeline, book = BookTimeline(incidents.book), self.address_book
        self.handler = EscalationHandler(incidents.errands, timeline, book, roster, clock)
        incidents.runner.register(ESCALATION, self.handler, is_urgent=True)
        pages = PageHandler(incidents.errands, timeline, book, self.calls, clock)
        incidents.runner.register(PAGE, pages, is_urgent=True)
        self.alerts = AlertCalls(
            incidents.errands, incidents.table, book, self.calls, roster, clock
        )
        self.alerts.pages_of = self.choice
        incidents.runner.register(ALERT_PAGE, self.alerts, is_urgent=True)
        self._book = incidents.book
        self._book.follow(EscalationPlanner(self.choice, lambda one: self._book.config.rank(one)))
        self._book.subscribe(_measure)
        self.answers = PageAnswers(self._book, self.handler, self.tests, incidents.runner)

    def follow_alerts(self, alerting: Alerting) -> None:
        """Call people whom severities name, as long as the alerts fire and nobody has them."""
        acknowledgements, clock = alerting.attention.acknowledgements, self._clock

        def still_wanted(fingerprints: Sequence[str]) -> bool:
            now = clock.now_ms()
            firing = {one.alert.fingerprint for one in alerting.dispatcher.states()}
            return any(
                one in firing and acknowledgements.of(one, now) is None for one in fingerprints
            )

        self.alerts.still_wanted = still_wanted
        alerting.calls = self.alerts

    def choice(self, incident: Incident) -> Choice | None:
        """How an incident escalates; None when nobody is paged."""
        level = self._book.config.level(incident.severity)
        name = level.policy(incident.severity, self.policies.by_name)
        policy = self.policies.targets(f"policy:{name}") or self.policies.targets(name)
        if not name or policy is None:
            return None
        return Choice(policy, "high" if level.is_urgent else "low")

    async def load(self) -> None:
        """Read what an earlier process kept; make keys at the very first start."""
        await self._links.load()

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Put a configuration in force. Raises ConfigError before anything has changed."""
        roster = (await asyncio.to_thread(on_call_plan, loaded, self._clock.now_ms())).roster
        policies = read_escalations(loaded, roster)
        ways = Ways(loaded, self._fetcher, self._clock, external_url)
        config = loaded.config.oncall.paging
        self.policies = self.alerts.policies = policies
        self._fetcher.folder = loaded.folder
        self._links.configure(external_url, config.web_push.contact)
        if self._pushing.allow_private != config.web_push.allow_private:
            before = self._pushing
            allow = config.web_push.allow_private
            self._pushing = PushSender(self._clock, allow_private=allow)
            await before.close()
        self.calls.vapid = self._links.vapid
        has_address = bool(loaded.config.listen.external_url)
        self.calls.links = self._links.maker
        self.calls.configure(ways, external_url, has_address=has_address)
        self._weekly.configure(config.test_every_week)

    def start(self, tasks: Tasks) -> None:
        """Begin what happens by itself."""
        tasks.start("weekly_test_pages", self._weekly.run)

    async def close(self) -> None:
        """Close all connections."""
        await self._pushing.close()
        await self._fetcher.close()

    async def tell(self, person: str, message: Message) -> str:
        """Bring a message that is no page by the quietest of a person's ways; returns how, such as
        "email". Raises Temporary, or Rejected when there is no way."""
        known: Person = await self.address_book.person(person)
        quiet = [one for one in methods_of(known) if one.kind not in ("call",)]
        if not quiet:
            raise Rejected(f"{person} has no way to be told; add one in My notifications")
        named = known.low_rules[0].method if known.low_rules else quiet[0].name
        method = next((one for one in quiet if one.name == named), quiet[0])
        message = msgspec.structs.replace(message, person=person, can_answer=False)
        await self.calls.call(method, message)
        return method.kind

    def pager(self) -> Pager:
        """What the web room needs of it."""
        return Pager(
            answers=self.answers,
            links=lambda: self._links.maker,
            standing=self.answers.standing,
            waiting=self.handler.waiting,
            book=self.address_book,
            contacts=self.contacts,
            devices=self.devices,
            tests=self.tests,
            ring=self._ring,
            send_code=self._send_code,
            push_key=lambda: self._links.vapid.public if self._links.vapid else "",
            allow_private=lambda: self._pushing.allow_private,
            attempts=Attempts(self._clock, most=_ATTEMPTS, seconds=_WINDOW_SECONDS),
        )

    async def _ring(self, device: Device, by: str) -> None:
        await self.calls.ring(
            device, self._note("Test page of Tocsin", f"{device.name} rings.", by)
        )

    async def _send_code(self, person: str, kind: str, address: str, code: str) -> None:
        if self.calls.ways is None:
            raise Rejected("Tocsin is still starting; try again in a moment")
        words = f"Your code for Tocsin is {code}. It proves that pages reach you here."
        message = self._note("A code of Tocsin", words, person)
        # Not by `calls`: what is recorded can be read by others, and the code must not be.
        sender = self.calls.ways.sender(kind, address, message, Links())
        await sender.send(self.calls.notice(f"page: {person}", message))

    def _note(self, title: str, text: str, person: str) -> Message:
        return Message(
            subject=f"note/{person}",
            title=title,
            text=text,
            at_ms=self._clock.now_ms(),
            person=person,
            path="/settings/devices",
            can_answer=False,
        )


def _measure(change: Change) -> None:
    before, after = change.before, change.after
    if before is not None and after.acknowledged_ms and not before.acknowledged_ms:
        took = max(0, after.acknowledged_ms - after.opened_ms) / 1000
        _acknowledged.labels(after.severity).observe(took)


def escalations_of(
    database: Database,
    settings: Settings,
    incidents: Incidents,
    alerting: Alerting,
    oncall: OnCall,
    clock: Clock,
) -> Escalations:
    """Escalations, started and configured with incidents."""
    desk = alerting.notifications.desk
    made = Escalations(database, settings, incidents, desk, lambda: oncall.roster, clock)
    made.follow_alerts(alerting)
    oncall.tell_by(made.tell)
    incidents.add(made)
    return made
