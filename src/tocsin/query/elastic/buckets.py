"""Which bucket does a line belong to, in SQL, and how are buckets ordered, filled and named?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from tocsin.query.elastic.aggregation import Aggregation
from tocsin.query.elastic.calendar import Rounding, rounding_of
from tocsin.query.elastic.dates import moment_ns, zone_of
from tocsin.query.elastic.dsl import query_of
from tocsin.query.elastic.faults import ElasticFault, illegal, parsing
from tocsin.query.elastic.values import is_time, number_sql, text_sql
from tocsin.query.logs.sql import condition, literal

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
            shift = float(agg.body.get("offset", 0))
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
    if agg.kind == "filters" and agg.body.get("other_bucket"):
        rest = " OR ".join(f"({where})" for where in ways.values())
        listed.append(f"if({rest}, '', {literal(_other(agg))})")
    return f"arrayJoin(arrayFilter(one -> one != '', [{', '.join(listed)}]))"


def _other(agg: Aggregation) -> str:
    return str(agg.body.get("other_bucket_key", "_other_"))


def conditions(agg: Aggregation, now_ns: int) -> dict[str, str]:
    """The buckets of `filters` and `range` by name, as conditions in SQL."""
    if agg.kind == "filters":
        given = agg.body.get("filters", {})
        pairs: Iterable[tuple[Any, Any]] = (
            enumerate(given) if isinstance(given, list) else given.items()
        )
        return {str(n): condition(query_of(one, now_ns), now_ns) for n, one in pairs}
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
    for one in agg.body.get("ranges", []):
        low, high = (_end(agg, one.get(end), now_ns) for end in ("from", "to"))
        name = one.get("key") or f"{'*' if low is None else low}-{'*' if high is None else high}"
        found.append((str(name), low, high))
    if not found:
        raise illegal(f"No [ranges] specified for the [{agg.name}] aggregation")
    return found


def _end(agg: Aggregation, value: object, now_ns: int) -> float | None:
    if value is None:
        return None
    if agg.kind == "date_range" or is_time(agg.field):
        return float(moment_ns(value, now_ns) // 10**6)
    try:
        return float(str(value))
    except ValueError as error:
        raise illegal(f"{value!r} is no number") from error


def _terms_sql(agg: Aggregation) -> str:
    text = text_sql(agg.field)
    if "missing" in agg.body:
        text = f"if({text} = '', {literal(str(agg.body['missing']))}, {text})"
    ways = []
    for name, sign in (("include", ""), ("exclude", "NOT ")):
        given = agg.body.get(name)
        if isinstance(given, list):
            values = ", ".join(literal(str(one)) for one in given) or "''"
            ways.append(f"{sign}({text} IN ({values}))")
        elif isinstance(given, str):
            ways.append(f"{sign}match({text}, {literal(f'^(?:{given})$')})")
    return f"if({' AND '.join(ways)}, {text}, '')" if ways else text


def _step(agg: Aggregation) -> float:
    try:
        step = float(agg.body.get("interval", 0))
    except (TypeError, ValueError) as error:
        raise illegal("[interval] must be a number") from error
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
    size = agg.body.get("size", _TERMS)
    least = agg.body.get("min_doc_count", 1)
    if not isinstance(size, int) or size < 0 or not isinstance(least, int):
        raise illegal("[size] must be greater than 0")
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


def _orders(agg: Aggregation) -> list[tuple[str, bool]]:
    given = agg.body.get("order", {"_count": "desc"})
    listed = given if isinstance(given, list) else [given]
    found = []
    for one in listed:
        if not isinstance(one, dict):
            raise parsing("Order must be an object")
        found += [(str(by), str(way).lower() == "desc") for by, way in one.items()]
    if not any(by in ("_key", "_term") for by, _ in found):
        found.append(("_key", False))
    return found


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
    zone = zone_of(str(agg.body.get("time_zone", "")))
    form = str(agg.body.get("format", ""))
    least = agg.body.get("min_doc_count", 0)
    counts = {int(key): count for key, count in keys}
    starts = _filled(agg, counts, rounding, now_ns) if least == 0 else sorted(counts)
    buckets = [
        {"key_as_string": date_text(at, form, zone), "key": at, **make(at)}
        for at in starts
        if counts.get(at, 0) >= least
    ]
    way = agg.body.get("order")
    if isinstance(way, dict) and "desc" in (str(one).lower() for one in way.values()):
        buckets.sort(key=lambda one: one["doc_count" if "_count" in way else "key"], reverse=True)
    if agg.body.get("keyed"):
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
    bounds = agg.body.get("extended_bounds") or {}
    wanted = [bounds[name] for name in ("min", "max") if bounds.get(name) is not None]
    ends += [rounding.start(moment_ns(one, now_ns) // 10**6) for one in wanted]
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


def date_text(at_ms: int, form: str, zone: tzinfo) -> str:
    """A bucket's time as its format has it; ISO 8601 by itself."""
    if form in ("epoch_millis", "epoch_second"):
        return str(at_ms if form == "epoch_millis" else at_ms // 1000)
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    if form and "strict" not in form:
        return _java_format(at, form.partition("||")[0])
    if zone is UTC:
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
    return at.isoformat(timespec="milliseconds")


_OFFSET = "X" * 3
_LETTERS = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "EEE": "%a",
    "MMM": "%b",
    "Z": "%z",
    "hh": "%I",
    "a": "%p",
}


def _java_format(at: datetime, form: str) -> str:
    def one(found: re.Match[str]) -> str:
        text = found.group()
        if text.startswith("'"):
            return text[1:-1]
        if text.startswith("S"):
            return f"{at.microsecond:06d}"[: len(text)]
        if text == _OFFSET:  # strftime writes the colon from Python 3.12 on
            offset = at.strftime("%z")
            return f"{offset[:3]}:{offset[3:5]}" if offset else ""
        return at.strftime(_LETTERS[text]) if text in _LETTERS else text

    return re.sub(r"'[^']*'|([a-zA-Z])\1*", one, form)


def _numbers(agg: Aggregation, keys: list[tuple[Key, int]], make: Make) -> Bucket:
    least, step = agg.body.get("min_doc_count", 0), _step(agg)
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
        given = agg.body.get("filters", {})
        names = [str(n) for n in (range(len(given)) if isinstance(given, list) else given)]
        if agg.body.get("other_bucket"):
            names.append(_other(agg))
        if isinstance(given, list):
            return {"buckets": [make(name) for name in names]}
        return {"buckets": {name: make(name) for name in names}}
    buckets = []
    for name, low, high in ranges(agg, now_ns):
        ends = {"from": low} if low is not None else {}
        ends |= {"to": high} if high is not None else {}
        buckets.append({"key": name, **ends, **make(name)})
    if agg.body.get("keyed"):
        return {"buckets": {str(one.pop("key")): one for one in buckets}}
    return {"buckets": buckets}
