"""What changed shortly before and during an incident? Releases, settings, new and grown lines,
operations that became slow or fail.

Each source is asked by itself and within a limit: one that is away is named, the others answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tocsin.kit.fault import Fault
from tocsin.model.incidents import Incident
from tocsin.model.logs import level_name
from tocsin.query.logs.compare import quoted
from tocsin.query.logs.parse import parse
from tocsin.query.logs.patterns import LogPatterns, PatternRow
from tocsin.query.logs.search import Span
from tocsin.query.traces.change import OperationChange, changes
from tocsin.state.audit import ANSWERS
from tocsin.web.incident_errors import issue_news
from tocsin.web.people import People
from tocsin.web.services import Services

BEFORE_MS = 3_600_000
"""How long before the trouble began a change counts as one that may have caused it."""
_LONGEST_MS = 6 * 3_600_000
_LIMIT_SECONDS = 8.0
_PATTERNS = 12
_OPERATIONS = 8
_ACTS = 30
_ERROR_LEVEL = 17
_GREW = 3.0
_FEWEST = 10
_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Changed:
    """One change: `kind` is "deploy", "settings", "new pattern", "more lines",
    "failing operation" or "slow operation"."""

    at_s: float
    kind: str
    what: str
    tone: str = ""
    href: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """The newest first; `problems` name what could not be asked."""

    rows: Sequence[Changed]
    problems: Sequence[str]
    start_s: float
    end_s: float


async def changes_of(given: Services, people: People, incident: Incident) -> Changes:
    """What changed from an hour before the trouble began until it was over, six hours at most."""
    began = incident.started_ms or incident.opened_ms
    start = began - BEFORE_MS
    end = min(incident.resolved_ms or given.clock.now_ms(), began + _LONGEST_MS)
    sources: Sequence[tuple[str, Callable[[], Awaitable[Iterable[Changed]]]]] = (
        ("Releases", lambda: _deploys(given, start, end)),
        ("Settings", lambda: _acts(people, start, end)),
        ("Errors", lambda: _issues(given, incident, (start, began, end))),
        ("Log patterns", lambda: _patterns(given, incident, (start, began, end))),
        ("Traces", lambda: _operations(given, began, end)),
    )
    found = await asyncio.gather(*(_within(name, ask) for name, ask in sources))
    rows = sorted((row for rows, _ in found for row in rows), key=lambda row: -row.at_s)
    problems = [problem for _, problem in found if problem]
    return Changes(rows, problems, start / 1000, end / 1000)


async def _within(
    name: str, ask: Callable[[], Awaitable[Iterable[Changed]]]
) -> tuple[Sequence[Changed], str]:
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            return list(await ask()), ""
    except TimeoutError:
        return (), f"{name}: no answer within {_LIMIT_SECONDS:g} s"
    except Fault as error:
        return (), f"{name}: {error}"


async def _deploys(given: Services, start_ms: int, end_ms: int) -> Iterable[Changed]:
    patterns = LogPatterns(given.store, given.log_writer, given.clock)
    found = await patterns.deploys(Span(start_ms * _NS, end_ms * _NS))
    return [
        Changed(one.at_s, "deploy", f"{one.service or 'a service'} {one.release}".strip(), "info")
        for one in found
    ]


async def _acts(people: People, start_ms: int, end_ms: int) -> Iterable[Changed]:
    found = await people.audit.between(start_ms, end_ms, limit=_ACTS, without=ANSWERS)
    return [
        Changed(
            one.at / 1000,
            "settings",
            f"{one.what.replace('_', ' ')} {one.target}".strip(),
            by=one.who,
        )
        for one in found
    ]


async def _issues(
    given: Services, incident: Incident, times: tuple[int, int, int]
) -> Iterable[Changed]:
    found = await issue_news(given.issues, incident, times)
    return [Changed(one.at_s, one.kind, one.what, one.tone, one.href) for one in found]


async def _patterns(
    given: Services, incident: Incident, times: tuple[int, int, int]
) -> Iterable[Changed]:
    """Patterns first seen since shortly before it began, and errors that came much more often."""
    _, began, end = times
    since = began - BEFORE_MS // 4
    span = Span(since * _NS, max(end, since + 60_000) * _NS)
    asked = " OR ".join(f"service:{quoted(name)}" for name in incident.services)
    patterns = LogPatterns(given.store, given.log_writer, given.clock)
    rows = await patterns.overview(parse(asked), span)
    fresh = [row for row in rows if row.first_seen_s * 1000 >= since and not row.before]
    fresh.sort(key=lambda row: (-row.level, -row.lines))
    grown = [row for row in rows if row.before and _is_trouble(row)]
    grown.sort(key=lambda row: -row.growth)
    near = {"from": str(since), "to": str(end)}
    return [
        *(_fresh(row, near) for row in fresh[:_PATTERNS]),
        *(_grown(row, near, began / 1000) for row in grown[:_PATTERNS]),
    ]


async def _operations(given: Services, began: int, end: int) -> Iterable[Changed]:
    """What traces tell: operations that fail or take longer than in as long a time before."""
    since = began - BEFORE_MS // 4
    long = max(end - since, 60_000)
    before, now = await asyncio.gather(
        given.trace_search.rates((since - long) * _NS, since * _NS, by_operation=True),
        given.trace_search.rates(since * _NS, (since + long) * _NS, by_operation=True),
    )
    near = {"from": str(since), "to": str(end)}
    return [_operation(one, near, began / 1000) for one in changes(before, now)[:_OPERATIONS]]


def _operation(one: OperationChange, near: dict[str, str], at_s: float) -> Changed:
    asked = {"service": one.now.service, "operation": one.now.name, **near}
    if one.is_failing:
        kind, tone, asked["status"] = "failing operation", "critical", "error"
    else:
        kind, tone, asked["order"] = "slow operation", "warning", "slowest"
    what = f"{one.now.service}: {one.now.name}: {one.words}"
    return Changed(at_s, kind, what, tone, f"/traces?{urlencode(asked)}")


def _is_trouble(row: PatternRow) -> bool:
    return row.level >= _ERROR_LEVEL and row.lines >= _FEWEST and row.growth >= _GREW


def _fresh(row: PatternRow, near: dict[str, str]) -> Changed:
    tone = "critical" if row.level >= _ERROR_LEVEL else ""
    lines = f"{row.lines} line{'' if row.lines == 1 else 's'}"
    what = f"{row.service}: {level_name(row.level)}, {lines}: {row.template}"
    href = f"/logs?{urlencode({'q': row.question, **near})}"
    return Changed(row.first_seen_s, "new pattern", what, tone, href)


def _grown(row: PatternRow, near: dict[str, str], at_s: float) -> Changed:
    what = f"{row.service}: {row.growth:.0f} times as many: {row.template}"
    href = f"/logs?{urlencode({'q': row.question, **near})}"
    return Changed(at_s, "more lines", what, "warning", href)
