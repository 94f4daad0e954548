"""What do errors that came make of issues? Many errors, one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tocsin.errortracking.advance import TOCSIN, Sighting, advanced, counted, first
from tocsin.errortracking.answers import IssueChange
from tocsin.kit.clock import Clock
from tocsin.model.errors import IssueEntry, KeptIssue
from tocsin.state.error_issues import ErrorIssueTable, Known, Write


class Counting:
    """Counts sightings in their issues; `discarded` are prints whose errors are not kept."""

    def __init__(self, table: ErrorIssueTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self.discarded: set[str] = set()

    async def load(self) -> None:
        """Know what was discarded. Raises Temporary."""
        self.discarded = set(await self._table.discarded())

    async def count(
        self, sightings: Iterable[Sighting], *, quietly: bool = False
    ) -> list[IssueChange]:
        """Keep what they make of their issues, and say what changed beside counts; `quietly` makes
        no issue come back. Raises Temporary: nothing was counted then."""
        seen = list(sightings)
        prints = list(dict.fromkeys(name for one in seen for name in (one.print, *one.older)))
        plan = _Plan(seen, self._clock.now_ms(), quietly=quietly)
        kept = await self._table.of_prints(prints, plan.decide)
        self.discarded |= plan.discarded
        changes: list[IssueChange] = []
        for issue, (kind, event_id) in zip(kept, plan.told, strict=True):
            changes.append(IssueChange(kind=kind, issue=issue.issue, event_id=event_id))
        return changes


class _Plan:
    """Decides, and remembers what it decided: it is asked again when another node was quicker."""

    def __init__(self, seen: Sequence[Sighting], now_ms: int, *, quietly: bool) -> None:
        self._seen = seen
        self._now_ms = now_ms
        self._quietly = quietly
        self.told: list[tuple[str, str]] = []
        self.discarded: set[str] = set()

    def decide(self, known: Known) -> Sequence[Write]:
        """What is to be kept of each issue."""
        self.told, self.discarded = [], set()
        writes: list[Write] = []
        of_issue: dict[int, list[tuple[Sighting, KeptIssue]]] = {}
        for one in self._seen:
            owner = next((known[n] for n in (one.print, *one.older) if n in known), None)
            if owner is None:
                kept, entry = first(one)
                prints = (one.print,)
                writes.append(Write(kept=kept, prints=prints, entries=(entry,)))
                self.told.append(("new", one.event_id))
            elif owner.discarded:
                self.discarded.add(one.print)
            else:
                of_issue.setdefault(owner.issue.id, []).append((one, owner))
        return [*writes, *(self._known(seen, known) for seen in of_issue.values())]

    def _known(self, seen: list[tuple[Sighting, KeptIssue]], known: Known) -> Write:
        kept = seen[0][1]
        told, event_id = "seen", seen[-1][0].event_id
        entries: list[IssueEntry] = []
        for one, _ in seen:
            if self._quietly:
                kept = counted(kept, one)
                continue
            kept, kind, why = advanced(kept, one, self._now_ms)
            if kind:
                told, event_id = kind, one.event_id
                entries.append(IssueEntry(at_ms=self._now_ms, kind=kind, author=TOCSIN, text=why))
        self.told.append((told, event_id))
        new = tuple(one.print for one, _ in seen if one.print not in known)
        return Write(kept=kept, prints=new, entries=tuple(entries))
