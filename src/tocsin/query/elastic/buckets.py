"""Which bucket does a line belong to, in SQL, and how are buckets ordered, filled and named?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.query.elastic import option
from tocsin.query.elastic.aggregation import Aggregation
from tocsin.query.elastic.calendar import Rounding, rounding_of
from tocsin.query.elastic.date_format import written
from tocsin.query.elastic.dates import moment_ns, zone_of
from tocsin.query.elastic.dsl import query_of
from tocsin.query.elastic.faults import ElasticFault, illegal, parsing
from tocsin.query.elastic.values import is_time, number_sql, text_sql
from tocsin.query.logs.sql import condition
from tocsin.store.literal import literal

MOST_BUCKETS = 65_535
Key = str | int | float
Bucket = dict[str, Any]  # an answer's part: doc_count and what is inside
_TERMS = 10
_PRESENT = "present"


def key_sql(agg: Aggregation, now_ns: int) -> str:
    """An expression whose values name the buckets; lines of none have ''."""
    match agg.kind:
        case "terms" | "significant_terms" | "rare_terms":
            return _terms_sql(agg)
        case "date_histogram" | "auto_date_histogram":
            return rounding_of(agg.body, now_ns).sql
        case "histogram":
            step = _step(agg)
            shift = option.number(agg.body, "offset", 0.0)
            return f"floor(({number_sql(agg.field)} - {shift!r}) / {step!r}) * {step!r} + {shift!r}"
        case "missing":
            return f"if({text_sql(agg.field)} = '', '{_PRESENT}', '')"
        case "global" | "nested":
            return f"'{_PRESENT}'"
        case "filter":
            where = condition(query_of(dict(agg.body), now_ns), now_ns)
            return f"if({where}, '{_PRESENT}', '')"
    return _several(conditions(agg, now_ns), agg)


def _several(ways: Mapping[str, str], agg: Aggregation) -> str:
    """A line may lie in several buckets."""
    listed = [f"if({where}, {literal(name)}, '')" for name, where in ways.items()]
    if agg.kind == "filters" and _has_other(agg):
        rest = " OR ".join(f"({where})" for where in ways.values())
        listed.append(f"if({rest}, '', {literal(_other(agg))})")
    return f"arrayJoin(arrayFilter(one -> one != '', [{', '.join(listed)}]))"


def _has_other(agg: Aggregation) -> bool:
    """A name for the other lines asks for their bucket too."""
    return option.flag(agg.body, "other_bucket", default="other_bucket_key" in agg.body)


def _other(agg: Aggregation) -> str:
    return option.text(agg.body, "other_bucket_key", "_other_")


def _filters(agg: Aggregation) -> dict[str, Any]:  # queries, read later
    """The queries of `filters` by name; those of a list are named by their places."""
    given = agg.body.get("filters")
    named = dict(enumerate(given)) if isinstance(given, list) else option.inner(given, "filters")
    if not named:
        raise illegal("[filters] cannot be empty")
    return {str(name): one for name, one in named.items()}


def conditions(agg: Aggregation, now_ns: int) -> dict[str, str]:
    """The buckets of `filters` and `range` by name, as conditions in SQL."""
    if agg.kind == "filters":
        given = _filters(agg)
        return {name: condition(query_of(one, now_ns), now_ns) for name, one in given.items()}
    found = {}
    for name, low, high in ranges(agg, now_ns):
        number = number_sql(agg.field)
        parts = [f"{number} >= {low!r}"] if low is not None else []
        parts += [f"{number} < {high!r}"] if high is not None else []
        found[name] = f"ifNull({' AND '.join(parts) or '1'}, 0)"
    return found


def ranges(agg: Aggregation, now_ns: int) -> list[tuple[str, float | None, float | None]]:
    """Names and ends of the ranges, in order."""
    found = []
    for given in option.listed(agg.body, "ranges"):
        one = option.inner(given, "ranges")
        low, high = (_end(agg, one, end, now_ns) for end in ("from", "to"))
        name = (
            option.text(one, "key")
            or f"{'*' if low is None else low}-{'*' if high is None else high}"
        )
        found.append((name, low, high))
    if not found:
        raise illegal(f"No [ranges] specified for the [{agg.name}] aggregation")
    return found


def _end(
    agg: Aggregation,
    given: Mapping[str, Any],  # a range of a request
    name: str,
    now_ns: int,
) -> float | None:
    if given.get(name) is None:
        return None
    if agg.kind == "date_range" or is_time(agg.field):
        return float(moment_ns(option.scalar(given[name], name), now_ns) // 10**6)
    return float(option.number(given, name, 0.0))


def _terms_sql(agg: Aggregation) -> str:
    text = text_sql(agg.field)
    if instead := option.text(agg.body, "missing"):
        text = f"if({text} = '', {literal(instead)}, {text})"
    ways = []
    for name, sign in (("include", ""), ("exclude", "NOT ")):
        given = agg.body.get(name)
        if isinstance(given, str):
            ways.append(f"{sign}match({text}, {literal(_pattern(given))})")
        elif given is not None:
            values = ", ".join(map(literal, option.texts(agg.body, name))) or "''"
            ways.append(f"{sign}({text} IN ({values}))")
    return f"if({' AND '.join(ways)}, {text}, '')" if ways else text


def _pattern(given: str) -> str:
    whole = f"^(?:{given})$"
    try:
        compile_pattern(whole)
    except Rejected as error:
        raise illegal(str(error)) from error
    return whole


def _step(agg: Aggregation) -> float:
    step = option.number(agg.body, "interval", 0.0)
    if step <= 0:
        raise illegal("[interval] must be >0 for histogram aggregation")
    return step


Make = Callable[[Key], Bucket]
"""The bucket of a key: doc_count and what is inside, empty where no line lies."""


def shown(agg: Aggregation, keys: list[tuple[Key, int]], make: Make, now_ns: int) -> Bucket:
    """An aggregation's part of the answer, of the buckets that have lines."""
    match agg.kind:
        case "terms" | "significant_terms" | "rare_terms":
            return _terms(agg, keys, make)
        case "date_histogram" | "auto_date_histogram":
            return _dates(agg, keys, make, now_ns)
        case "histogram":
            return _numbers(agg, keys, make)
        case "filters" | "range" | "date_range":
            return _named(agg, make, now_ns)
    return make(_PRESENT)


