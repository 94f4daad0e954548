"""How is a number over lines made in SQL, and how does Elasticsearch show it?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tocsin.query.elastic import option, weighted
from tocsin.query.elastic.aggregation import Aggregation
from tocsin.query.elastic.faults import illegal
from tocsin.query.elastic.values import is_time, number_sql, text_sql

_PERCENTS = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
_MOST_PERCENTS = 100


def expressions(agg: Aggregation) -> list[str]:
    """The columns that a metric needs."""
    field = agg.field if agg.body.get("field") != "_id" else "@timestamp"
    number = number_sql(field)
    lines = f"sumIf(weight, isNotNull({number}))"
    match agg.kind:
        case "value_count":
            return [f"sumIf(weight, {text_sql(field)} != '')"]
        case "cardinality":
            return [f"uniqIf({text_sql(field)}, {text_sql(field)} != '')"]
        case "min" | "max":
            return [f"{agg.kind}({number})"]
        case "sum":
            return [_sum(number)]
        case "avg":
            return [f"{_sum(number)} / {lines}"]
        case "percentiles" | "median_absolute_deviation":
            return [weighted.numbers(number)]
        case "percentile_ranks":
            return [f"100 * sumIf(weight, {number} <= {one!r}) / {lines}" for one in _ranked(agg)]
    mean, squares = f"({_sum(number)} / {lines})", _sum(f"{number} * {number}")
    return [
        *(lines, f"min({number})", f"max({number})", mean, _sum(number), squares),
        f"greatest(0, {squares} / {lines} - {mean} * {mean})",
    ]


def _sum(number: str) -> str:
    """The numbers' sum, each as often as lines stand for it; null of no number."""
    return f"sumOrNull({number} * weight)"


def shown(agg: Aggregation, row: Sequence[Any]) -> dict[str, Any]:  # as the engine gave it
    """A metric's part of the answer."""
    match agg.kind:
        case "value_count" | "cardinality":
            return {"value": int(row[0])}
        case "median_absolute_deviation":
            return _valued(agg, weighted.deviation(row[0]))
        case "avg" | "min" | "max" | "sum":
            value = row[0] if row[0] is not None or agg.kind != "sum" else 0.0
            return _valued(agg, value)
        case "percentiles":
            return _percentiles(agg, row[0])
        case "percentile_ranks":
            pairs = zip(_ranked(agg), row, strict=True)
            return {"values": {str(float(one)): share for one, share in pairs}}
    count, low, high, mean, total, squares, spread = row
    found = {
        "count": int(count),
        "min": low,
        "max": high,
        "avg": mean,
        "sum": total or 0.0,
    }
    if agg.kind == "extended_stats":
        deviation = spread**0.5 if spread is not None else None
        found |= {"sum_of_squares": squares, "variance": spread, "std_deviation": deviation}
    return found


def _valued(agg: Aggregation, value: float | None) -> dict[str, Any]:  # JSON
    if value is not None and agg.kind != "sum" and is_time(agg.field):
        at = datetime.fromtimestamp(value / 1000, UTC)
        text = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
        return {"value": value, "value_as_string": text}
    return {"value": value}


def _percents(agg: Aggregation) -> list[float]:
    given = agg.body.get("percents")
    wanted = option.numbers(agg.body, "percents") if given is not None else list(_PERCENTS)
    if not wanted or len(wanted) > _MOST_PERCENTS or not all(0 <= one <= 100 for one in wanted):
        raise illegal("percents must be in [0,100]")
    return [float(one) for one in wanted]


def _ranked(agg: Aggregation) -> list[float]:
    wanted = option.numbers(agg.body, "values")
    if not 0 < len(wanted) <= _MOST_PERCENTS:
        raise illegal(f"[values] must be 1 to {_MOST_PERCENTS} numbers: [{agg.name}]")
    return wanted


def _percentiles(agg: Aggregation, sample: Sequence[Sequence[Any]]) -> dict[str, Any]:  # JSON
    percents = _percents(agg)
    found = weighted.quantiles(sample, [one / 100 for one in percents])
    pairs = [(str(p), value) for p, value in zip(percents, found, strict=True)]
    if option.flag(agg.body, "keyed", default=True):
        return {"values": dict(pairs)}
    return {"values": [{"key": float(p), "value": v} for p, v in pairs]}
