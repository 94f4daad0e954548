"""Which patterns do lines follow, how often, which of them are new, and which grew?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from tocsin.kit.clock import Clock
from tocsin.query.logs.ast import Query
from tocsin.query.logs.search import Settled, Span, is_counted, minutes_within, within
from tocsin.query.logs.sql import condition
from tocsin.store.client import Store

BARS = 40
_MINUTE_NS = 60_000_000_000
_MOST = 20_000
_SERVICES = 100
_TIMEOUT = 20.0
_SETTINGS: dict[str, str | int] = {"output_format_json_quote_64bit_integers": 0}

T = TypeVar("T")


class _Counted(msgspec.Struct, frozen=True, array_like=True):
    service: str
    pattern: str
    level: int
    lines: int
    before: int


class _Bar(msgspec.Struct, frozen=True, array_like=True):
    pattern: str
    bar: int
    lines: int


class PatternName(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a pattern beside its lines; `first_seen_s` is 0 when that is not known."""

    pattern: str
    template: str
    example: str
    first_seen_s: float


class Deploy(msgspec.Struct, frozen=True, array_like=True):
    """A release that an application told of."""

    at_s: float
    release: str
    service: str


class ServiceSeen(msgspec.Struct, frozen=True, array_like=True):
    """A service that said something lately: how many lines, and when the last."""

    service: str
    lines: int
    last_s: float


@dataclass(frozen=True, slots=True)
class PatternRow:
    """A template of a service in a range: `before` is how often it came in the equally long range
    before, `level` the highest severity number, `bars` its course."""

    service: str
    template: str
    example: str
    patterns: tuple[str, ...]
    level: int
    lines: int
    before: int
    first_seen_s: float = 0.0
    bars: tuple[int, ...] = ()

    @property
    def question(self) -> str:
        """What finds its lines."""
        if len(self.patterns) == 1:
            return f"pattern:{self.patterns[0]}"
        return f"pattern:({' OR '.join(self.patterns)})"

    @property
    def growth(self) -> float:
        """How many times as often as before; 1 means as often."""
        return (self.lines + 1) / (self.before + 1)


