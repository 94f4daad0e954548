"""How is told how it stands? An update is kept and sent, and renews the promise."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from tocsin.incident import bounds
from tocsin.incident.book import Author, IncidentBook
from tocsin.incident.change import Changed, entry, status_changed
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Entry, Incident, Status

_ETA = 200


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What is told. `next_update_ms` None: after the severity's usual time; 0: no promise."""

    text: str
    eta: str = ""
    """When it is expected to be over, in words or as a time."""
    public: str = ""
    """For those outside, in words of their own; empty: they are not told."""
    status: Status | None = None
    """How far it has come by now."""
    next_update_ms: int | None = None


async def post_update(book: IncidentBook, number: str, update: Update, author: Author) -> Incident:
    """Keep it on the timeline with what follows from it. Raises Rejected for an empty one, and for
    an incident that is over: that is told by resolving it."""
    interval = {name: level.update_ms for name, level in book.config.severities.items()}

    def step(one: Incident, now: int) -> Changed:
        return _updated(one, update, author, now, interval.get(one.severity, 0))

    return await book.change(number, step)


def _updated(one: Incident, update: Update, author: Author, now: int, interval_ms: int) -> Changed:
    text = bounds.prose(update.text, "update")
    if not text:
        raise Rejected("an update needs a text: say what is known and what is being done")
    if one.is_over:
        raise Rejected(f"{one.number} is {one.status.value}: open it again, or write a note")
    if update.status is not None and update.status.is_over:
        raise Rejected("an update cannot resolve it; resolve it with a resolution")
    if len(update.eta) > _ETA:
        raise Rejected(f"the expected time has at most {_ETA} characters")
    promised = update.next_update_ms
    if promised is None:
        promised = now + interval_ms if interval_ms else 0
    elif promised and promised <= now:
        raise Rejected("the next update must be promised for a time that is still to come")
    after: Incident = one
    told: Sequence[Entry] = ()
    if update.status is not None and update.status is not one.status:
        after, told = status_changed(one, update.status, author, now, "")
    data = {
        "eta": " ".join(update.eta.split()),
        "public": bounds.prose(update.public, "update for those outside"),
        "next_update": str(promised),
    }
    said = entry("update", author, now, text, {k: v for k, v in data.items() if v})
    return replace(after, next_update_ms=promised), (*told, said)
