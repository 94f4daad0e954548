"""Taking over shifts, swapping them and subscribing to them on pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.alert.attention.recurrence import wall
from tocsin.kit.fault import Rejected
from tocsin.oncall.roster import Roster
from tocsin.oncall.schedule import Schedule
from tocsin.oncall.wall_clock import DAY_MS
from tocsin.web.csrf import form_of
from tocsin.web.oncall_acts import (
    OverrideBody,
    SwapBody,
    accept_swap,
    ask_swap,
    decline_swap,
    give_back,
    take_over,
    time_ms,
)
from tocsin.web.oncall_feeds import feed_url, revoke_feed
from tocsin.web.oncall_names import colour_of, known_as
from tocsin.web.pages.acknowledge import back_of
from tocsin.web.pages.oncall import times_of
from tocsin.web.pages.render import answer_action, page, viewer
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_RETURNS_MS = 56 * DAY_MS
_MOST_RETURNS = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who could take over."""

    person: str
    name: str
    colour: str
    is_on_call: bool
    """Whether it is theirs already, all of that time."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one stretch; `owner` is who is on call when it begins."""

    schedule: str
    zone: str
    start: str
    end: str
    times: str
    owner: str
    owner_name: str
    choices: Sequence[Choice]
    returns: Sequence[tuple[str, str]]
    """Shifts of others that the owner could take in return: value and words."""
    schedules: Sequence[str]
    me: str
    reason: str = ""
    problem: str = ""
    swap_problem: str = ""


def form_shown(
    request: Request, given: Mapping[str, str], *, problem: str = "", swap_problem: str = ""
) -> Form:
    """The form as it was asked for or sent; times that cannot be read become now and in two hours.

    Raises NotFound for an unknown schedule.
    """
    used = services(request)
    roster, now = used.oncall.rota.roster, used.clock.now_ms()
    chosen = roster.schedule(given.get("schedule", ""))
    try:
        starts = time_ms(given.get("start", ""), chosen.zone, now)
        ends = time_ms(given.get("end", "") or "now+2h", chosen.zone, now)
    except Rejected as error:
        starts, ends, problem = now, now + 7_200_000, problem or str(error)
    starts = max(starts, now)
    ends = max(ends, starts + 60_000)
    owner = roster.on_call(chosen.name, starts) or ""
    theirs = {one.person for one in roster.shifts(chosen.name, starts, ends)}
    me = viewer(request).name
    return Form(
        schedule=chosen.name,
        zone=chosen.zone,
        start=_shown(starts, chosen.zone),
        end=_shown(ends, chosen.zone),
        times=times_of(starts, ends, chosen.zone),
        owner=owner,
        owner_name=known_as(roster, owner),
        choices=_choices(roster, me, theirs if len(theirs) == 1 else set()),
        returns=_returns(roster, chosen, owner, now),
        schedules=list(roster.schedules),
        me=me if me in roster.people else "",
        reason=given.get("reason", ""),
        problem=problem,
        swap_problem=swap_problem,
    )


def _choices(roster: Roster, me: str, on_call: set[str]) -> list[Choice]:
    """Everybody, whoever looks first."""
    names = sorted(roster.people, key=lambda name: name != me)
    return [
        Choice(name, known_as(roster, name), colour_of(roster, name), name in on_call)
        for name in names
    ]


def _returns(roster: Roster, schedule: Schedule, owner: str, now_ms: int) -> list[tuple[str, str]]:
    found = [
        one
        for one in roster.shifts(schedule.name, now_ms, now_ms + _RETURNS_MS)
        if one.person != owner and one.starts_ms > now_ms
    ]
    return [
        (
            f"{_shown(one.starts_ms, schedule.zone)}/{_shown(one.ends_ms, schedule.zone)}",
            f"{known_as(roster, one.person)}, "
            f"{times_of(one.starts_ms, one.ends_ms, schedule.zone)}",
        )
        for one in found[:_MOST_RETURNS]
    ]


def _shown(at_ms: int, zone: str) -> str:
    return f"{wall(at_ms, zone):%Y-%m-%d %H:%M}"


async def _form(request: Request) -> Response:
    return page(
        request, "pages/oncall_override.html", form=form_shown(request, request.query_params)
    )


