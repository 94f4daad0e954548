"""What is a page? One person, one way, for one turn of an escalation: an errand of its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.model.errands import Errand
from tocsin.model.people import Person
from tocsin.oncall.paging.rules import ways

PAGE = "page"
"""The kind of the errands that are pages."""
CHANNEL = "channel"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page as its errand keeps it. Of a channel `person` is empty and `method` its name."""

    turn: str
    """The turn it belongs to: pages of one turn fail together or not at all."""
    person: str = ""
    method: str
    urgency: str = "high"
    severity: str = ""
    step: str = ""
    """The turn as people are told of it: "step 2, round 1"."""
    nth: int = 1
    """Which page by this method in its turn it is: rules may ring a phone again and again."""
    instead_of: str = ""
    """The key of the page that this one hurries, because one before it failed."""

    is_news: bool = False
    """Whether it is told although somebody has taken it on."""

    @property
    def whom(self) -> str:
        """Who is told, for people."""
        return self.person or f"the channel {self.method}"


def page_of(errand: Errand) -> Page:
    """What a page's errand says."""
    return msgspec.json.decode(errand.content, type=Page)


def words_of_key(page: Page) -> str:
    """What tells a page from the others about its subject: the end of its errand's key."""
    whom = f"{page.person}/{page.method}" if page.person else f"{CHANNEL}:{page.method}"
    again = f"/{page.nth}" if page.nth > 1 else ""
    return f"{page.turn}/{whom}{again}{'/now' if page.instead_of else ''}"


def errand_of(page: Page, subject: str, due_ms: int) -> Errand:
    """The errand of a page. Its key says what it does, so that a second one is none."""
    return Errand(
        kind=PAGE,
        key=f"page/{subject}/{words_of_key(page)}",
        subject=subject,
        due_ms=due_ms,
        content=msgspec.json.encode(page),
    )


def pages_for(person: Person, page: Page, subject: str, now_ms: int) -> list[Errand]:
    """Every page that calls a person by his or her own rules; none when there is no way."""
    return [
        errand_of(
            msgspec.structs.replace(page, person=person.name, method=way.method.name, nth=way.nth),
            subject,
            now_ms + way.after_ms,
        )
        for way in ways(person, page.urgency)
    ]


def next_in_turn(
    failed: Page, errands: Sequence[Errand], now_ms: int, *, kind: str = PAGE
) -> Errand | None:
    """Of the pages that are not due yet the one that was to call the same person next in the same
    turn. One that is due is on its way already: it is not to be hurried, or it would come twice."""
    later = [
        errand
        for errand in errands
        if errand.kind == kind
        and errand.state == "waiting"
        and errand.due_ms > now_ms
        and (page := page_of(errand)).turn == failed.turn
        and page.person == failed.person
        and page.method != failed.method
        and not page.instead_of
    ]
    return min(later, key=lambda errand: errand.due_ms, default=None)
