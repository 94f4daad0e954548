"""What is marked on every graph of a dashboard: releases, and incidents that were open.

Each source is asked by itself: one that is away is named, the other still answers.
"""

from __future__ import annotations

import msgspec

from tocsin.kit.fault import Fault
from tocsin.query.logs.patterns import LogPatterns
from tocsin.query.logs.search import Span
from tocsin.state.incidents import Asked
from tocsin.web.services import Services

_MOST = 50
_MS_NS = 1_000_000


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One moment, epoch seconds. Kinds: "deploy", "incident" (opened), "resolved"."""

    at: float
    kind: str
    words: str
    href: str = ""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """In order of time; `problems` name what could not be asked."""

    marks: list[Mark]
    problems: list[str] = []


async def marks_of(given: Services, span: Span) -> Marks:
    """Those of a range, 50 of a kind at most."""
    found: list[Mark] = []
    problems: list[str] = []
    for name, source in (("releases", _deploys), ("incidents", _incidents)):
        try:
            found += await source(given, span)
        except Fault as error:
            problems.append(f"{name}: {error}")
    return Marks(marks=sorted(found, key=lambda one: one.at), problems=problems)


async def _deploys(given: Services, span: Span) -> list[Mark]:
    patterns = LogPatterns(given.store, given.log_writer, given.clock)
    return [
        Mark(at=one.at_s, kind="deploy", words=f"{one.service or 'deploy'} {one.release}".strip())
        for one in await patterns.deploys(span, limit=_MOST)
    ]


async def _incidents(given: Services, span: Span) -> list[Mark]:
    start, end = span.start_ns // _MS_NS, span.end_ns // _MS_NS
    found: list[Mark] = []
    for one in await given.incidents.find(Asked(since_ms=start, until_ms=end, limit=_MOST)):
        href, words = f"/incidents/{one.number}", f"{one.severity} {one.number}: {one.title}"
        begun = one.started_ms or one.opened_ms
        if begun >= start:
            found.append(Mark(at=begun / 1000, kind="incident", words=words, href=href))
        if one.resolved_ms and start <= one.resolved_ms <= end:
            over = f"{one.number} resolved"
            found.append(Mark(at=one.resolved_ms / 1000, kind="resolved", words=over, href=href))
    return found
