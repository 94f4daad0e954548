"""Overrides and swaps over the API."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.oncall.override import Override, Swap
from tocsin.oncall.roster import Roster
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.maintenance import answer_json
from tocsin.web.csrf import keep_body
from tocsin.web.oncall_acts import (
    AnswerBody,
    OverrideBody,
    SwapBody,
    accept_swap,
    ask_swap,
    decline_swap,
    give_back,
    take_over,
)
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

T = TypeVar("T")


class OverrideShown(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes over when; `swap` is the id of the swap that it comes from, empty without one.
    `timezone` is the schedule's, empty when it is gone."""

    id: str
    schedule: str
    timezone: str
    person: str
    start: str
    end: str
    rank: int
    reason: str
    made_by: str
    made_at: str
    swap: str


class SwapShown(msgspec.Struct, frozen=True, kw_only=True):
    """An offer: `state` is offered, accepted, declined, withdrawn or expired. `timezone` is the
    schedule's, empty when it is gone."""

    id: str
    schedule: str
    timezone: str
    asked_by: str
    start: str
    end: str
    to: str
    return_start: str | None
    return_end: str | None
    note: str
    state: str
    answered_by: str


class AcceptedShown(msgspec.Struct, frozen=True):
    """A swap that was accepted, and the overrides that it became."""

    swap: SwapShown
    overrides: list[OverrideShown]


def shown_override(one: Override, roster: Roster) -> OverrideShown:
    """As the API tells it."""
    return OverrideShown(
        id=one.id,
        schedule=one.schedule,
        timezone=_zone(roster, one.schedule),
        person=one.person,
        start=iso(one.starts_ms),
        end=iso(one.ends_ms),
        rank=one.rank,
        reason=one.reason,
        made_by=one.made_by,
        made_at=iso(one.made_ms),
        swap=one.swap,
    )


def shown_swap(one: Swap, roster: Roster) -> SwapShown:
    """As the API tells it."""
    return SwapShown(
        id=one.id,
        schedule=one.schedule,
        timezone=_zone(roster, one.schedule),
        asked_by=one.asked_by,
        start=iso(one.starts_ms),
        end=iso(one.ends_ms),
        to=one.to,
        return_start=iso(one.return_starts_ms) if one.return_ends_ms else None,
        return_end=iso(one.return_ends_ms) if one.return_ends_ms else None,
        note=one.note,
        state=one.state.value,
        answered_by=one.answered_by,
    )


def _zone(roster: Roster, schedule: str) -> str:
    known = roster.schedules.get(schedule)
    return known.zone if known else ""


async def _overrides(request: Request) -> Response:
    """Overrides in force and to come, of every schedule or of `schedule`."""
    rota = services(request).oncall.rota
    wanted = request.query_params.get("schedule", "")
    name = rota.roster.schedule(wanted).name if wanted else ""
    return answer_json([shown_override(one, rota.roster) for one in rota.overrides(name)])


async def _override(request: Request) -> Response:
    """Put somebody on call for a time."""
    made = await take_over(request, await _body(request, OverrideBody))
    return answer_json(shown_override(made, _roster(request)), 201)


async def _end(request: Request) -> Response:
    """End an override now; one to come never was."""
    await give_back(request, _id(request))
    return Response(status_code=204)


async def _swaps(request: Request) -> Response:
    """Swaps that wait for an answer; with `all=1` every one."""
    is_open = request.query_params.get("all", "") not in ("1", "true")
    rota = services(request).oncall.rota
    found = rota.swaps(is_open=is_open)
    return answer_json([shown_swap(one, rota.roster) for one in found])


async def _ask(request: Request) -> Response:
    """Ask to be replaced."""
    made = await ask_swap(request, await _body(request, SwapBody))
    return answer_json(shown_swap(made, _roster(request)), 201)


async def _accept(request: Request) -> Response:
    """Take over what was offered; it becomes overrides."""
    body = await _body(request, AnswerBody)
    swap, made = await accept_swap(request, _id(request), body.person)
    roster = _roster(request)
    overrides = [shown_override(one, roster) for one in made]
    return answer_json(AcceptedShown(shown_swap(swap, roster), overrides))


async def _decline(request: Request) -> Response:
    """Say no to an offer, or take one's own back."""
    body = await _body(request, AnswerBody)
    declined = await decline_swap(request, _id(request), body.person)
    return answer_json(shown_swap(declined, _roster(request)))


def _roster(request: Request) -> Roster:
    return services(request).oncall.rota.roster


def _id(request: Request) -> str:
    return str(request.path_params["id"])


async def _body(request: Request, kind: type[T]) -> T:
    """The JSON of the request; one without any is `{}`."""
    await keep_body(request)
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error


_READ, _RESPOND = Access.READ, Access.RESPOND
_SWAP = "/api/oncall/swaps/{id}"

ADDRESSES: Addresses = (
    Address("/api/oncall/overrides", _overrides, _READ, answer=list[OverrideShown]),
    Address("/api/oncall/overrides", _override, _RESPOND, ("POST",), OverrideBody, OverrideShown),
    Address("/api/oncall/overrides/{id}", _end, _RESPOND, ("DELETE",)),
    Address("/api/oncall/swaps", _swaps, _READ, answer=list[SwapShown]),
    Address("/api/oncall/swaps", _ask, _RESPOND, ("POST",), SwapBody, SwapShown),
    Address(f"{_SWAP}/accept", _accept, _RESPOND, ("POST",), AnswerBody, AcceptedShown),
    Address(f"{_SWAP}/decline", _decline, _RESPOND, ("POST",), AnswerBody, SwapShown),
)
