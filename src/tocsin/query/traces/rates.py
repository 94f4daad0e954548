"""Requests, failures and durations from the counts by the minute."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.model.spans import KINDS
from tocsin.query.traces.answers import Rate, RatePoint
from tocsin.query.traces.asking import Asking
from tocsin.store.literal import literal

_ENTRIES = "(2, 5)"
"""The numbers of the kinds server and consumer: what a service was asked to do."""
_MOST_OPERATIONS = 500
_MOST_ROWS = 100_000
_MOST_STEPS = 1_000
_MOST_SERVICES = 50
"""Of more services points are told of the busiest."""
_MOST_POINT_ROWS = 200_000
_ON_LOOP = 5_000
"""More rows than that take longer to add up than the event loop can be held."""
_QUANTILES = (0.5, 0.95, 0.99)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    at: int
    service: str
    name: str
    kind: int
    bucket: int
    requests: int
    failures: int
    total_ns: int


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    failures: int = 0
    total_ns: int = 0
    buckets: dict[int, int] = field(default_factory=dict)

    def add(self, row: _Row) -> None:
        self.requests += row.requests
        self.failures += row.failures
        self.total_ns += row.total_ns
        self.buckets[row.bucket] = self.buckets.get(row.bucket, 0) + row.requests


def quantile(buckets: Mapping[int, int], share: float) -> int:
    """Nanoseconds that so large a share of durations stays below; 0 without any.

    Within a bucket durations are taken to lie evenly by their logarithm.
    """
    total = sum(buckets.values())
    wanted, seen = share * total, 0
    for bucket, count in sorted(buckets.items()):
        if count and seen + count >= wanted:
            return round(2 ** ((bucket + (wanted - seen) / count) / 4))
        seen += count
    return 0


async def rates(
    asking: Asking, from_ns: int, until_ns: int, service: str, *, by_operation: bool
) -> list[Rate]:
    """RED of each service, or of each operation; the busiest first."""
    where = _where(from_ns, until_ns, service, "")
    key = "service, name, kind" if by_operation else f"service, '' AS name, kind IN {_ENTRIES} AS k"
    sql = (
        f"SELECT 0, {key}, bucket, sum(requests), sum(failures), sum(total_ns) FROM spans_1m"
        f" WHERE {where} GROUP BY {'service, name, kind' if by_operation else 'service, k'}, bucket"
        f" ORDER BY sum(requests) DESC LIMIT {_MOST_ROWS}"
    )
    rows = await asking.rows(sql, _Row)
    if not by_operation:
        rows = _entries(rows)
    sums: dict[tuple[str, str, int], _Sum] = {}
    for row in rows:
        kind = row.kind if by_operation else 0
        sums.setdefault((row.service, row.name, kind), _Sum()).add(row)
    found = [
        _rate(service, name, KINDS[kind] if by_operation and kind < len(KINDS) else "", one)
        for (service, name, kind), one in sums.items()
    ]
    found.sort(key=lambda one: (-one.requests, one.service, one.name))
    return found[:_MOST_OPERATIONS]


async def over_time(
    asking: Asking, from_ns: int, until_ns: int, step_s: int, service: str, operation: str
) -> list[RatePoint]:
    """RED by step of a service, or of the 50 busiest; `step_s` is a multiple of 60, as the counts
    are by the minute. Raises Rejected for a range of too much."""
    if step_s < 60 or step_s % 60:
        raise Rejected("rates are kept by the minute: a step is a multiple of 60 seconds")
    if (until_ns - from_ns) // (step_s * 10**9) > _MOST_STEPS:
        raise Rejected(f"the range has more than {_MOST_STEPS:,} steps; use a longer step")
    is_entry = "1" if operation else f"kind IN {_ENTRIES}"
    where = _where(from_ns, until_ns, service, operation)
    if not service:
        busiest = f"SELECT service FROM spans_1m WHERE {where} GROUP BY service"
        where += f" AND service IN ({busiest} ORDER BY sum(requests) DESC LIMIT {_MOST_SERVICES})"
    sql = (
        f"SELECT toInt64(intDiv(toUnixTimestamp(minute), {step_s}) * {step_s}) AS at, service,"
        f" '', {is_entry} AS k, bucket, sum(requests), sum(failures), sum(total_ns) FROM spans_1m"
        f" WHERE {where} GROUP BY at, service, k, bucket LIMIT {_MOST_POINT_ROWS + 1}"
    )
    rows = await asking.rows(sql, _Row)
    if len(rows) > _MOST_POINT_ROWS:
        raise Rejected("the range has too many durations; name a service, or use a longer step")
    if len(rows) > _ON_LOOP:
        return await asyncio.to_thread(_points, rows)
    return _points(rows)


def _points(told: Sequence[_Row]) -> list[RatePoint]:
    rows = _entries(told)
    sums: dict[tuple[int, str], _Sum] = {}
    for row in rows:
        sums.setdefault((row.at, row.service), _Sum()).add(row)
    return [_point(at, name, one) for (at, name), one in sorted(sums.items())]


def _entries(rows: Sequence[_Row]) -> list[_Row]:
    """Of each service what it was asked to do, or all that it did when nobody asks it."""
    asked = {row.service for row in rows if row.kind}
    return [row for row in rows if row.kind or row.service not in asked]


def _where(from_ns: int, until_ns: int, service: str, operation: str) -> str:
    parts = [minutes(from_ns, until_ns)]
    if service:
        parts.append(f"service = {literal(service)}")
    if operation:
        parts.append(f"name = {literal(operation)}")
    return " AND ".join(parts)


def minutes(from_ns: int, until_ns: int) -> str:
    """That a minute has part in the range, in SQL."""
    first = from_ns // 60_000_000_000 * 60
    return f"minute >= toDateTime({first}, 'UTC') AND minute < toDateTime({_ceil(until_ns)}, 'UTC')"


def _ceil(ns: int) -> int:
    return -(-ns // 10**9)


def _quantiles(buckets: Mapping[int, int]) -> Iterable[int]:
    return (quantile(buckets, share) for share in _QUANTILES)


def _rate(service: str, name: str, kind: str, one: _Sum) -> Rate:
    p50, p95, p99 = _quantiles(one.buckets)
    return Rate(
        service=service,
        name=name,
        kind=kind,
        requests=one.requests,
        failures=one.failures,
        total_ns=one.total_ns,
        p50_ns=p50,
        p95_ns=p95,
        p99_ns=p99,
    )


def _point(at: int, service: str, one: _Sum) -> RatePoint:
    p50, p95, p99 = _quantiles(one.buckets)
    return RatePoint(
        start_s=at,
        service=service,
        requests=one.requests,
        failures=one.failures,
        p50_ns=p50,
        p95_ns=p95,
        p99_ns=p99,
    )
