"""Which lines answer a question, how many when, and what is said around one of them?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.query.logs.ast import All, AtLeast, Everything, Field, Has, Not, Query, Some
from tocsin.query.logs.fields import Part, place_of
from tocsin.query.logs.sql import bounded, condition
from tocsin.query.logs.times import clamped, time_sql
from tocsin.store.client import Store
from tocsin.store.literal import literal

MOST_LINES = 10_000
_MOST_BUCKETS = 2_000
_MOST_VALUES = 1_000
_MINUTE_NS = 60_000_000_000
_LAST_S = (1 << 32) - 1
"""The last second that a minute's column can have; a larger number would mean an early one."""
_DAY_NS = 86_400_000_000_000
_ON_LOOP_BYTES = 256 << 10
_FIRST_SHARE = 64
"""The newest lines are looked for in the last part of the range first, then in as much of it as
will have enough when they are as frequent there."""
_FEW = 4
"""Fewer tell nothing about how frequent they are."""
_OF_TRACE, _PATTERN, _BY_WORDS = "trace_id = '", "match(body, ", "hasAllTokens("
COLUMNS = (
    "toUnixTimestamp64Nano(ts), service, level, severity, body, host, environment, source,"
    " trace_id, span_id, user_id, toString(pattern), attributes, original, toString(batch),"
    " number, weight"
)
_SETTINGS: dict[str, str | int] = {
    "output_format_json_quote_64bit_integers": 0,
    # Of lines that are sorted and cut, texts are read only for those that remain.
    "query_plan_max_limit_for_lazy_materialization": 10_000,
}

T = TypeVar("T")


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One line as it is kept; `batch` and `number` name it, `weight` is for how many it stands."""

    ts_ns: int
    service: str
    level: int
    severity: str
    body: str
    host: str
    environment: str
    source: str
    trace_id: str
    span_id: str
    user_id: str
    pattern: str
    attributes: dict[str, str]
    original: str
    batch: str
    number: int
    weight: int = 1

    @property
    def id(self) -> str:
        """What names it in a link: its time, so that it is found quickly, and its place."""
        return f"{self.ts_ns}-{self.batch}-{self.number}"


class Bucket(msgspec.Struct, frozen=True, array_like=True):
    """How many lines of a level there were from `start_s` on, seconds since the epoch."""

    start_s: int
    level: int
    lines: int


class Value(msgspec.Struct, frozen=True, array_like=True):
    """A value of a field, and how many lines have it."""

    value: str
    lines: int


class Span(msgspec.Struct, frozen=True):
    """From `start_ns`, included, to `end_ns`, excluded; nanoseconds since the epoch."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.end_ns <= self.start_ns:
            raise Rejected("the range ends before it begins; exchange its ends")


class Settled(Protocol):
    """What brings lines that were taken, and are not in the store yet, into it."""

    async def settle(self) -> None: ...


