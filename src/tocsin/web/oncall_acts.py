"""What may people change of who is on call, through pages and through the API alike?"""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request

from tocsin.alert.attention.maintenance_config import moment_ms
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.oncall.override import Override, Swap
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access
from tocsin.web.services import services

_SECONDS = re.compile(r"\d{9,11}(\.\d+)?", re.ASCII)


class OverrideBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes over: `start` (now without one) until `end`, or for `duration`. Times without an
    offset are by the clocks of the schedule; `rank` 1 is who is second."""

    person: str
    schedule: str = ""
    start: str = ""
    end: str = ""
    duration: str = ""
    rank: int = 0
    reason: str = ""


class SwapBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`asked_by` (who asks without one) wants to be replaced, by `to` or by anyone; they will
    replace whoever accepts from `return_start` to `return_end`."""

    schedule: str = ""
    asked_by: str = ""
    start: str = ""
    end: str = ""
    duration: str = ""
    to: str = ""
    return_start: str = ""
    return_end: str = ""
    note: str = ""


class AnswerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers a swap; the caller without one."""

    person: str = ""


def time_ms(text: str, zone: str, now_ms: int) -> int:
    """Of `now`, `now+2h`, `2027-01-31 09:00` by that zone's clocks, RFC 3339 or seconds since the
    epoch; raises Rejected."""
    word = text.strip()
    if word in ("", "now"):
        return now_ms
    if word.startswith(("now+", "now-")):
        sign = 1 if word[3] == "+" else -1
        return now_ms + sign * Duration.from_config(word[4:].strip()).ms
    if _SECONDS.fullmatch(word):
        return round(float(word) * 1000)
    return moment_ms(word, zone)


def stretch_ms(body: OverrideBody | SwapBody, zone: str, now_ms: int) -> tuple[int, int]:
    """From when until when; raises Rejected when the end is missing."""
    starts = time_ms(body.start, zone, now_ms)
    if body.duration and body.end:
        raise Rejected("give either end or duration, not both")
    if body.duration:
        return starts, starts + Duration.from_config(body.duration.strip()).ms
    if not body.end:
        raise Rejected("say when it ends: end, or duration such as 2h")
    return starts, time_ms(body.end, zone, now_ms)


def acting(request: Request, person: str) -> str:
    """In whose name the caller acts: their own, or that of the person whom an administrator or a
    key names. Raises Rejected for somebody else's, and when nobody is named."""
    who = identity(request)
    known = services(request).oncall.rota.roster.people
    if not person:
        if who.name in known:
            return who.name
        raise Rejected("name the person: who you are here is nobody of oncall.people")
    if person != who.name and who.name in known and not who.allows(Access.ADMIN):
        raise Rejected(f"only {person} or an administrator can do this, not {who.name}")
    return person


async def take_over(request: Request, body: OverrideBody) -> Override:
    """Make an override, and write it into the audit trail. Raises NotFound, Rejected."""
    used = services(request)
    schedule = used.oncall.rota.roster.schedule(body.schedule)
    starts, ends = stretch_ms(body, schedule.zone, used.clock.now_ms())
    wanted = Override(
        schedule=schedule.name,
        person=body.person,
        starts_ms=starts,
        ends_ms=ends,
        rank=body.rank,
        reason=body.reason,
        made_by=identity(request).name,
    )
    made = await used.oncall.rota.take(wanted)
    await record(request, "oncall_override_made", made.id, _words(made))
    return made


async def give_back(request: Request, override_id: str) -> Override:
    """End an override, and write it into the audit trail. Raises NotFound, Rejected."""
    ended = await services(request).oncall.rota.give_back(override_id)
    await record(request, "oncall_override_ended", ended.id, _words(ended))
    return ended


async def ask_swap(request: Request, body: SwapBody) -> Swap:
    """Offer a swap, and write it into the audit trail. Raises NotFound, Rejected."""
    used = services(request)
    schedule = used.oncall.rota.roster.schedule(body.schedule)
    now = used.clock.now_ms()
    starts, ends = stretch_ms(body, schedule.zone, now)
    if bool(body.return_start) != bool(body.return_end):
        raise Rejected("give both return_start and return_end, or neither")
    back = (0, 0)
    if body.return_start:
        zone = schedule.zone
        back = time_ms(body.return_start, zone, now), time_ms(body.return_end, zone, now)
    wanted = Swap(
        schedule=schedule.name,
        asked_by=acting(request, body.asked_by),
        starts_ms=starts,
        ends_ms=ends,
        to=body.to,
        return_starts_ms=back[0],
        return_ends_ms=back[1],
        note=body.note,
        made_by=identity(request).name,
    )
    made = await used.oncall.rota.ask(wanted)
    await record(request, "oncall_swap_offered", made.id, _swap_words(made))
    return made


async def accept_swap(request: Request, swap_id: str, person: str) -> tuple[Swap, list[Override]]:
    """The person takes over; written into the audit trail. Raises NotFound, Rejected."""
    oncall = services(request).oncall
    swap, made = await oncall.rota.accept(swap_id, acting(request, person))
    detail = {**_swap_words(swap), "accepted_by": swap.answered_by}
    await record(request, "oncall_swap_accepted", swap.id, detail)
    return swap, made


async def decline_swap(request: Request, swap_id: str, person: str) -> Swap:
    """Say no, or take an offer back; written into the audit trail. Raises NotFound, Rejected."""
    oncall = services(request).oncall
    swap = await oncall.rota.decline(swap_id, acting(request, person))
    detail = {**_swap_words(swap), "answered_by": swap.answered_by}
    await record(request, f"oncall_swap_{swap.state.value}", swap.id, detail)
    return swap


async def record(request: Request, what: str, target: str, detail: dict[str, str]) -> None:
    """Into the audit trail."""
    ip = request.client.host if request.client else ""
    who = identity(request).name
    await people(request).audit.record(who, what, target, detail=detail, ip=ip)


def _words(one: Override) -> dict[str, str]:
    return {
        "schedule": one.schedule,
        "person": one.person,
        "starts_ms": str(one.starts_ms),
        "ends_ms": str(one.ends_ms),
        "rank": str(one.rank),
    }


def _swap_words(one: Swap) -> dict[str, str]:
    return {
        "schedule": one.schedule,
        "asked_by": one.asked_by,
        "to": one.to,
        "starts_ms": str(one.starts_ms),
        "ends_ms": str(one.ends_ms),
    }