async def _override(request: Request) -> Response:
    """Somebody takes over: from the form, or from a button that says for how long."""
    given = await _texts(request)
    body = OverrideBody(
        person=given.get("person", ""),
        schedule=given.get("schedule", ""),
        start=given.get("start", ""),
        end=given.get("end", ""),
        duration=given.get("length", ""),
        rank=1 if given.get("second") else 0,
        reason=given.get("reason", ""),
    )
    try:
        made = await take_over(request, body)
    except Rejected as error:
        form = form_shown(request, given, problem=str(error))
        return page(request, "pages/oncall_override.html", status=400, form=form)
    name = known_as(services(request).oncall.rota.roster, made.person)
    back = f"/oncall?{urlencode({'schedule': made.schedule})}"
    return answer_action(request, f"{name} is on call for {made.schedule} then.", back)


async def _give_back(request: Request) -> Response:
    await form_of(request)
    ended = await give_back(request, str(request.path_params["id"]))
    words = f"{ended.schedule} is as its layers say again."
    return answer_action(request, words, back_of(request, "/oncall"))


async def _ask(request: Request) -> Response:
    given = await _texts(request)
    back = given.get("in_return", "").partition("/")
    body = SwapBody(
        schedule=given.get("schedule", ""),
        asked_by=given.get("asked_by", ""),
        start=given.get("start", ""),
        end=given.get("end", ""),
        to=given.get("to", ""),
        return_start=back[0],
        return_end=back[2],
        note=given.get("note", ""),
    )
    try:
        await ask_swap(request, body)
    except Rejected as error:
        form = form_shown(request, given, swap_problem=str(error))
        return page(request, "pages/oncall_override.html", status=400, form=form)
    return RedirectResponse("/oncall#swaps", 303)


async def _accept(request: Request) -> Response:
    given = await _texts(request)
    swap, made = await accept_swap(request, str(request.path_params["id"]), given.get("person", ""))
    words = f"{swap.answered_by} takes over from {swap.asked_by}: {len(made)} change"
    return answer_action(request, f"{words}{'' if len(made) == 1 else 's'}.", "/oncall")


async def _decline(request: Request) -> Response:
    given = await _texts(request)
    swap = await decline_swap(request, str(request.path_params["id"]), given.get("person", ""))
    return answer_action(request, f"The swap is {swap.state.value}.", "/oncall")


async def _calendars(request: Request) -> Response:
    return await _calendars_shown(request)


async def _calendars_shown(
    request: Request, *, feed: str = "", of: str = "", said: str = ""
) -> Response:
    roster = services(request).oncall.rota.roster
    return page(
        request,
        "pages/oncall_calendars.html",
        schedules=list(roster.schedules),
        people=[(name, known_as(roster, name)) for name in roster.people],
        me=viewer(request).name,
        feed=feed,
        of=of,
        said=said,
    )


async def _feed(request: Request) -> Response:
    """Show, make anew or revoke the address of one calendar."""
    given = await _texts(request)
    kind, _, name = given.get("calendar", "").partition("/")
    if given.get("act") == "revoke":
        await revoke_feed(request, kind, name)
        return await _calendars_shown(
            request, of=name, said=f"Whoever subscribed to {name} is shut out now."
        )
    url = await feed_url(request, kind, name, renew=given.get("act") == "renew")
    return await _calendars_shown(request, feed=url, of=name)


async def _texts(request: Request) -> dict[str, str]:
    given = await form_of(request)
    return {key: value for key, value in given.items() if isinstance(value, str)}


_RESPOND = Access.RESPOND

ADDRESSES: Addresses = (
    get("/oncall/override", _form, _RESPOND),
    post("/oncall/override", _override, _RESPOND),
    post("/oncall/overrides/{id}/end", _give_back, _RESPOND),
    post("/oncall/swap", _ask, _RESPOND),
    post("/oncall/swaps/{id}/accept", _accept, _RESPOND),
    post("/oncall/swaps/{id}/decline", _decline, _RESPOND),
    get("/oncall/calendars", _calendars, _RESPOND),
    post("/oncall/calendars", _feed, _RESPOND),
)
