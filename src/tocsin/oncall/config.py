"""What stands under `oncall` in `tocsin.yaml`? People, teams and schedules, as they are written."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.quantity import Duration
from tocsin.oncall.paging.config import PagingConfig


class OnCallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who can be called, how, and who is on call when. Each part is a list of entries with a
    `name`, or the entries by their names."""

    people: Document | None = None
    """Who can be on call: `{full_name, email, timezone, methods: [{name, kind, address}], rules:
    {high: [{method, after}], low: […]}}` by the name with which they log in."""
    teams: Document | None = None
    """People who are called together: `{members, description}` by name."""
    schedules: Document | None = None
    """Who is on call when: `{timezone, layers: [{name, people, rotation, handoff, start, end,
    restrictions: [{days, from, to}], rank}], holidays: {file, stand_in, dates}, import}` by name.
    See the guide to on-call."""
    policies: Document | None = None
    """Who is told one after another until somebody answers: `{steps: [{notify, timeout}], repeat,
    at_end, fallback, urgency}` by name."""
    escalation_matrix: Document | None = None
    """Roles and whom each escalates to: `{role, escalate_after, escalate_to}` by name."""
    roles: dict[str, str] = {}
    """What people call each other, such as `on-call-engineer: schedule:primary` or `team-lead:
    ana`: names that policies and `severities` may use."""
    paging: PagingConfig = PagingConfig()
    default_schedule: str = ""
    """The one that is meant where none is named; the first one without this."""


class MethodEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One way to reach a person."""

    name: str = ""
    """Of a method without one, the kind."""
    kind: str
    address: str = ""


class RuleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """By that method, so long after being paged."""

    method: str
    after: Duration = Duration(0)


class RulesEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How a person is called, by urgency."""

    high: tuple[RuleEntry, ...] = ()
    low: tuple[RuleEntry, ...] = ()


class PersonEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be on call."""

    name: str = ""
    full_name: str = ""
    email: str = ""
    timezone: str = "UTC"
    methods: tuple[MethodEntry, ...] = ()
    rules: RulesEntry = RulesEntry()


class TeamEntry(msgspec.Struct, frozen=True, kw_only=True):
    """People who are called together."""

    name: str = ""
    members: tuple[str, ...] = ()
    description: str = ""


class RestrictionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of the week in which a layer counts."""

    days: str | tuple[str, ...] = ""
    """`Mon-Fri`, `sat, sun`, `weekdays`; every day without it."""
    begins: str = msgspec.field(default="", name="from")
    """`18:00`, or with a day, `Fri 17:00`."""
    ends: str = msgspec.field(default="", name="to")
    """Not later than `from`: on the next day."""


class LayerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """People who take turns."""

    name: str = ""
    people: tuple[str, ...] = ()
    rotation: str = "weekly"
    """`daily`, `weekly`, or a length such as `12h`, `3 days` or `2 weeks`."""
    handoff: str = ""
    """When a turn begins: `09:00`, or with a day, `Mon 09:00`. Without it when the first of the
    restrictions begins, or 09:00."""
    start: str = ""
    """The first day on which the layer counts, and that of the first one's turn."""
    end: str = ""
    """The day on which it no longer counts, from the hand-off on."""
    timezone: str = ""
    """The schedule's without this."""
    restrictions: Document | None = None
    rank: Literal["primary", "secondary"] = "primary"


class HolidayEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One holiday."""

    date: str
    """`2026-12-25`, or `12-25` for every year."""
    until: str = ""
    """The last day, when it lasts longer."""
    name: str = ""
    stand_in: str = ""
    """Who is on call then, or `uncovered`; as for all holidays of the schedule without this."""
    people: tuple[str, ...] = ()
    """Whose holiday it is; everyone's without any."""

    @classmethod
    def from_config(cls, text: str) -> HolidayEntry:
        """Of a date alone."""
        return cls(date=text)


class HolidaysEntry(msgspec.Struct, frozen=True, kw_only=True):
    """When others are on call, or nobody."""

    file: str = ""
    """A calendar (iCal) whose events are holidays."""
    stand_in: str = ""
    """Who is on call on holidays that name nobody, or `uncovered`."""
    people: tuple[str, ...] = ()
    """Whose holidays those of the file are; everyone's without any."""
    dates: Document | None = None


class ScheduleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call when."""

    name: str = ""
    description: str = ""
    timezone: str = "UTC"
    layers: Document | None = None
    holidays: HolidaysEntry | None = None
    imports: str = msgspec.field(default="", name="import")
    """A calendar (iCal) whose events name people; it counts before the layers."""
    allow_gaps: bool = False
    """Whether it is meant that at times nobody is on call."""