class LogSearch:
    """Questions about the lines of a store. Each takes `timeout_seconds` at the most."""

    def __init__(
        self, store: Store, pending: Settled, clock: Clock, *, timeout_seconds: float = 30.0
    ) -> None:
        self._store = store
        self._pending = pending
        self._clock = clock
        self._timeout = timeout_seconds

    def now_ns(self) -> int:
        """What `now` means in a question."""
        return self._clock.now_ms() * 1_000_000

    async def lines(
        self, query: Query, span: Span, limit: int, *, newest_first: bool = True, offset: int = 0
    ) -> list[Line]:
        """At most `limit` lines, in order of their times, the newest (or oldest) first.

        Raises Rejected for a question that cannot be asked, QueryTimeout when it takes too long.
        """
        if not 0 <= limit <= MOST_LINES or offset < 0:
            raise Rejected(f"between 0 and {MOST_LINES:,} lines can be asked for, not {limit:,}")
        where = condition(query, self.now_ns())
        return await self.in_order(where, span, limit, newest_first=newest_first, offset=offset)

    async def in_order(
        self, where: str, span: Span, limit: int, *, newest_first: bool, offset: int = 0
    ) -> list[Line]:
        """As `lines`, for a condition in SQL."""
        await self._pending.settle()
        length = span.end_ns - span.start_ns
        # The lines of a trace are few, and its index finds them anywhere.
        part_ns = length if _OF_TRACE in where else length // _FIRST_SHARE
        while True:
            part = _end_of(span, part_ns, newest_first=newest_first)
            found = await self._read(where, part, limit, newest_first=newest_first, offset=offset)
            if len(found) == limit or part == span:
                return found
            # What is rare lies anywhere.
            is_rare = len(found) < _FEW
            part_ns = length if is_rare else part_ns * 3 * (limit + offset) // (2 * len(found))

    async def count(self, query: Query, span: Span) -> int:
        """How many lines there are."""
        await self._pending.settle()
        where = condition(query, self.now_ns())
        sql = f"SELECT sum(weight) FROM logs WHERE {within(span)} AND {where}"
        return int(await self._bytes(sql, "TSV"))

    async def histogram(self, query: Query, span: Span, step_s: int) -> list[Bucket]:
        """Lines by level and step, steps beginning at multiples of `step_s`; empty ones left out.

        Whole minutes of what the lines' own columns tell are read from the counts by the minute.
        """
        if step_s < 1 or (span.end_ns - span.start_ns) // (step_s * 10**9) > _MOST_BUCKETS:
            raise Rejected(f"the range has more than {_MOST_BUCKETS:,} steps; use a longer step")
        await self._pending.settle()
        where = condition(query, self.now_ns())
        if step_s % 60 == 0 and is_counted(query) and _is_whole_minutes(span):
            sql = (
                f"SELECT toInt64(intDiv(toUnixTimestamp(minute), {step_s}) * {step_s}) AS at,"
                " level, sum(lines) FROM logs_1m"
                f" WHERE {minutes_within(span)} AND {where}"
                " GROUP BY at, level ORDER BY at, level"
            )
        else:
            sql = (
                f"SELECT toInt64(intDiv(toUnixTimestamp(toDateTime(ts)), {step_s}) * {step_s})"
                f" AS at, level, sum(weight) FROM logs WHERE {within(span)} AND {where}"
                " GROUP BY at, level ORDER BY at, level"
            )
        return await self._rows(sql, Bucket)

    async def values(self, query: Query, span: Span, field: str, limit: int = 20) -> list[Value]:
        """The most frequent values of a field among the lines, the most frequent first."""
        await self._pending.settle()
        where = condition(query, self.now_ns())
        sql = (
            f"SELECT {text_of(field)} AS value, sum(weight) AS lines FROM logs"
            f" WHERE {within(span)} AND {where} GROUP BY value HAVING value != ''"
            f" ORDER BY lines DESC, value LIMIT {min(limit, _MOST_VALUES)}"
        )
        return await self._rows(sql, Value)

    async def fields(self, query: Query, span: Span, limit: int = 200) -> list[Value]:
        """The names of attributes among the newest lines, and how many of those have each."""
        await self._pending.settle()
        where = condition(query, self.now_ns())
        sql = (
            "SELECT name, count() AS lines FROM (SELECT mapKeys(attributes) AS names FROM logs"
            f" WHERE {within(span)} AND {where} LIMIT 50000) ARRAY JOIN names AS name"
            f" GROUP BY name ORDER BY lines DESC, name LIMIT {min(limit, _MOST_VALUES)}"
        )
        return await self._rows(sql, Value)

    async def line(self, line_id: str) -> Line:
        """One line by its id; raises NotFound when it is not kept, or not any more."""
        ts_ns, batch, number = _place(line_id)
        await self._pending.settle()
        sql = (
            f"SELECT {COLUMNS} FROM logs WHERE ts = {time_sql(ts_ns)}"
            f" AND batch = {batch} AND number = {number} LIMIT 1"
        )
        found = await self._rows(sql, Line)
        if not found:
            raise NotFound(f"the line {line_id} is not kept, or not any more")
        return found[0]

    async def around(self, line: Line, count: int) -> tuple[Sequence[Line], Sequence[Line]]:
        """What the same source said before and after a line, each in order of time."""
        where = (
            f"service = {literal(line.service)} AND host = {literal(line.host)}"
            f" AND source = {literal(line.source)}"
        )
        place = "(toUnixTimestamp64Nano(ts), batch, number)"
        here = f"({line.ts_ns}, {line.batch}, {line.number})"
        before = Span(line.ts_ns - _DAY_NS, line.ts_ns + 1)
        after = Span(line.ts_ns, line.ts_ns + _DAY_NS)
        earlier, later = await asyncio.gather(
            self._read(f"{where} AND {place} < {here}", before, count, newest_first=True),
            self._read(f"{where} AND {place} > {here}", after, count, newest_first=False),
        )
        return earlier[::-1], later

    async def read(self, where: str, span: Span, limit: int, *, newest_first: bool) -> list[Line]:
        """At most `limit` lines that fulfil a condition in SQL (of `condition`)."""
        await self._pending.settle()
        return await self._read(where, span, limit, newest_first=newest_first)

    async def ask(self, sql: str, kind: type[T]) -> list[T]:
        """The rows of any statement over the tables of lines, each an array-like struct."""
        await self._pending.settle()
        return await self._rows(sql, kind)

    async def _read(
        self, where: str, span: Span, limit: int, *, newest_first: bool, offset: int = 0
    ) -> list[Line]:
        way = "DESC" if newest_first else "ASC"
        sql = (
            f"SELECT {COLUMNS} FROM logs {_lines_of(where, span)}"
            f" ORDER BY ts {way}, batch {way}, number {way} LIMIT {limit} OFFSET {offset}"
        )
        return await self._rows(sql, Line)

    async def _rows(self, sql: str, kind: type[T]) -> list[T]:
        body = await self._bytes(sql, "JSONCompactEachRow")
        if len(body) < _ON_LOOP_BYTES:
            return _decoded(body, kind)
        return await asyncio.to_thread(_decoded, body, kind)

    async def _bytes(self, sql: str, fmt: str) -> bytes:
        return await self._store.fetch_bytes(
            bounded(sql), fmt=fmt, settings=_SETTINGS, timeout_seconds=self._timeout
        )


