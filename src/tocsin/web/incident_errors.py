"""Which issues began, came back or grew around an incident?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tocsin.errortracking.answers import IssuesAsked
from tocsin.errortracking.book import IssueBook
from tocsin.model.errors import Issue
from tocsin.model.incidents import Incident

_ASKED = 100
_SHOWN = 12
_SETTLING_MS = 900_000
"""How long before the trouble was noticed it may have begun."""
_STEP_MS = 60_000
_GREW = 3.0
_FEWEST = 10
_TITLE = 160


@dataclass(frozen=True, slots=True)
class IssueNews:
    """What became of an issue: `kind` is "new error", "error is back" or "more errors"."""

    at_s: float
    kind: str
    what: str
    tone: str
    href: str


async def issue_news(
    book: IssueBook, incident: Incident, times: tuple[int, int, int]
) -> list[IssueNews]:
    """The news between `times`, which are begin, when the trouble began, and end, in ms. Issues
    of services that the incident does not name are left out, if it names any."""
    start, began, end = times
    fresh, seen = await asyncio.gather(
        book.find(IssuesAsked(new_since_ms=start, seen_until_ms=end, order="times", limit=_ASKED)),
        book.find(IssuesAsked(seen_since_ms=start, seen_until_ms=end, order="times", limit=_ASKED)),
    )
    new = _belonging(incident, (one for one in fresh.issues if one.first_seen_ms < end))
    known = [one for one in _belonging(incident, seen.issues) if one.first_seen_ms < start]
    back = [one for one in known if start <= one.regressed_ms < end]
    others = [one for one in known if one not in back]
    return [
        *(_told(one, one.first_seen_ms, "new error", "critical") for one in new[:_SHOWN]),
        *(_told(one, one.regressed_ms, "error is back", "critical") for one in back[:_SHOWN]),
        *(await _grown(book, others, (start, began, end)))[:_SHOWN],
    ]


def _belonging(incident: Incident, issues: Iterable[Issue]) -> list[Issue]:
    names = set(incident.services)
    return [
        one for one in issues if not names or not one.service or names & {one.service, one.project}
    ]


async def _grown(
    book: IssueBook, issues: Sequence[Issue], times: tuple[int, int, int]
) -> list[IssueNews]:
    """Those that came much more often since shortly before the trouble began."""
    start, began, end = times
    since = max(start + _STEP_MS, began - _SETTLING_MS)
    end = max(end, since + _STEP_MS)
    step = max(_STEP_MS, -(-(end - start) // 400))
    trends = await book.trend([one.id for one in issues], start, end, step)
    first = (since - start) // step
    found = []
    for one in issues:
        row = trends.get(one.id, ())
        lately, before = sum(row[first:]), sum(row[:first])
        growth = (lately + 1) / (before + 1) * max(1, first) / max(1, len(row) - first)
        if lately >= _FEWEST and growth >= _GREW:
            words = f"{growth:.0f} times as often, {lately:,}: "
            found.append((growth, _told(one, max(since, start), "more errors", "warning", words)))
    found.sort(key=lambda pair: -pair[0])
    return [news for _, news in found]


def _told(issue: Issue, at_ms: int, kind: str, tone: str, words: str = "") -> IssueNews:
    count = "" if words else f", {issue.times:,} times"
    title = issue.title[:_TITLE]
    return IssueNews(
        at_s=at_ms / 1000,
        kind=kind,
        what=f"{issue.service or issue.project}: {words}{title}{count}",
        tone=tone,
        href=f"/errors/{issue.id}?{urlencode({'over': '24 h'})}",
    )
