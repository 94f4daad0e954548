"""A world for tests of the response: real tables, a real runner, doers that remember."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.state.fresh import state_file
from tocsin.app.errands import ErrandRunner
from tocsin.incident.book import Author, Draft, IncidentBook
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.response.actions import playbook_of
from tocsin.incident.response.handler import ActionHandler, InForce
from tocsin.incident.response.known import Known
from tocsin.incident.response.next_update import NextUpdateHandler
from tocsin.incident.response.plan import ACTION, NEXT_UPDATE, ResponsePlanner
from tocsin.incident.response.settings import ResponseConfig, Tracker
from tocsin.incident.response.steps import KINDS
from tocsin.incident.response.work import Doer, Outcome, Work
from tocsin.incident.words.catalog import Audience, catalog_of
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Fault
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode, loads
from tocsin.model.incidents import Incident
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import IncidentTable

ANA = Author("ana", "page")
FIRST_PLAYBOOK = """
severities:
  P0:
    actions:
      - Page on-call engineer immediately
      - Create incident channel in Slack
      - Begin status page updates
      - Start incident timeline documentation
  P1:
    actions:
      - Alert engineering team
      - Assess impact and user communication needs
      - Begin troubleshooting
  P2:
    actions:
      - Create tracking ticket
      - Schedule investigation
      - Monitor for escalation
"""
SECOND_PLAYBOOK = """
severities:
  P0:
    actions:
      - {do: post, channels: [pagerduty]}
      - {do: post, channel: critical-alerts}
      - {do: mail, to: critical-team}
  P1:
    actions:
      - {do: post, channel: alerts}
      - {do: mail, to: engineering-team@company.com}
  P2: {actions: [{do: post, channel: alerts}]}
  P3: {actions: [{do: post, channel: alerts}]}
"""
RESPONSE = ResponseConfig(
    give_up=Duration(7200),
    channels=("alerts",),
    lists={"critical-team": ("critical-team@company.com",)},
    trackers={"ops": Tracker(kind="jira", project="OPS", url="http://jira.test/rest/api/2")},
)
KNOWN = Known(
    channels={"critical-alerts": "slack", "alerts": "slack", "pagerduty": "pagerduty"},
    policies=("default",),
    people=("ana",),
    schedules=("primary",),
    has_slack=True,
    has_mail=True,
    has_status_page=True,
    has_oncall=True,
)


class Remembering:
    """Does what it is asked, and remembers; raises `faults` first, one at each attempt."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, str]] = []
        self.faults: dict[str, list[Fault]] = {}
        self.always: dict[str, Fault] = {}

    async def do(self, work: Work) -> Outcome:
        kind = work.action.kind
        if kind in self.always:
            raise self.always[kind]
        if self.faults.get(kind):
            raise self.faults[kind].pop(0)
        self.done.append((kind, work.job.moment, work.action.shown))
        self.said = work.say(Audience.INTERNAL).text
        return Outcome(f"{work.action.shown}: done", {"made": work.key})


class Nobody:
    """Reminds people of promises, and remembers."""

    def __init__(self) -> None:
        self.reminded: list[tuple[str, str]] = []

    async def on_call(self, incident: Incident) -> str:
        return "otto"

    async def remind(self, person: str, incident: Incident, text: str, key: str) -> str:
        self.reminded.append((person, text))
        return "by mail"


def incidents_config(text: str) -> IncidentsConfig:
    return decode(loads(text, "tocsin.yaml"), IncidentsConfig)


class World:
    """One node."""

    def __init__(self, database: Database, clock: FakeClock, config: IncidentsConfig) -> None:
        self.clock = clock
        self.table = ErrandTable(database)
        self.runner = ErrandRunner(self.table, clock, node="a")
        self.book = IncidentBook(
            IncidentTable(database), lambda: config, clock, wake=self.runner.wake
        )
        self.remembering = Remembering()
        self.reminders = Nobody()
        playbook = playbook_of(config, RESPONSE, KNOWN)
        force = InForce(playbook=playbook, catalog=catalog_of(config.templates), response=RESPONSE)
        self.book.follow(ResponsePlanner(lambda: playbook, lambda: config))
        doers: dict[str, Doer] = {
            str(kind.__struct_config__.tag): self.remembering for kind in KINDS
        }
        self.handler = ActionHandler(self.book, self.table, clock, lambda: force, doers)
        self.runner.register(ACTION, self.handler)
        self.runner.register(NEXT_UPDATE, NextUpdateHandler(self.book, clock, self.reminders))

    async def open(self, severity: str = "P0", **more: object) -> Incident:
        draft = Draft(severity=severity, title="Checkout is down")
        one = await self.book.open(msgspec.structs.replace(draft, **more), ANA)
        await self.runner.turn()
        return await self.book.get(one.number)

    async def pass_time(self, seconds: float, step: float = 60.0) -> None:
        left = seconds
        while left > 0:
            self.clock.jump(min(step, left))
            left -= step
            await self.runner.turn()

    async def outcomes(self, number: str) -> list[str]:
        one = await self.book.get(number)
        timeline = await self.book.timeline(one.id)
        return [entry.text for entry in timeline if entry.kind == "action"]

    @property
    def done(self) -> Sequence[tuple[str, str, str]]:
        return self.remembering.done


@asynccontextmanager
async def world(folder: Path, clock: FakeClock, text: str) -> AsyncIterator[World]:
    database = state_file(folder / "state.db")
    await database.open()
    try:
        yield World(database, clock, incidents_config(text))
    finally:
        await database.close()