def _decoded(body: bytes, kind: type[T]) -> list[T]:
    return msgspec.json.Decoder(kind).decode_lines(body)


def within(span: Span) -> str:
    """That a line's time lies in the range, in SQL."""
    return f"ts >= {time_sql(span.start_ns)} AND ts < {time_sql(span.end_ns)}"


def minutes_within(span: Span) -> str:
    """That a minute of the counts by the minute lies in the range, in SQL."""
    start, end = (min(max(at // 10**9, 0), _LAST_S) for at in (span.start_ns, span.end_ns))
    return f"minute >= toDateTime({start}, 'UTC') AND minute < toDateTime({end}, 'UTC')"


def _lines_of(where: str, span: Span) -> str:
    """Both conditions. The engine looks at times first by itself: that is slower where few lines
    fulfil the other condition, but for words, which the index answers without reading lines."""
    is_rare = _OF_TRACE in where or _PATTERN in where
    if is_rare and _BY_WORDS not in where:
        return f"PREWHERE {where} WHERE {within(span)}"
    return f"WHERE {within(span)} AND {where}"


def _end_of(span: Span, part: int, *, newest_first: bool) -> Span:
    """So many nanoseconds of the range, at the end that is asked for first; all of it when that is
    most of it, or when they are few."""
    if part * 2 > span.end_ns - span.start_ns or part <= _MINUTE_NS:
        return span
    if newest_first:
        return Span(span.end_ns - part, span.end_ns)
    return Span(span.start_ns, span.start_ns + part)


def text_of(field: str) -> str:
    """A field of a line as text, in SQL."""
    part, name = place_of(field)
    match part:
        case Part.BODY:
            return "body"
        case Part.COLUMN:
            return name
        case Part.LEVEL | Part.PATTERN:
            return f"toString({part.value})"
        case Part.ATTRIBUTE:
            return f"attributes[{literal(name)}]"
        case Part.TIME:
            raise Rejected("a time has no frequent values; ask for a histogram")


def is_counted(query: Query) -> bool:
    """Whether the counts by the minute know everything that the question asks about."""
    match query:
        case Everything():
            return True
        case Not(part):
            return is_counted(part)
        case All(parts) | Some(parts) | AtLeast(_, parts):
            return all(is_counted(part) for part in parts)
        case Field(field) | Has(field):
            kind, name = place_of(field)
            return kind in (Part.LEVEL, Part.PATTERN) or name in ("service", "environment")
    return False


def _is_whole_minutes(span: Span) -> bool:
    return span.start_ns % _MINUTE_NS == 0 and span.end_ns % _MINUTE_NS == 0


def _place(line_id: str) -> tuple[int, int, int]:
    parts = line_id.split("-")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) <= 20 for part in parts):
        raise NotFound(f"{line_id[:80]!r} names no line")
    ts_ns, batch, number = map(int, parts)
    return clamped(ts_ns), batch, number
