"""Who is on call now, next, and on which days? The page On call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.recurrence import wall
from tocsin.model.people import Shift
from tocsin.oncall.advice import unmeant_gaps
from tocsin.oncall.handover import HandOff, Situation, next_hand_off, shift_end_ms
from tocsin.oncall.override import Override, Swap
from tocsin.oncall.roster import Roster
from tocsin.oncall.schedule import Gap
from tocsin.oncall.stretch import NOBODY
from tocsin.oncall.wall_clock import DAY_MS
from tocsin.web.oncall_names import colour_of, known_as
from tocsin.web.pages.render import page, viewer
from tocsin.web.pages.silence_calendar import Calendar, Span, Stretch, calendar, stretch
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

_LISTED = 10
_MY_SHIFTS = 6
_AHEAD_MS = 92 * DAY_MS
_WARNED_MS = 28 * DAY_MS


@dataclass(frozen=True, slots=True)
class Card:
    """One schedule now. `person` is empty while nobody is on call."""

    schedule: str
    description: str
    zone: str
    person: str
    name: str
    colour: str
    second: str
    following: str
    changes_s: float
    """When somebody else comes, 0 when that is not in sight."""
    is_meant: bool
    """Whether it is meant that nobody is on call."""
    gaps: int
    """How often nobody will be on call in the next four weeks though nobody meant that."""
    override: str
    """The id of the override by which the person is on call; empty without one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A shift or a gap (`person` empty) in a list."""

    schedule: str
    person: str
    name: str
    colour: str
    layer: str
    starts_s: float
    ends_s: float
    times: str
    href: str
    """The form in which somebody else takes it over."""
    is_now: bool
    is_meant: bool = True


@dataclass(frozen=True, slots=True)
class OnCallView:
    """The page; `chosen` is the schedule whose calendar is shown. `me` is empty for somebody who
    is nobody of the configuration."""

    cards: Sequence[Card]
    chosen: str
    rows: Sequence[Row]
    mine: Sequence[Row]
    me: str
    people: Sequence[tuple[str, str]]
    overrides: Sequence[tuple[Override, str]]
    """Each with its times in words."""
    swaps: Sequence[tuple[Swap, str, str]]
    """Each with its times in words, and those in return, if any."""
    calendar: Calendar
    legend: Sequence[tuple[str, str]]
    change: HandOff | None


def card_of(roster: Roster, schedule: str, now_ms: int, overrides: Sequence[Override]) -> Card:
    """How a schedule is now."""
    chosen = roster.schedule(schedule)
    shift = roster.shift_at(schedule, now_ms)
    change = next_hand_off(roster, schedule, now_ms)
    person = shift.person if shift else NOBODY
    here = [
        one.id
        for one in overrides
        if one.schedule == schedule
        and one.person == person
        and one.rank == 0
        and one.starts_ms <= now_ms < one.ends_ms
    ]
    gap = [] if shift else roster.gaps(schedule, now_ms, now_ms + 1)
    return Card(
        schedule=schedule,
        description=chosen.description,
        zone=chosen.zone,
        person=person,
        name=known_as(roster, person),
        colour=colour_of(roster, person),
        second=known_as(roster, roster.on_call(schedule, now_ms, rank=1) or ""),
        following=known_as(roster, change.incoming) if change else "",
        changes_s=(change.at_ms if change else 0) / 1000,
        is_meant=chosen.allow_gaps or any(one.reason for one in gap),
        gaps=len(unmeant_gaps(roster, schedule, now_ms, now_ms + _WARNED_MS)),
        override=here[-1] if here else "",
    )


def takeover_link(schedule: str, starts_ms: int, ends_ms: int, zone: str) -> str:
    """The form in which somebody takes that time over."""
    words = {
        "schedule": schedule,
        "start": f"{wall(starts_ms, zone):%Y-%m-%d %H:%M}",
        "end": f"{wall(ends_ms, zone):%Y-%m-%d %H:%M}",
    }
    return f"/oncall/override?{urlencode(words)}"


def rows_of(roster: Roster, schedule: str, now_ms: int) -> list[Row]:
    """The next shifts and gaps of a schedule, in order."""
    zone = roster.schedule(schedule).zone
    allowed = roster.schedule(schedule).allow_gaps
    until = now_ms + _AHEAD_MS
    found = [
        _shift_row(roster, one, zone, now_ms) for one in roster.shifts(schedule, now_ms, until)
    ]
    found += [
        _gap_row(gap, zone, now_ms, is_meant=allowed or bool(gap.reason))
        for gap in roster.gaps(schedule, now_ms, until)
    ]
    return sorted(found, key=lambda row: row.starts_s)[:_LISTED]


def _shift_row(roster: Roster, one: Shift, zone: str, now_ms: int) -> Row:
    return Row(
        schedule=one.schedule,
        person=one.person,
        name=known_as(roster, one.person),
        colour=colour_of(roster, one.person),
        layer=one.layer,
        starts_s=one.starts_ms / 1000,
        ends_s=one.ends_ms / 1000,
        times=times_of(one.starts_ms, one.ends_ms, zone),
        href=takeover_link(one.schedule, max(one.starts_ms, now_ms), one.ends_ms, zone),
        is_now=one.starts_ms <= now_ms < one.ends_ms,
    )


def _gap_row(gap: Gap, zone: str, now_ms: int, *, is_meant: bool) -> Row:
    return Row(
        schedule=gap.schedule,
        person="",
        name="nobody",
        colour="",
        layer=gap.reason,
        starts_s=gap.starts_ms / 1000,
        ends_s=gap.ends_ms / 1000,
        times=times_of(gap.starts_ms, gap.ends_ms, zone),
        href=takeover_link(gap.schedule, gap.starts_ms, gap.ends_ms, zone),
        is_now=gap.starts_ms <= now_ms < gap.ends_ms,
        is_meant=is_meant,
    )


def times_of(starts_ms: int, ends_ms: int, zone: str) -> str:
    """Such as `Mon 23 Nov 09:00 – Mon 30 Nov 09:00`; the day once when it is the same."""
    begins, ends = wall(starts_ms, zone), wall(ends_ms, zone)
    last = (
        f"{ends:%H:%M}" if begins.date() == ends.date() else f"{ends:%a} {ends.day} {ends:%b %H:%M}"
    )
    return f"{begins:%a} {begins.day} {begins:%b %H:%M} – {last}"


def _swap_words(one: Swap, zone: str) -> tuple[Swap, str, str]:
    back = times_of(one.return_starts_ms, one.return_ends_ms, zone) if one.return_ends_ms else ""
    return one, times_of(one.starts_ms, one.ends_ms, zone), back


def my_rows(roster: Roster, person: str, now_ms: int) -> list[Row]:
    """The next shifts of one person, by any schedule."""
    found = [
        _shift_row(roster, one, roster.schedule(schedule).zone, now_ms)
        for schedule in roster.schedules_of(person)
        for one in roster.shifts(schedule, now_ms, now_ms + _AHEAD_MS)
        if one.person == person
    ]
    return sorted(found, key=lambda row: row.starts_s)[:_MY_SHIFTS]


def spans_of(roster: Roster, schedule: str, asked: Stretch) -> Iterator[Span]:
    """What is on the calendar in that stretch: shifts, who is second by layers of its own, gaps."""
    chosen = roster.schedule(schedule)
    for rank in (0, 1) if chosen.has_secondary else (0,):
        for one in roster.shifts(schedule, asked.starts_ms, asked.ends_ms, rank=rank):
            name = known_as(roster, one.person)
            yield Span(
                name=f"{name} (second)" if rank else name,
                href=takeover_link(schedule, one.starts_ms, one.ends_ms, chosen.zone),
                kind="second" if rank else "shift",
                tone=f"who {colour_of(roster, one.person)}",
                starts_ms=one.starts_ms,
                ends_ms=one.ends_ms,
                words=f"{name}, {times_of(one.starts_ms, one.ends_ms, asked.zone)}, {one.layer}",
            )
    for gap in roster.gaps(schedule, asked.starts_ms, asked.ends_ms):
        is_meant = chosen.allow_gaps or bool(gap.reason)
        yield Span(
            name=gap.reason or "nobody",
            href=takeover_link(schedule, gap.starts_ms, gap.ends_ms, chosen.zone),
            kind="gap",
            tone="silenced" if is_meant else "warning",
            starts_ms=gap.starts_ms,
            ends_ms=gap.ends_ms,
            words=f"nobody, {times_of(gap.starts_ms, gap.ends_ms, asked.zone)}",
        )


async def _page(request: Request) -> Response:
    if not services(request).oncall.rota.roster.schedules:
        return page(request, "pages/oncall.html", view=None)
    view = await asyncio.to_thread(_view, request)  # months of shifts of many layers take a while
    troubles = services(request).oncall.troubles
    return page(request, "pages/oncall.html", view=view, troubles=troubles)


def _view(request: Request) -> OnCallView:
    used, query = services(request), request.query_params
    roster, now = used.oncall.rota.roster, used.clock.now_ms()
    wanted = query.get("schedule", "")
    chosen = wanted if wanted in roster.schedules else roster.schedule("").name
    zone = query.get("zone") or roster.schedule(chosen).zone
    asked = stretch(query.get("view") or "week", query.get("day", ""), zone, now)
    zone = asked.zone  # UTC for one that is none
    spans = list(spans_of(roster, chosen, asked))
    overrides = used.oncall.rota.overrides()
    me = query.get("me") or viewer(request).name
    return OnCallView(
        cards=[card_of(roster, name, now, overrides) for name in roster.schedules],
        chosen=chosen,
        rows=rows_of(roster, chosen, now),
        mine=my_rows(roster, me, now) if me in roster.people else (),
        me=me if me in roster.people else "",
        people=[(one.name, one.full_name or one.name) for one in roster.people.values()],
        overrides=[(one, times_of(one.starts_ms, one.ends_ms, zone)) for one in overrides],
        swaps=[_swap_words(one, zone) for one in used.oncall.rota.swaps()],
        calendar=calendar(asked, spans, now),
        legend=sorted({(one.name, one.tone) for one in spans if one.kind == "shift"}),
        change=next_hand_off(roster, chosen, now),
    )


async def _handover(request: Request) -> Response:
    """What whoever goes on call now should know."""
    used = services(request)
    roster, now = used.oncall.rota.roster, used.clock.now_ms()
    chosen = roster.schedule(request.query_params.get("schedule", ""))
    change = next_hand_off(roster, chosen.name, now)
    until = shift_end_ms(roster, change) if change else now + 7 * DAY_MS
    situation: Situation = await used.oncall.source.situation(now, until)
    parts = (
        ("Open incidents", situation.incidents),
        ("Firing", situation.firing),
        ("Silenced", situation.silenced),
        ("Flapping", situation.flapping),
        ("What to watch", situation.watch),
    )
    return page(
        request,
        "pages/oncall_handover.html",
        schedule=chosen.name,
        change=change,
        incoming=known_as(roster, change.incoming) if change else "",
        outgoing=known_as(roster, change.outgoing) if change else "",
        parts=[(title, points) for title, points in parts if points],
    )


ADDRESSES: Addresses = (
    get("/oncall", _page, Access.READ),
    get("/oncall/handover", _handover, Access.READ),
)
