"""Who is on call, for programs: now, at any time, and when it changes."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.people import Shift
from tocsin.oncall.handover import next_hand_off, sections
from tocsin.oncall.roster import Roster
from tocsin.oncall.schedule import Gap
from tocsin.oncall.wall_clock import DAY_MS
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.maintenance import answer_json
from tocsin.web.oncall_acts import time_ms
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_LONGEST_MS = 400 * DAY_MS
_USUAL_MS = 14 * DAY_MS


class PersonShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be on call; addresses are not told, only by which kinds they are reached."""

    name: str
    full_name: str
    timezone: str
    methods: list[str]
    schedules: list[str]


class PeopleShown(msgspec.Struct, frozen=True):
    """Everybody, and the teams with their members."""

    people: list[PersonShown]
    teams: dict[str, list[str]]


class OnCallNow(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call for a schedule at a time: `person` null when nobody is. `next` is who comes
    after the change at `next_at`, null when nobody follows, or nothing changes for months.
    `timezone` is the schedule's: times without an offset are read by its clocks."""

    schedule: str
    timezone: str
    at: str
    person: str | None
    full_name: str
    since: str | None
    until: str | None
    layer: str | None
    second: str | None
    next: str | None
    next_at: str | None


class ShiftShown(msgspec.Struct, frozen=True):
    """One shift at its full length."""

    schedule: str
    layer: str
    person: str
    start: str
    end: str


class GapShown(msgspec.Struct, frozen=True):
    """A time without anybody; `reason` is empty when that is not on purpose."""

    start: str
    end: str
    reason: str


class ShiftsShown(msgspec.Struct, frozen=True):
    """The shifts of a range, and when nobody is on call in it; `timezone` is the schedule's."""

    timezone: str
    shifts: list[ShiftShown]
    gaps: list[GapShown]


class LayerShown(msgspec.Struct, frozen=True, kw_only=True):
    """One layer of a schedule."""

    name: str
    rank: str
    people: list[str]
    turn_hours: float
    hours: list[str]


class ScheduleShown(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as configured."""

    name: str
    description: str
    timezone: str
    is_default: bool
    people: list[str]
    layers: list[LayerShown]
    is_imported: bool


class HandOverShown(msgspec.Struct, frozen=True):
    """What whoever goes on call should know now, as text."""

    schedule: str
    text: str


def shown_shift(one: Shift) -> ShiftShown:
    """As the API tells it."""
    return ShiftShown(one.schedule, one.layer, one.person, iso(one.starts_ms), iso(one.ends_ms))


def shown_gap(one: Gap) -> GapShown:
    """As the API tells it."""
    return GapShown(iso(one.starts_ms), iso(one.ends_ms), one.reason)


def who_at(roster: Roster, schedule: str, at_ms: int) -> OnCallNow:
    """Who is on call for one schedule at that moment. Raises NotFound."""
    chosen = roster.schedule(schedule)
    shift = roster.shift_at(chosen.name, at_ms)
    change = next_hand_off(roster, chosen.name, at_ms)
    known = roster.people.get(shift.person) if shift else None
    return OnCallNow(
        schedule=chosen.name,
        timezone=chosen.zone,
        at=iso(at_ms),
        person=shift.person if shift else None,
        full_name=known.full_name if known else "",
        since=iso(shift.starts_ms) if shift else None,
        until=iso(shift.ends_ms) if shift else None,
        layer=shift.layer if shift else None,
        second=roster.on_call(chosen.name, at_ms, rank=1),
        next=(change.incoming or None) if change else None,
        next_at=iso(change.at_ms) if change else None,
    )


async def _who(request: Request) -> Response:
    """Who is on call now, or at `at`, for every schedule or the one of `schedule`."""
    used, query = services(request), request.query_params
    roster = used.oncall.rota.roster
    wanted = query.get("schedule", "")
    names = [roster.schedule(wanted).name] if wanted else list(roster.schedules)
    now, asked = used.clock.now_ms(), query.get("at", "")
    times = {name: time_ms(asked, roster.schedule(name).zone, now) for name in names}
    # When something changes next is sought months ahead.
    return answer_json(
        await asyncio.to_thread(lambda: [who_at(roster, name, at) for name, at in times.items()])
    )


async def _people(request: Request) -> Response:
    """Everybody who can be on call, and the teams."""
    roster = services(request).oncall.rota.roster
    return answer_json(
        PeopleShown(
            [
                PersonShown(
                    name=one.name,
                    full_name=one.full_name,
                    timezone=one.timezone,
                    methods=[method.kind for method in one.methods],
                    schedules=roster.schedules_of(one.name),
                )
                for one in roster.people.values()
            ],
            {name: list(team.members) for name, team in roster.teams.items()},
        )
    )


async def _schedules(request: Request) -> Response:
    """Every schedule with its layers."""
    roster = services(request).oncall.rota.roster
    return answer_json(
        [
            ScheduleShown(
                name=one.name,
                description=one.description,
                timezone=one.zone,
                is_default=one.name == roster.default_schedule,
                people=sorted(one.people),
                layers=[
                    LayerShown(
                        name=layer.name,
                        rank="secondary" if layer.rank else "primary",
                        people=list(layer.rotation.people),
                        turn_hours=layer.rotation.length.total_seconds() / 3600,
                        hours=[hours.words for hours in layer.restrictions],
                    )
                    for layer in one.layers
                ],
                is_imported=one.imported is not None,
            )
            for one in roster.schedules.values()
        ]
    )


async def _shifts(request: Request) -> Response:
    """The shifts from `from` (now) to `to`, or for `duration` (two weeks), and when nobody is on
    call; `rank` 1 asks for who is second."""
    used, query = services(request), request.query_params
    roster, now = used.oncall.rota.roster, used.clock.now_ms()
    chosen = roster.schedule(str(request.path_params["name"]))
    begins = time_ms(query.get("from", ""), chosen.zone, now)
    wanted, lasts = query.get("to", ""), query.get("duration", "")
    if wanted and lasts:
        raise Rejected("give either to or duration, not both")
    ends = time_ms(wanted, chosen.zone, now) if wanted else begins + _length_ms(lasts)
    if not begins < ends <= begins + _LONGEST_MS:
        raise Rejected("to must be later than from, by 400 days at most")
    if query.get("rank", "0") not in ("0", "1"):
        raise Rejected("rank is 0, who is first on call, or 1, who is second")
    rank = int(query.get("rank", "0"))
    # A year of many layers takes a while.
    shifts = await asyncio.to_thread(roster.shifts, chosen.name, begins, ends, rank=rank)
    gaps = [] if rank else await asyncio.to_thread(roster.gaps, chosen.name, begins, ends)
    return answer_json(
        ShiftsShown(
            chosen.zone, [shown_shift(one) for one in shifts], [shown_gap(one) for one in gaps]
        )
    )


def _length_ms(text: str) -> int:
    return Duration.from_config(text.strip()).ms if text else _USUAL_MS


async def _handover(request: Request) -> Response:
    """What whoever goes on call for `schedule` now should know."""
    used = services(request)
    roster, now = used.oncall.rota.roster, used.clock.now_ms()
    chosen = roster.schedule(request.query_params.get("schedule", ""))
    change = next_hand_off(roster, chosen.name, now)
    situation = await used.oncall.source.situation(now, change.at_ms if change else now + DAY_MS)
    text = "\n".join(sections(situation, chosen.zone, now, used.config.external_url)).strip()
    return answer_json(HandOverShown(chosen.name, text))


_READ = Access.READ

ADDRESSES: Addresses = (
    Address("/api/oncall", _who, _READ, answer=list[OnCallNow]),
    Address("/api/oncall/people", _people, _READ, answer=PeopleShown),
    Address("/api/oncall/schedules", _schedules, _READ, answer=list[ScheduleShown]),
    Address("/api/oncall/schedules/{name}/shifts", _shifts, _READ, answer=ShiftsShown),
    Address("/api/oncall/handover", _handover, _READ, answer=HandOverShown),
)
