"""Which errors are new, or came back, since yesterday? A part of the overview."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.errortracking.answers import IssuesAsked
from tocsin.kit.fault import Fault
from tocsin.web.pages.error_asked import NEW_MS
from tocsin.web.pages.error_rows import DAY_MS, STEP_MS, IssueRow, rows_of
from tocsin.web.services import Services

_SHOWN = 6
_BACK_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class ErrorNews:
    """Open issues that are new or back; `fresh` and `back` count them. `problem` is why that
    cannot be told."""

    rows: Sequence[IssueRow] = ()
    fresh: int = 0
    back: int = 0
    problem: str = ""


async def news_of(given: Services) -> ErrorNews:
    """Those of the last day, what came back first, then the most frequent."""
    book, now = given.issues, given.clock.now_ms()
    since = now - NEW_MS
    try:
        fresh, known = await asyncio.gather(
            book.find(
                IssuesAsked(states=("open",), new_since_ms=since, order="times", limit=_SHOWN)
            ),
            book.find(
                IssuesAsked(
                    states=("open",),
                    words="is:regressed",
                    seen_since_ms=since,
                    limit=_BACK_LOOKED_AT,
                )
            ),
        )
        back = [one for one in known.issues if one.regressed_ms >= since]
        new = [one for one in fresh.issues if one not in back]
        issues = [*back, *new][:_SHOWN]
        end = now - now % STEP_MS + STEP_MS
        trends = await book.trend([one.id for one in issues], end - DAY_MS, end, STEP_MS)
    except Fault as fault:
        return ErrorNews(problem=str(fault))
    return ErrorNews(rows_of(issues, trends, now), fresh.total, len(back))
