"""Which traces answer a question, and what do the spans of a range say together?"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.spans import KINDS
from tocsin.query.logs.ast import Everything, Query
from tocsin.query.logs.parse import parse
from tocsin.query.traces import finding, graph, rates, whole
from tocsin.query.traces.answers import (
    ERROR,
    MOST_SPANS,
    Dependency,
    HeatCell,
    Operation,
    Rate,
    RatePoint,
    ServiceSeen,
    Trace,
    TraceAsked,
    TraceSummary,
    ValueCount,
)
from tocsin.query.traces.asking import Asking, Settles
from tocsin.query.traces.fields import Part, kind_of, place_of, trace_id_of
from tocsin.query.traces.sql import asked_condition, bounded, condition, text_of, within
from tocsin.store.client import Store
from tocsin.store.literal import literal

_DAY_NS = 86_400_000_000_000
_MOST_NAMES = 5_000
_MOST_VALUES = 1_000
_MOST_STEPS = 1_000
_LOOKED_AT = 50_000


class _Operation(msgspec.Struct, frozen=True, array_like=True):
    name: str
    kind: int


class _Name(msgspec.Struct, frozen=True, array_like=True):
    name: str


class TraceSearch:
    """Questions about the spans of a store. Each takes `timeout_seconds` at the most.

    All raise Rejected for a question that cannot be asked, QueryTimeout when it takes too long.
    """

    def __init__(
        self, store: Store, writer: Settles, clock: Clock, *, timeout_seconds: float = 30.0
    ) -> None:
        self._asking = Asking(store, writer, timeout_seconds)
        self._clock = clock

    def now_ns(self) -> int:
        """What `now` means in a question."""
        return self._clock.now_ms() * 1_000_000

    async def trace(self, trace_id: str) -> Trace:
        """One trace by its 32 (or fewer, zeros are filled in on the left) hexadecimal digits.

        Raises NotFound when nothing of it is kept, or not any more.
        """
        found = await whole.whole(self._asking, [trace_id_of(trace_id)])
        if not found:
            raise NotFound(
                f"no span of the trace {trace_id[:64]} is kept: it did not come, was not sampled,"
                " or is older than traces are kept"
            )
        return found[0]

    async def traces(self, trace_ids: Sequence[str]) -> list[Trace]:
        """Several of them, in the order asked for; those that are not kept are left out."""
        return await whole.whole(self._asking, [trace_id_of(one) for one in trace_ids])

    async def matching(self, trace_id: str, question: str) -> list[str]:
        """Ids of the spans of a trace that answer a question, by their begin."""
        of = trace_id_of(trace_id)
        around = await whole.bounds(self._asking, [of])
        if around is None:
            return []
        where = bounded(condition(parse(question), self.now_ns()))
        sql = (
            f"SELECT DISTINCT span_id FROM spans WHERE {whole.listed([of])} AND {within(*around)}"
            f" AND {where} ORDER BY ts LIMIT {MOST_SPANS}"
        )
        return [row.name for row in await self._asking.rows(sql, _Name)]

    async def find(self, asked: TraceAsked) -> list[TraceSummary]:
        """The traces, in the order asked for."""
        return await finding.found(self._asking, asked, _query(asked), self.now_ns())

    async def services(self, from_ns: int, until_ns: int) -> list[str]:
        """Names of services with spans in the range, by name."""
        sql = (
            f"SELECT DISTINCT service FROM spans_1m WHERE {rates.minutes(from_ns, until_ns)}"
            f" ORDER BY service LIMIT {_MOST_NAMES}"
        )
        return [row.name for row in await self._asking.rows(sql, _Name)]

    async def seen(self, limit: int = 20) -> list[ServiceSeen]:
        """Services that sent spans in the last weeks, those of late first."""
        sql = (
            "SELECT service, sum(requests), toInt64(toUnixTimestamp(max(minute))) AS last"
            " FROM spans_1m WHERE minute >= now() - INTERVAL 14 DAY"
            f" GROUP BY service ORDER BY last DESC, service LIMIT {limit}"
        )
        return await self._asking.rows(sql, ServiceSeen)

    async def operations(
        self, service: str, kind: str = "", from_ns: int = 0, until_ns: int = 0
    ) -> list[Operation]:
        """Names of a service's spans, by name, of all services when it is empty; of the last day
        when no range is given."""
        until_ns = until_ns or self.now_ns() + 1
        where = [rates.minutes(from_ns or until_ns - _DAY_NS, until_ns)]
        if service:
            where.append(f"service = {literal(service)}")
        if kind:
            where.append(f"kind = {kind_of(kind)}")
        sql = (
            f"SELECT name, kind FROM spans_1m WHERE {' AND '.join(where)}"
            f" GROUP BY name, kind ORDER BY name, kind LIMIT {_MOST_NAMES}"
        )
        rows = await self._asking.rows(sql, _Operation)
        return [
            Operation(row.name, KINDS[row.kind] if row.kind < len(KINDS) else "") for row in rows
        ]

    async def dependencies(self, from_ns: int, until_ns: int) -> list[Dependency]:
        """Who calls whom, the most frequent first."""
        return await graph.dependencies(self._asking, from_ns, until_ns)

    async def rates(
        self, from_ns: int, until_ns: int, *, service: str = "", by_operation: bool = False
    ) -> list[Rate]:
        """RED of each service, or of each operation (of one service); the busiest first."""
        return await rates.rates(
            self._asking, from_ns, until_ns, service, by_operation=by_operation
        )

    async def over_time(
        self, from_ns: int, until_ns: int, step_s: int, *, service: str = "", operation: str = ""
    ) -> list[RatePoint]:
        """RED by step of the 50 busiest services, of one, or of one operation; steps without spans
        are left out."""
        return await rates.over_time(self._asking, from_ns, until_ns, step_s, service, operation)

    async def heat(self, asked: TraceAsked, step_s: int) -> list[HeatCell]:
        """Spans that fulfil the question by step and duration; limit and order do not count.

        Whole minutes of what the counts by the minute know are read from these.
        """
        length = asked.until_ns - asked.from_ns
        if step_s < 1 or length // (step_s * 10**9) > _MOST_STEPS:
            raise Rejected(f"the range has more than {_MOST_STEPS:,} steps; use a longer step")
        query = _query(asked)
        where = asked_condition(asked, query, self.now_ns())
        if step_s % 60 == 0 and _is_counted(asked, query):
            sql = (
                f"SELECT toInt64(intDiv(toUnixTimestamp(minute), {step_s}) * {step_s}) AS at,"
                " bucket, sum(requests), sum(failures) FROM spans_1m"
                f" WHERE {rates.minutes(asked.from_ns, asked.until_ns)} AND {where}"
                " GROUP BY at, bucket ORDER BY at, bucket"
            )
        else:
            sql = (
                f"SELECT toInt64(intDiv(toUnixTimestamp(toDateTime(ts)), {step_s}) * {step_s})"
                " AS at, toUInt16(floor(log2(greatest(duration_ns, 1)) * 4)) AS bucket,"
                f" sum(weight), sumIf(weight, status = {ERROR}) FROM spans"
                f" WHERE {within(asked.from_ns, asked.until_ns)} AND {where}"
                " GROUP BY at, bucket ORDER BY at, bucket"
            )
        return await self._asking.rows(sql, HeatCell)

    async def tags(self, from_ns: int, until_ns: int, limit: int = 500) -> list[ValueCount]:
        """Names of attributes, of spans and (as `resource.…`) of resources, frequent first."""
        sql = (
            "SELECT name, count() AS spans FROM (SELECT arrayConcat(mapKeys(attributes),"
            " arrayMap(k -> concat('resource.', k), mapKeys(resource))) AS names FROM spans"
            f" WHERE {within(from_ns, until_ns)} LIMIT {_LOOKED_AT})"
            " ARRAY JOIN names AS name GROUP BY name"
            f" ORDER BY spans DESC, name LIMIT {min(limit, _MOST_VALUES)}"
        )
        return await self._asking.rows(sql, ValueCount)

    async def values(self, asked: TraceAsked, field: str, limit: int = 100) -> list[ValueCount]:
        """The most frequent values of a field among the spans that fulfil the question."""
        where = asked_condition(asked, _query(asked), self.now_ns())
        sql = (
            f"SELECT {text_of(field)} AS value, sum(weight) AS spans FROM spans"
            f" WHERE {within(asked.from_ns, asked.until_ns)} AND {where}"
            " GROUP BY value HAVING value != ''"
            f" ORDER BY spans DESC, value LIMIT {min(limit, _MOST_VALUES)}"
        )
        return await self._asking.rows(sql, ValueCount)


def _query(asked: TraceAsked) -> Query:
    return parse(asked.question) if asked.question.strip() else Everything()


def _is_counted(asked: TraceAsked, query: Query) -> bool:
    """Whether the counts by the minute know everything that the question asks about."""
    if asked.min_duration_ns or asked.max_duration_ns or asked.is_error is not None:
        return False
    if not isinstance(query, Everything) or asked.query is not None:
        return False
    return all(
        place_of(name) in ((Part.COLUMN, "service"), (Part.COLUMN, "name")) for name in asked.tags
    )