class LogPatterns:
    """Questions about patterns, answered from the counts by the minute where these suffice.

    All raise Rejected for a question that cannot be asked, QueryTimeout when it takes too long,
    Temporary when the store is away. From the counts, ranges are of whole minutes.
    """

    def __init__(self, store: Store, pending: Settled, clock: Clock) -> None:
        self._store = store
        self._pending = pending
        self._clock = clock

    async def overview(self, query: Query, span: Span) -> list[PatternRow]:
        """The patterns of the lines that answer a question, the most frequent first."""
        await self._pending.settle()
        counted = await self._counted(query, span)
        names = await self.named(row.pattern for row in counted)
        unnamed = [one.pattern for one in counted if one.lines and one.pattern not in names]
        names.update(await self._examples(unnamed[:100], span))
        return [row for row in together(counted, names) if row.lines]

    async def with_bars(
        self, rows: Sequence[PatternRow], query: Query, span: Span
    ) -> list[PatternRow]:
        """The same rows with their course over the range, in 40 steps or fewer."""
        wanted = [number for row in rows for number in row.patterns]
        if not wanted:
            return list(rows)
        source = _Source.of(query, span)
        width = max(1, -(-(source.span.end_ns - source.span.start_ns) // BARS))
        if source.table != "logs":
            # Bars of whole minutes: others would have one minute more or less than the next.
            width = -(-width // _MINUTE_NS) * _MINUTE_NS
        bars = -(-(source.span.end_ns - source.span.start_ns) // width)
        bar = f"toUInt32(intDiv({source.at} - {source.span.start_ns}, {width}))"
        sql = (
            f"SELECT toString(pattern), {bar}, toUInt64(sum({source.each})) FROM {source.table}"
            f" WHERE {source.within} AND {self._where(query)}"
            f" AND pattern IN ({','.join(wanted)}) GROUP BY 1, 2"
        )
        found: dict[str, list[int]] = {}
        for one in await self._rows(sql, _Bar):
            found.setdefault(one.pattern, [0] * bars)[min(one.bar, bars - 1)] += one.lines
        return [replace(row, bars=_sum(found, row.patterns, bars)) for row in rows]

    async def named(self, patterns: Iterable[str]) -> dict[str, PatternName]:
        """What is known of patterns, by number; those that are not kept are left out."""
        wanted = sorted({one for one in patterns if one.isdecimal() and one != "0"})
        if not wanted:
            return {}
        sql = (
            "SELECT toString(pattern), argMax(template, updated), argMax(example, updated),"
            " toFloat64(min(first_seen)) FROM log_patterns"
            f" WHERE pattern IN ({','.join(wanted)}) GROUP BY pattern"
        )
        return {one.pattern: one for one in await self._rows(sql, PatternName)}

    async def services(self) -> list[ServiceSeen]:
        """Which services said something within the time that lines are kept, the last first."""
        await self._pending.settle()
        sql = (
            "SELECT service, toUInt64(sum(lines)), toFloat64(toUnixTimestamp(max(minute)))"
            f" FROM logs_1m GROUP BY service ORDER BY max(minute) DESC, service LIMIT {_SERVICES}"
        )
        return await self._rows(sql, ServiceSeen)

    async def last_deploy(self, span: Span) -> Deploy | None:
        """The newest release that was told of within a range; None when there was none."""
        rows = await self.deploys(span, limit=1)
        return rows[0] if rows else None

    async def deploys(self, span: Span, *, limit: int = 50) -> list[Deploy]:
        """The releases that were told of within a range, the newest first."""
        sql = (
            "SELECT toFloat64(ts), release, service FROM events WHERE kind = 'deploy'"
            f" AND {within(span)} ORDER BY ts DESC LIMIT {limit}"
        )
        return await self._rows(sql, Deploy)

    async def _counted(self, query: Query, span: Span) -> list[_Counted]:
        here = _Source.of(query, span)
        start, end = here.span.start_ns, here.span.end_ns
        both = _Source.of(query, Span(start - (end - start), end))
        sql = (
            "SELECT service, toString(pattern), toUInt32(max(level)),"
            f" toUInt64(sumIf({both.each}, {both.at} >= {start})) AS found,"
            f" toUInt64(sumIf({both.each}, {both.at} < {start}))"
            f" FROM {both.table} WHERE {both.within} AND {self._where(query)}"
            f" GROUP BY service, pattern ORDER BY found DESC LIMIT {_MOST}"
        )
        return await self._rows(sql, _Counted)

    async def _examples(self, patterns: Sequence[str], span: Span) -> dict[str, PatternName]:
        """What lines said whose pattern's template is not kept yet, or not any more."""
        wanted = [one for one in patterns if one != "0"]
        if not wanted:
            return {}
        sql = (
            "SELECT toString(pattern), any(substringUTF8(body, 1, 300)),"
            " any(substringUTF8(body, 1, 300)), 0.0"
            f" FROM logs WHERE {within(span)} AND pattern IN ({','.join(wanted)})"
            " GROUP BY pattern"
        )
        return {one.pattern: one for one in await self._rows(sql, PatternName)}

    def _where(self, query: Query) -> str:
        return condition(query, self._clock.now_ms() * 1_000_000)

    async def _rows(self, sql: str, kind: type[T]) -> list[T]:
        body = await self._store.fetch_bytes(
            sql, fmt="JSONCompactEachRow", settings=_SETTINGS, timeout_seconds=_TIMEOUT
        )
        return msgspec.json.Decoder(kind).decode_lines(body)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a question is answered from: the counts by the minute, or the lines themselves."""

    table: str
    at: str
    each: str
    within: str
    span: Span

    @staticmethod
    def of(query: Query, span: Span) -> _Source:
        if not is_counted(query):
            return _Source("logs", "toUnixTimestamp64Nano(ts)", "weight", within(span), span)
        # As many minutes as the range has, so that ranges that meet count no minute twice.
        end = -(-span.end_ns // _MINUTE_NS) * _MINUTE_NS
        start = end - -(-(span.end_ns - span.start_ns) // _MINUTE_NS) * _MINUTE_NS
        at = "toInt64(toUnixTimestamp(minute)) * 1000000000"
        minutes = minutes_within(Span(start, end))
        return _Source("logs_1m", at, "lines", minutes, Span(start, end))


def together(counted: Sequence[_Counted], names: Mapping[str, PatternName]) -> list[PatternRow]:
    """One row for each template of a service: patterns that became one have the same template."""
    rows: dict[tuple[str, str], PatternRow] = {}
    for one in counted:
        name = names.get(one.pattern)
        template = name.template if name else "(not known any more)"
        key = (one.service, template)
        first_seen = name.first_seen_s if name else 0.0
        if before := rows.get(key):
            seen = [at for at in (before.first_seen_s, first_seen) if at]
            rows[key] = replace(
                before,
                patterns=(*before.patterns, one.pattern),
                level=max(before.level, one.level),
                lines=before.lines + one.lines,
                before=before.before + one.before,
                first_seen_s=min(seen, default=0.0),
            )
            continue
        rows[key] = PatternRow(
            service=one.service,
            template=template,
            example=name.example if name else "",
            patterns=(one.pattern,),
            level=one.level,
            lines=one.lines,
            before=one.before,
            first_seen_s=first_seen,
        )
    return sorted(rows.values(), key=lambda row: (-row.lines, row.service, row.template))


def _sum(found: Mapping[str, Sequence[int]], patterns: Sequence[str], bars: int) -> tuple[int, ...]:
    courses = [found[number] for number in patterns if number in found]
    return tuple(sum(course[bar] for course in courses) for bar in range(bars))
