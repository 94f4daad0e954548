"""When does an incident resolve by itself? So long after the last of its alerts has ended, unless
one fires again meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.incident import change
from tocsin.incident.book import TOCSIN, Author, IncidentBook, Resolution
from tocsin.incident.change import Changed
from tocsin.kit.fault import Fault
from tocsin.model.errands import NOTHING, Done, Errand, Outcome, Plan
from tocsin.model.incidents import Entry, Incident

KIND = "auto_resolve"
SOURCES = ("alerts", "webhook")
"""Who opens what resolves by itself; what people open, people end."""
_AUTHOR = Author(TOCSIN, "alerts")
_GIVE_UP_MS = 86_400_000


def is_quiet(one: Incident) -> bool:
    """Whether it had alerts and none of them fires. What only tells that something happened holds
    it open when there is nothing else."""
    alerts = one.of_kind("alert")
    lasting = [link for link in alerts if not link.is_moment] or alerts
    return bool(lasting) and all(link.ends_ms for link in lasting)


def _ends(one: Incident) -> bool:
    return not one.is_over and is_quiet(one) and one.source in SOURCES


class AutoResolve:
    """The planner and the handler of its errands."""

    def __init__(self, book: IncidentBook) -> None:
        self._book = book
        book.follow(self.plan)

    def plan(self, before: Incident | None, after: Incident, entries: Sequence[Entry]) -> Plan:
        """What follows from a change."""
        if after.is_over:
            return NOTHING  # should it still be due, it finds that there is nothing to do
        was, now_is = before is not None and _ends(before), _ends(after)
        if (before is not None and before.is_over) or (was and not now_is):
            return Plan(cancel_subjects=((KIND, after.number),))
        delay_ms = self._book.config.auto_resolve.ms
        if was or not now_is or not delay_ms:
            return NOTHING
        errand = Errand(
            kind=KIND,
            key=f"{KIND}/{after.number}/{after.version}",
            subject=after.number,
            due_ms=max(link.ends_ms for link in after.of_kind("alert")) + delay_ms,
        )
        return Plan(put=(errand,))

    async def attempt(self, errand: Errand) -> Outcome:
        """As `model.errands.Handler`."""
        if self._book.config.auto_resolve:
            await self._book.change(errand.subject, _resolved)
        return Done()

    def give_up_ms(self, errand: Errand) -> int:
        """As `model.errands.Handler`."""
        return _GIVE_UP_MS

    async def failed(self, errand: Errand, error: Fault) -> Plan:
        """As `model.errands.Handler`: people will resolve it."""
        return NOTHING


def _resolved(one: Incident, now: int) -> Changed:
    if not _ends(one):
        return one, ()
    words = "" if one.resolution else "All of its alerts have resolved."
    return change.resolved(one, Resolution(resolution=words), _AUTHOR, now)
