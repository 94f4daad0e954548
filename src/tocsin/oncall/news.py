"""Who should hear of what people changed: of swaps, and of being put on call by others?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from tocsin.alert.attention.recurrence import wall
from tocsin.kit.fault import Fault
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.oncall.handing_over import Teller
from tocsin.oncall.handover import called
from tocsin.oncall.override import Override, Swap, SwapState
from tocsin.oncall.roster import Roster
from tocsin.oncall.wall_clock import HOUR_MS

KIND = "oncall_news"
_GIVE_UP_MS = 6 * HOUR_MS


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A few lines for one person; `key` names them for ever, so that they are told once."""

    key: str
    person: str
    subject: str
    text: str


class NewsHandler:
    """The handler of errands that tell one person one thing."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    async def attempt(self, errand: Errand) -> Outcome:
        """Raises what the teller raises."""
        news = msgspec.json.decode(errand.content, type=News)
        await self._teller.tell(news.person, news.subject, news.text)
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """Six hours: it stands on the page anyway."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """Nothing follows; the runner has logged it."""
        return NOTHING


def plan_of(news: Iterable[News], now_ms: int) -> Plan:
    """The errands that tell them."""
    return Plan(
        put=tuple(
            Errand(
                kind=KIND,
                key=f"news/{one.key}/{one.person}",
                subject=f"person/{one.person}",
                due_ms=now_ms,
                content=msgspec.json.encode(one),
            )
            for one in news
        )
    )


def of_offer(roster: Roster, swap: Swap) -> Iterator[News]:
    """To whoever is asked; to everybody of the schedule when that is anyone."""
    asked = (swap.to,) if swap.to else sorted(roster.schedule(swap.schedule).people)
    for person in asked:
        if person == swap.asked_by or person not in roster.people:
            continue
        text = f"{called(roster, swap.asked_by)} asks to be replaced: {_when(roster, swap, person)}"
        if swap.return_ends_ms:
            back = swap.return_starts_ms, swap.return_ends_ms
            text += f"\nIn return for: {_times(roster, person, *back)}"
        note = f"\n{swap.note}" if swap.note else ""
        yield News(
            key=f"{swap.id}/offered",
            person=person,
            subject=f"A swap is asked for: {swap.schedule}",
            text=f"{text}{note}\nAccept or decline it on the page On call.",
        )


def of_answer(roster: Roster, swap: Swap) -> Iterator[News]:
    """To whoever asked; to whoever was asked when the offer was taken back."""
    is_back = swap.state is SwapState.WITHDRAWN
    person = swap.to if is_back else swap.asked_by
    if person not in roster.people or person == swap.answered_by:
        return
    who = called(roster, swap.answered_by)
    yield News(
        key=f"{swap.id}/{swap.state.value}",
        person=person,
        subject=f"The swap of {swap.schedule} was {swap.state.value} by {who}",
        text=_when(roster, swap, person),
    )


def of_override(roster: Roster, override: Override, before: str) -> Iterator[News]:
    """To whoever was put on call, and to whom they relieve (`before`, perhaps nobody), unless it is
    their own doing."""
    times = {
        one: _times(roster, one, override.starts_ms, override.ends_ms)
        for one in (override.person, before)
        if one in roster.people and one != override.made_by
    }
    who, reason = override.made_by, f"\n{override.reason}" if override.reason else ""
    rank = " as second" if override.rank else ""
    for person, shown in times.items():
        mine = person == override.person
        if not mine and before == override.person:
            continue
        name = "You are" if mine else f"{called(roster, override.person)} is"
        yield News(
            key=f"{override.id}/made",
            person=person,
            subject=f"{name} on call for {override.schedule}{rank}, by {who}",
            text=f"{name} on call{rank}: {shown}{reason}",
        )


def _when(roster: Roster, swap: Swap, person: str) -> str:
    return f"{swap.schedule}, {_times(roster, person, swap.starts_ms, swap.ends_ms)}"


def _times(roster: Roster, person: str, starts_ms: int, ends_ms: int) -> str:
    """By the clocks of the person who reads it."""
    zone = roster.people[person].timezone
    first, last = wall(starts_ms, zone), wall(ends_ms, zone)
    return f"{first:%a %Y-%m-%d %H:%M} to {last:%a %Y-%m-%d %H:%M} ({zone})"
