"""What did an earlier process keep and not count? Found at the start, and counted."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.errortracking.advance import Sighting
from tocsin.errortracking.counting import Counting
from tocsin.errortracking.event_search import EventSearch
from tocsin.errortracking.fingerprint import VERSION
from tocsin.errortracking.intake import sighting_of
from tocsin.errortracking.sentry_event import title_of
from tocsin.kit import log
from tocsin.kit.fault import NotFound
from tocsin.model.errors import ErrorEvent
from tocsin.state.error_issues import ErrorIssueTable
from tocsin.store.error_writer import PrintKept

_log = log.get("errors")
_MOST = 2_000


async def heal(
    lately: Sequence[PrintKept], table: ErrorIssueTable, counting: Counting, search: EventSearch
) -> int:
    """Count errors that are kept and in no issue's count; of how many prints. Raises Temporary."""
    starts = {f"{VERSION}:{one.number:016x}": one for one in lately}
    owners = await table.like(list(starts))
    kept = await table.issues_of(list(owners))
    counts = {name[:18]: kept[name].prints.get(name, 0) for name in owners if name in kept}
    lacking: list[Sighting] = []
    for start, one in starts.items():
        missing = one.times - counts.get(start, 0)
        if missing > 0 and len(lacking) < _MOST:
            found = await _sighting(one, missing, search)
            lacking += [found] if found is not None else []
    if lacking:
        await counting.count(lacking, quietly=True)
        _log.warning("errors_counted_at_start", prints=len(lacking))
    return len(lacking)


async def _sighting(one: PrintKept, times: int, search: EventSearch) -> Sighting | None:
    try:
        event = await search.named(one.event_id)
    except NotFound:
        return None
    row, whole = event.row, event.whole()
    if not whole.print:
        return None
    source = ErrorEvent(
        ts_ns=row.ts_ns,
        event_id=row.event_id,
        project=row.project,
        issue=one.number,
        kind=row.kind,
        value=row.value,
        culprit=row.culprit,
        level=row.level,
        platform=row.platform,
        service=row.service,
        release=row.release,
        user_id=row.user_id,
        handled=row.handled,
    )
    title = title_of("" if whole.message and not row.kind else row.kind, row.value, whole.message)
    found = sighting_of(source, whole, title, times)
    found.first_ms = one.first_ms
    return found
