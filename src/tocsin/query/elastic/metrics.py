"""How is a number over lines made in SQL, and how does Elasticsearch show it?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tocsin.query.elastic.aggregation import Aggregation
from tocsin.query.elastic.faults import illegal
from tocsin.query.elastic.values import is_time, number_sql, text_sql

_PERCENTS = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
_MOST_PERCENTS = 100


def expressions(agg: Aggregation) -> list[str]:
    """The columns that a metric needs."""
    field = agg.field if agg.body.get("field") != "_id" else "@timestamp"
    number = number_sql(field)
    match agg.kind:
        case "value_count":
            return [f"countIf({text_sql(field)} != '')"]
        case "cardinality":
            return [f"uniqIf({text_sql(field)}, {text_sql(field)} != '')"]
        case "avg" | "min" | "max" | "sum":
            return [f"{agg.kind}({number})"]
        case "percentiles":
            wanted = ", ".join(repr(one / 100) for one in _percents(agg))
            return [f"quantiles({wanted})({number})", f"count({number})"]
        case "percentile_ranks":
            return [
                f"100 * countIf({number} <= {float(one)!r}) / count({number})"
                for one in agg.body.get("values", [])
            ]
        case "median_absolute_deviation":
            return [f"quantile(0.5)(abs({number}))"]
    return [
        *(f"count({number})", f"min({number})", f"max({number})", f"avg({number})"),
        *(f"sum({number})", f"sum({number} * {number})", f"varPop({number})"),
    ]


def shown(agg: Aggregation, row: Sequence[Any]) -> dict[str, Any]:  # as the engine gave it
    """A metric's part of the answer."""
    match agg.kind:
        case "value_count" | "cardinality":
            return {"value": int(row[0])}
        case "avg" | "min" | "max" | "sum" | "median_absolute_deviation":
            value = row[0] if row[0] is not None or agg.kind != "sum" else 0.0
            return _valued(agg, value)
        case "percentiles":
            return _percentiles(agg, row[0], is_empty=not row[1])
        case "percentile_ranks":
            values = {str(float(k)): v for k, v in zip(agg.body["values"], row, strict=True)}
            return {"values": values}
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
    given = agg.body.get("percents", _PERCENTS)
    try:
        wanted = [float(one) for one in given]
    except (TypeError, ValueError) as error:
        raise illegal("[percents] must be a list of numbers") from error
    if not wanted or len(wanted) > _MOST_PERCENTS or not all(0 <= one <= 100 for one in wanted):
        raise illegal("percents must be in [0,100]")
    return wanted


def _percentiles(
    agg: Aggregation, values: Sequence[float], *, is_empty: bool
) -> dict[str, Any]:  # JSON
    pairs = [(str(p), None if is_empty else v) for p, v in zip(_percents(agg), values, strict=True)]
    if agg.body.get("keyed", True):
        return {"values": dict(pairs)}
    return {"values": [{"key": float(p), "value": v} for p, v in pairs]}