def _terms(agg: Aggregation, keys: list[tuple[Key, int]], make: Make) -> Bucket:
    size = terms_shown(agg)
    least = option.whole(agg.body, "min_doc_count", 1)
    known = [(key, count) for key, count in keys if key != "" and count >= least]
    typed = _typed(agg.field, [str(key) for key, _ in known])
    rows = [({"key": typed.get(str(key), key), **make(key)}, count) for key, count in known]
    for by, descending in reversed(_orders(agg)):
        rows.sort(key=lambda row: _rank(row[0], by), reverse=descending)
    chosen = rows[:size]
    rest = sum(count for _, count in rows[size:])
    buckets = [bucket for bucket, _ in chosen]
    for bucket in buckets:
        if isinstance(bucket["key"], bool):
            bucket["key_as_string"] = "true" if bucket["key"] else "false"
            bucket["key"] = int(bucket["key"])
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": rest, "buckets": buckets}


def terms_shown(agg: Aggregation) -> int:
    """How many buckets of `terms` are wanted."""
    return option.whole(agg.body, "size", _TERMS, least=1)


def _orders(agg: Aggregation) -> list[tuple[str, bool]]:
    given = agg.body.get("order", {"_count": "desc"})
    listed = given if isinstance(given, list) else [given]
    found = []
    for one in listed:
        if not isinstance(one, dict):
            raise parsing("Order must be an object")
        found += [(by, _is_descending(way)) for by, way in one.items()]
    if not any(by in ("_key", "_term") for by, _ in found):
        found.append(("_key", False))
    return found


def _is_descending(way: object) -> bool:
    text = option.scalar(way, "order").lower()
    if text not in ("asc", "desc"):
        raise parsing(f"Unknown order direction [{text[:40]}]")
    return text == "desc"


def _rank(bucket: Bucket, by: str) -> tuple[int, Any]:  # of one kind in one aggregation
    if by == "_count":
        return 1, bucket["doc_count"]
    if by in ("_key", "_term"):
        key = bucket["key"]
        return (0, key) if isinstance(key, int | float) else (1, key)
    name, _, part = re.sub(r"[>\[\]]", ".", by).strip(".").partition(".")
    found: Any = bucket.get(name)
    if not isinstance(found, dict):
        raise ElasticFault(
            "aggregation_execution_exception",
            f"Invalid aggregator order path [{by}]. The provided aggregation [{name}] either does"
            " not exist, or is a pipeline aggregation and cannot be used to sort the buckets.",
        )
    value = found.get(part or "value", found.get("values", {}).get(part, found.get("doc_count")))
    return (0, 0) if value is None else (1, value)


