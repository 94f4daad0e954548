"""How is the response to incidents wired in: the playbook, its doers, words, and Slack? Implements
`app.incidents.Part`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.alert.delivering.desk import Desk
from tocsin.app.config import Loaded
from tocsin.app.escalation_policies import read_escalations
from tocsin.app.incident_channels import (
    IncidentChannels,
    MailDoer,
    PostDoer,
    Reach,
    mail_part,
    reach_of,
)
from tocsin.app.incident_ports import Pages, PublicPosts
from tocsin.app.incident_slack import MESSAGE, IncidentSlack, first_bot, message_planner
from tocsin.app.incidents import Incidents
from tocsin.app.oncall import on_call_plan
from tocsin.app.response_desk import ResponseDesk
from tocsin.incident.response.actions import playbook_of
from tocsin.incident.response.doers import (
    AssignDoer,
    NoteDoer,
    PageDoer,
    StatusPageDoer,
    TaskDoer,
)
from tocsin.incident.response.handler import ActionHandler, InForce
from tocsin.incident.response.known import Known
from tocsin.incident.response.next_update import NextUpdateHandler
from tocsin.incident.response.plan import ACTION, NEXT_UPDATE, ResponsePlanner
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.response.tickets import TicketDoer
from tocsin.incident.response.webhook import WebhookDoer
from tocsin.incident.response.work import Doer
from tocsin.incident.words.catalog import catalog_of
from tocsin.kit.clock import Clock
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.tasks import Tasks
from tocsin.model.errands import NOTHING, Plan
from tocsin.model.incidents import Entry, Incident
from tocsin.model.people import Person
from tocsin.notify.kind import Making
from tocsin.scrape.fetch import Fetcher

if TYPE_CHECKING:
    from tocsin.app.escalations import Escalations
    from tocsin.app.oncall import OnCall
    from tocsin.app.status_page import StatusPages


def check_response(loaded: Loaded, clock: Clock) -> tuple[str, ...]:
    """What the author of actions and templates should know; raises ConfigError for a mistake."""
    reach = reach_of(loaded, Fetcher(clock, loaded.folder, connections=1), clock, "")
    return in_force(loaded, reach, clock).playbook.warnings


def in_force(loaded: Loaded, reach: Reach, clock: Clock, external_url: str = "") -> InForce:
    """What a configuration says of the response. Raises ConfigError with place and remedy."""
    config = loaded.config
    response = config.incidents.response
    _check_names(loaded, reach, response)
    people, known = _known(loaded, reach, clock, response)
    status_page = config.status_page
    address = f"{external_url}/status" if status_page.is_on and external_url else ""
    return InForce(
        playbook=playbook_of(config.incidents, response, known),
        catalog=catalog_of(config.incidents.templates),
        response=response,
        external_url=external_url,
        status_page_url=address,
        name_of=lambda name: (people[name].full_name or name) if name in people else name,
    )


def _known(
    loaded: Loaded, reach: Reach, clock: Clock, response: ResponseConfig
) -> tuple[Mapping[str, Person], Known]:
    roster = on_call_plan(loaded, clock.now_ms()).roster
    policies = read_escalations(loaded, roster)
    slack = response.slack
    return roster.people, Known(
        channels={name: many[0].kind for name, many in reach.parts.items() if many},
        policies=tuple(policies.by_name),
        people=tuple(roster.people),
        schedules=tuple(roster.schedules),
        has_slack=bool(slack.token or slack.token_file or slack.via or first_bot(reach)),
        has_mail=mail_part(reach, response.mail_via) is not None,
        has_status_page=loaded.config.status_page.is_on,
        has_oncall=bool(roster.schedules),
    )


def _check_names(loaded: Loaded, reach: Reach, response: ResponseConfig) -> None:
    base = ("incidents", "response")
    named: list[tuple[str, tuple[str, ...], bool]] = [
        (name, (*base, "channels"), True) for name in response.channels
    ]
    if response.slack.via:
        is_bot = response.slack.via in reach.parts and reach.bot(response.slack.via) is not None
        named.append((response.slack.via, (*base, "slack", "via"), is_bot))
    if response.mail_via:
        is_mail = mail_part(reach, response.mail_via) is not None
        named.append((response.mail_via, (*base, "mail_via"), is_mail))
    for name, path, fits in named:
        if name not in reach.parts:
            known = ", ".join(reach.parts) or "none"
            problem = f"there is no channel {name!r} in alerting.channels; known: {known}"
            raise loaded.document.error(problem, *path, nearest=nearest(name, reach.parts))
        if not fits:
            wanted = "a Slack bot (app_token)" if path[-1] == "via" else "of the kind email"
            raise loaded.document.error(f"the channel {name!r} is not {wanted}", *path)


class IncidentResponse:
    """Everything that happens by itself in incidents, for one process."""

    def __init__(self, incidents: Incidents, desk: Desk, clock: Clock) -> None:
        self.pages: Pages | None = None
        self.posts: PublicPosts | None = None
        self._clock = clock
        self._incidents = incidents
        self._force = InForce()
        self._has_slack = False
        self._people: Mapping[str, Person] = {}
        self._fetcher = Fetcher(clock, Path(), connections=32)
        self._outside = Fetcher(clock, Path(), connections=8, outside_only=True)
        self._channels = IncidentChannels(desk, clock)
        book, runner = incidents.book, incidents.runner
        self.slack = IncidentSlack(book, self._channels, lambda: self._force)
        self.slack.members.people = lambda: self._people
        self.desk = ResponseDesk(
            book, incidents.errands, runner, clock, lambda: self._force, self.slack, self
        )
        handler = ActionHandler(
            book, incidents.errands, clock, lambda: self._force, self._doers(incidents)
        )
        runner.register(ACTION, handler)
        zone = NextUpdateHandler(book, clock, self, lambda: self._force.response.timezone)
        runner.register(NEXT_UPDATE, zone)
        runner.register(MESSAGE, self.slack)
        book.follow(ResponsePlanner(lambda: self._force.playbook, lambda: book.config))
        book.follow(self._messages)

    def _doers(self, incidents: Incidents) -> Mapping[str, Doer]:
        book, channels = incidents.book, self._channels

        def response() -> ResponseConfig:
            return self._force.response

        def making() -> Making:
            return channels.reach.own_making

        def calling() -> Making:
            if response().private_webhooks:
                return making()
            return replace(making(), fetcher=self._outside)

        return {
            "page": PageDoer(lambda: self.pages),
            "post": PostDoer(channels, self.slack.post),
            "slack_channel": self.slack,
            "mail": MailDoer(channels, lambda: response().lists, lambda: response().mail_via),
            "status_page": StatusPageDoer(lambda: self.posts, lambda one: book.config.rank(one)),
            "webhook": WebhookDoer(calling),
            "ticket": TicketDoer(lambda: response().trackers, making),
            "note": NoteDoer(book),
            "assign": AssignDoer(book, lambda: self.pages),
            "task": TaskDoer(),
        }

    def reach_people(self, escalations: Escalations, oncall: OnCall) -> None:
        """Page, remind and ask by these from now on."""
        book, runner = self._incidents.book, self._incidents.runner
        self.pages = Pages(book, runner, escalations, oncall, self._clock)
        self.slack.members.on_call = self.pages

    def tell_public(self, status_page: StatusPages) -> None:
        """Tell the public by that page from now on."""
        self.posts = PublicPosts(status_page.posts, status_page.concerned_by)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the author of actions should know."""
        return self._force.playbook.warnings

    def _messages(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        return message_planner(before, after, entries) if self._has_slack else NOTHING

    async def load(self) -> None:
        """Nothing is kept but errands and timelines."""

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Put a configuration in force. Raises ConfigError before anything has changed."""
        reach, force = await asyncio.to_thread(self._read, loaded, external_url)
        self._fetcher.folder = loaded.folder
        self._force = force
        slack = force.response.slack
        self._has_slack = bool(slack.token or slack.token_file or slack.via or first_bot(reach))
        self._channels.configure(reach)
        answers = loaded.config.answers
        has_buttons = bool(answers.slack_signing_secret or answers.slack_signing_secret_file)
        self.slack.configure(force.response.slack, has_buttons=has_buttons)
        self._people = on_call_plan(loaded, self._clock.now_ms()).roster.people

    def _read(self, loaded: Loaded, external_url: str) -> tuple[Reach, InForce]:
        reach = reach_of(loaded, self._fetcher, self._clock, external_url)
        return reach, in_force(loaded, reach, self._clock, external_url)

    def start(self, tasks: Tasks) -> None:
        """All of it runs as errands."""

    async def close(self) -> None:
        """Close all connections."""
        await self._fetcher.close()
        await self._outside.close()

    async def on_call(self, incident: Incident) -> str:
        """As `Reminders`; empty without on-call."""
        return await self.pages.on_call(incident) if self.pages else ""

    async def remind(self, person: str, incident: Incident, text: str, key: str) -> str:
        """As `Reminders`: by the person's own quiet way, else in Slack, else by mail."""
        try:
            if self.pages is not None:
                return await self.pages.remind(person, incident, text, key)
        except Rejected:
            if not self._has_slack and not self._email(person):
                raise
        if self._has_slack:
            try:
                await self.slack.members.tell(person, text)
            except Rejected:
                if not self._email(person):
                    raise
            else:
                return "in Slack"
        email = self._email(person)
        if not email:
            raise Rejected(f"{person} has neither a way to be told nor a mail address in oncall")
        subject = f"Update due: {incident.number}"
        via = self._force.response.mail_via
        await self._channels.mail_text(email, incident, subject, text, key, via)
        return "by mail"

    def _email(self, person: str) -> str:
        found = self._people.get(person)
        return found.email if found else ""
