"""Which lines does a log query find, with which labels?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.model.logs import LogRecord
from tocsin.query.logql import ast
from tocsin.query.logql.faults import LogqlError
from tocsin.query.logql.labels import line_of, metadata_of, stream_of
from tocsin.query.logql.process import Entry, Step, compiled
from tocsin.query.logql.pushdown import plan
from tocsin.query.logs.pages import pages
from tocsin.query.logs.search import Line, LogSearch, Span

MOST = 5_000
_MOST_LOOKED_AT = 2_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of an answer: the stream's labels, those of the line alone, those parsed of it."""

    ts_ns: int
    line: str
    stream: dict[str, str]
    metadata: dict[str, str]
    parsed: dict[str, str]

    @property
    def labels(self) -> dict[str, str]:
        """All of them."""
        return self.stream | self.metadata | self.parsed


async def lines(
    search: LogSearch, query: ast.LogQuery, span: Span, limit: int, *, newest_first: bool
) -> list[Shown]:
    """At most `limit` lines. Raises LogqlError, and as LogSearch does."""
    if limit > MOST:
        words = "max entries limit per query exceeded, limit > max_entries"
        raise LogqlError(f"{words} ({limit} > {MOST})")
    parts = plan(query)
    run = compiled(parts.stages)
    if not parts.stages:
        found = await search.in_order(parts.where, span, limit, newest_first=newest_first)
        return await asyncio.to_thread(_passed, found, run)
    shown: list[Shown] = []
    looked_at = 0
    async for page in pages(search, parts.where, span, newest_first=newest_first):
        looked_at += len(page)
        shown += await asyncio.to_thread(_passed, page, run)
        if len(shown) >= limit:
            break
        if looked_at > _MOST_LOOKED_AT:
            raise LogqlError(
                f"{_MOST_LOOKED_AT:,} lines were looked into and {len(shown)} found; narrow the "
                "range or the selector, or filter lines before they are parsed"
            )
    return shown[:limit]


def _passed(found: Sequence[Line], run: Step) -> list[Shown]:
    return [one for line in found if (one := shown(line, run)) is not None]


def shown(line: Line | LogRecord, run: Step) -> Shown | None:
    """What a pipeline makes of a line, None when it leaves it out."""
    stream, metadata = stream_of(line), metadata_of(line)
    entry = Entry(line.ts_ns, line_of(line), stream | metadata)
    if not run(entry):
        return None
    labels = entry.labels
    own = {n: v for n, v in stream.items() if labels.get(n) == v and n not in metadata}
    others = {n: v for n, v in metadata.items() if labels.get(n) == v}
    rest = {n: v for n, v in labels.items() if n not in own and n not in others and v}
    return Shown(entry.ts_ns, entry.line, own, others, rest)