def _typed(field: str, keys: list[str]) -> Mapping[str, Key]:
    """Keys that all look like numbers are numbers: what they were is not kept with them."""
    if field.endswith(".keyword") or not keys:
        return {}
    if all(re.fullmatch(r"-?(?:0|[1-9]\d{0,14})", key) for key in keys):
        return {key: int(key) for key in keys}
    if all(re.fullmatch(r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?", key) for key in keys):
        return {key: float(key) for key in keys}
    if set(keys) <= {"true", "false"}:
        return {key: key == "true" for key in keys}
    return {}


def _dates(agg: Aggregation, keys: list[tuple[Key, int]], make: Make, now_ns: int) -> Bucket:
    rounding = rounding_of(agg.body, now_ns)
    zone = zone_of(option.text(agg.body, "time_zone"))
    text_of = written(option.text(agg.body, "format"), zone)
    least = option.whole(agg.body, "min_doc_count", 0)
    counts = {int(key): count for key, count in keys}
    starts = _filled(agg, counts, rounding, now_ns) if least == 0 else sorted(counts)
    buckets = [
        {"key_as_string": text_of(at), "key": at, **make(at)}
        for at in starts
        if counts.get(at, 0) >= least
    ]
    if "order" in agg.body:
        for by, descending in reversed(_orders(agg)):
            buckets.sort(key=partial(_rank, by=by), reverse=descending)
    if option.flag(agg.body, "keyed"):
        return {"buckets": {one["key_as_string"]: one for one in buckets}}
    found: Bucket = {"buckets": buckets}
    if agg.kind == "auto_date_histogram":
        found["interval"] = rounding.name
    return found


def _filled(
    agg: Aggregation, counts: Mapping[int, int], rounding: Rounding, now_ns: int
) -> list[int]:
    """Every bucket from the first line's to the last's, or as far as is asked."""
    ends = list(counts)
    bounds = option.inner(agg.body.get("extended_bounds") or {}, "extended_bounds")
    wanted = [option.text(bounds, name) for name in ("min", "max")]
    ends += [rounding.start(moment_ns(one, now_ns) // 10**6) for one in wanted if one]
    if not ends:
        return []
    found = rounding.between(min(ends), max(ends), MOST_BUCKETS + 1)
    if len(found) > MOST_BUCKETS:
        raise too_many()
    return found


def too_many() -> ElasticFault:
    """More buckets than Elasticsearch makes by itself."""
    return ElasticFault(
        "too_many_buckets_exception",
        f"Trying to create too many buckets. Must be less than or equal to: [{MOST_BUCKETS}]."
        " This limit can be set by changing the [search.max_buckets] cluster level setting.",
    )


def _numbers(agg: Aggregation, keys: list[tuple[Key, int]], make: Make) -> Bucket:
    least, step = option.whole(agg.body, "min_doc_count", 0), _step(agg)
    known = sorted(float(key) for key, _ in keys if key != "")
    if least == 0 and known:
        count = round((known[-1] - known[0]) / step) + 1
        if count > MOST_BUCKETS:
            raise too_many()
        known = [known[0] + step * place for place in range(count)]
    buckets = [{"key": key, **make(key)} for key in known]
    return {"buckets": [one for one in buckets if one["doc_count"] >= least]}


def _named(agg: Aggregation, make: Make, now_ns: int) -> Bucket:
    if agg.kind == "filters":
        names = [*_filters(agg), *([_other(agg)] if _has_other(agg) else [])]
        if isinstance(agg.body.get("filters"), list):
            return {"buckets": [make(name) for name in names]}
        return {"buckets": {name: make(name) for name in names}}
    buckets = []
    for name, low, high in ranges(agg, now_ns):
        ends = {"from": low} if low is not None else {}
        ends |= {"to": high} if high is not None else {}
        buckets.append({"key": name, **ends, **make(name)})
    if option.flag(agg.body, "keyed"):
        return {"buckets": {str(one.pop("key")): one for one in buckets}}
    return {"buckets": buckets}
