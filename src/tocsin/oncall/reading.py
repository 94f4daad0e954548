"""What does the configuration of on-call come to? Read whole; every mistake is told at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.alert.attention.recurrence import zone
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode
from tocsin.model.people import ContactMethod, NotifyStep, Person, Team
from tocsin.oncall.calendar_file import CalendarFiles
from tocsin.oncall.config import (
    MethodEntry,
    OnCallConfig,
    PersonEntry,
    RuleEntry,
    ScheduleEntry,
    TeamEntry,
)
from tocsin.oncall.mistakes import Mistakes
from tocsin.oncall.reading_schedule import ScheduleReader
from tocsin.oncall.roster import NO_ROSTER, Roster
from tocsin.oncall.schedule import Schedule

METHOD_KINDS = ("push", "sms", "call", "email", "slack", "telegram", "pagerduty", "channel")
"""How people can be reached; all but push need an address."""


@dataclass(frozen=True, slots=True)
class OnCallPlan:
    """A configuration that was found to be right. `calendars` were read for it."""

    roster: Roster = NO_ROSTER
    calendars: CalendarFiles = field(default_factory=lambda: CalendarFiles(Path()))


def read_on_call(
    document: Document | None,
    calendars: CalendarFiles,
    now_ms: int,
    channels: Collection[str] = (),
) -> OnCallPlan:
    """What stands under `oncall`; `channels` are the names that methods of the kind "channel" may
    have. Raises ConfigError or OnCallError with every mistake."""
    if document is None:
        return OnCallPlan()
    config = decode(document, OnCallConfig)
    mistakes = Mistakes()
    people = {
        name: _person(name, part, entry, mistakes, channels)
        for name, part, entry in mistakes.entries(config.people, PersonEntry, "person")
        if _named(name, part, "person", mistakes)
    }
    teams = _teams(config.teams, people, mistakes)
    schedules: dict[str, Schedule] = {}
    for name, part, entry in mistakes.entries(config.schedules, ScheduleEntry, "schedule"):
        if _named(name, part, "schedule", mistakes):
            reader = ScheduleReader(name, part, entry, people, mistakes)
            schedules[name] = reader.schedule(calendars, now_ms)
    default = config.default_schedule or next(iter(schedules), "")
    if default:
        mistakes.known(document, default, schedules, "oncall.schedules", "default_schedule")
    mistakes.raise_any()
    return OnCallPlan(Roster.of(people, teams, schedules, default), calendars)


def _named(name: str, part: Document, what: str, mistakes: Mistakes) -> bool:
    if not name:
        mistakes.add(part, f"the {what} has no name; add the key name")
    return bool(name)


def _person(
    name: str,
    part: Document,
    entry: PersonEntry,
    mistakes: Mistakes,
    channels: Collection[str],
) -> Person:
    try:
        zone(entry.timezone)
    except Rejected as error:
        mistakes.add(part, str(error), "timezone")
    methods: dict[str, ContactMethod] = {}
    for number, one in enumerate(entry.methods):
        method = _method(number, one, entry, part, mistakes, channels)
        if method.name in methods:
            problem = f"there is a method {method.name!r} already; give this one another name"
            mistakes.add(part, problem, "methods", number)
        methods[method.name] = method
    return Person(
        name=name,
        full_name=entry.full_name,
        email=entry.email,
        timezone=entry.timezone,
        methods=tuple(methods.values()),
        rules=_steps(entry.rules.high, "high", methods, part, mistakes),
        low_rules=_steps(entry.rules.low, "low", methods, part, mistakes),
    )


def _method(
    number: int,
    one: MethodEntry,
    entry: PersonEntry,
    part: Document,
    mistakes: Mistakes,
    channels: Collection[str],
) -> ContactMethod:
    path = "methods", number
    mistakes.known(part, one.kind, METHOD_KINDS, "the kinds of methods", *path, "kind")
    address = one.address or (entry.email if one.kind == "email" else "")
    if one.kind == "channel" and address:
        mistakes.known(part, address, channels, "alerting.channels", *path, "address")
    elif not address and one.kind != "push":
        remedy = "; give the person an email" if one.kind == "email" else ""
        mistakes.add(part, f"a method of the kind {one.kind} needs an address{remedy}", *path)
    return ContactMethod(name=one.name or one.kind, kind=one.kind, address=address)


def _steps(
    rules: tuple[RuleEntry, ...],
    urgency: str,
    methods: Mapping[str, ContactMethod],
    part: Document,
    mistakes: Mistakes,
) -> tuple[NotifyStep, ...]:
    for number, rule in enumerate(rules):
        where = "the person's methods"
        mistakes.known(part, rule.method, methods, where, "rules", urgency, number, "method")
    steps = (NotifyStep(method=rule.method, after_ms=rule.after.ms) for rule in rules)
    return tuple(sorted(steps, key=lambda step: step.after_ms))


def _teams(
    document: Document | None, people: Mapping[str, Person], mistakes: Mistakes
) -> dict[str, Team]:
    found: dict[str, Team] = {}
    for name, part, entry in mistakes.entries(document, TeamEntry, "team"):
        if not _named(name, part, "team", mistakes):
            continue
        if not entry.members:
            mistakes.add(part, "the team has no members; name at least one person", "members")
        for number, member in enumerate(entry.members):
            mistakes.known(part, member, people, "oncall.people", "members", number)
            if member in entry.members[:number]:
                mistakes.add(part, f"{member} stands here a second time", "members", number)
        found[name] = Team(name=name, members=entry.members, description=entry.description)
    return found
