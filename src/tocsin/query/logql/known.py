"""Which labels, values, streams and fields are there? What Grafana's editors ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tocsin.model.labels import Matcher
from tocsin.query.logql.labels import (
    LINE,
    STREAM,
    label_sql,
    matcher_sql,
    safe_name,
)
from tocsin.query.logql.read import Shown
from tocsin.query.logql.units import bytes_of, seconds_of
from tocsin.query.logs.search import LogSearch, Span, Value, within

_MOST = 1_000
_SAMPLED = 50_000
_MOST_STREAMS = 5_000
_FEW = 100


def _where(span: Span, matchers: Sequence[Matcher]) -> str:
    return " AND ".join([within(span), *(f"({matcher_sql(one)})" for one in matchers)])


async def names(search: LogSearch, span: Span, matchers: Sequence[Matcher]) -> list[str]:
    """The names of labels that lines have, sorted."""
    sql = (
        "SELECT name, count() FROM (SELECT mapKeys(attributes) AS names FROM logs"
        f" WHERE {_where(span, matchers)} LIMIT {_SAMPLED}) ARRAY JOIN names AS name"
        f" GROUP BY name ORDER BY count() DESC LIMIT {_MOST}"
    )
    found = {safe_name(one.value) for one in await search.ask(sql, Value)}
    own = ", ".join(f"countIf({label_sql(name)} != '') > 0" for name in STREAM)
    rows: list[list[Any]] = await search.ask(
        f"SELECT {own} FROM logs WHERE {_where(span, matchers)}", list
    )
    has = rows[0] if rows else []
    found |= {name for name, there in zip(STREAM, has, strict=False) if there}
    return sorted(found)


async def values(
    search: LogSearch, span: Span, name: str, matchers: Sequence[Matcher]
) -> list[str]:
    """The values of a label, sorted."""
    sql = (
        f"SELECT {label_sql(name)} AS value, count() FROM logs WHERE {_where(span, matchers)}"
        f" GROUP BY value HAVING value != '' ORDER BY count() DESC LIMIT {_MOST}"
    )
    return sorted(one.value for one in await search.ask(sql, Value))


async def streams(
    search: LogSearch, span: Span, matchers: Sequence[Matcher]
) -> list[dict[str, str]]:
    """The label sets of streams: what is kept of every line, and what the selector names."""
    wanted = tuple(dict.fromkeys((*STREAM, *(one.name for one in matchers))))
    keys = ", ".join(f"{label_sql(name)} AS k{place}" for place, name in enumerate(wanted))
    rows: list[list[str]] = await search.ask(
        f"SELECT DISTINCT {keys} FROM logs WHERE {_where(span, matchers)} LIMIT {_MOST_STREAMS}",
        list,
    )
    return [{n: v for n, v in zip(wanted, row, strict=True) if v} for row in rows]


async def size(search: LogSearch, span: Span, matchers: Sequence[Matcher]) -> dict[str, int]:
    """How many streams, lines and bytes there are."""
    rows: list[list[int]] = await search.ask(
        f"SELECT uniq(service, level, source, host, environment), sum(weight),"
        f" sum(length({LINE}) * weight)"
        f" FROM logs WHERE {_where(span, matchers)}",
        list,
    )
    found, entries, total = rows[0]
    return {"streams": found, "chunks": found, "entries": entries, "bytes": total}


async def volume(
    search: LogSearch, span: Span, matchers: Sequence[Matcher], by: Sequence[str], limit: int
) -> list[tuple[dict[str, str], int]]:
    """Bytes by labels, the most first."""
    keys = [f"{label_sql(name)} AS k{place}" for place, name in enumerate(by)]
    group = ", ".join(f"k{place}" for place in range(len(by)))
    rows: list[list[Any]] = await search.ask(
        f"SELECT {', '.join([*keys, f'sum(length({LINE}) * weight) AS size'])} FROM logs"
        f" WHERE {_where(span, matchers)} GROUP BY {group} ORDER BY size DESC LIMIT {limit}",
        list,
    )
    return [
        ({n: str(v) for n, v in zip(by, row[:-1], strict=True) if v}, int(row[-1])) for row in rows
    ]


async def detected_labels(
    search: LogSearch, span: Span, matchers: Sequence[Matcher]
) -> list[tuple[str, int]]:
    """Labels with few values, and how many."""
    counts = ", ".join(f"uniq({label_sql(name)})" for name in STREAM)
    rows: list[list[int]] = await search.ask(
        f"SELECT {counts} FROM logs WHERE {_where(span, matchers)}", list
    )
    found = dict(zip(STREAM, rows[0], strict=True))
    sql = (
        "SELECT name, uniq(value) FROM (SELECT mapKeys(attributes) AS names,"
        f" mapValues(attributes) AS texts FROM logs WHERE {_where(span, matchers)}"
        f" LIMIT {_SAMPLED}) ARRAY JOIN names AS name, texts AS value GROUP BY name"
        f" HAVING uniq(value) <= {_FEW} ORDER BY name LIMIT {_MOST}"
    )
    found |= {safe_name(one.value): one.lines for one in await search.ask(sql, Value)}
    return [(name, count) for name, count in found.items() if count]


def detected_fields(found: Sequence[Shown]) -> list[dict[str, Any]]:
    """The labels of lines beside the streams' own, with their kinds."""
    texts: dict[str, set[str]] = {}
    parsers: dict[str, Counter[str]] = {}
    for one in found:
        for name, value in (one.metadata | one.parsed).items():
            texts.setdefault(name, set()).add(value)
            kind = "structuredMetadata" if name in one.metadata else "parsed"
            parsers.setdefault(name, Counter())[kind] += 1
    return [
        {
            "label": name,
            "type": _kind(some),
            "cardinality": len(some),
            "parsers": ["json"] if parsers[name]["parsed"] else None,
            "jsonPath": [name] if parsers[name]["parsed"] else None,
        }
        for name, some in sorted(texts.items())
    ]


def _kind(texts: set[str]) -> str:
    some = list(texts)[:50]
    if all(one.lstrip("-").isdecimal() for one in some):
        return "int"
    if all(_is_float(one) for one in some):
        return "float"
    if set(some) <= {"true", "false"}:
        return "boolean"
    if all(seconds_of(one) is not None for one in some):
        return "duration"
    return "bytes" if all(bytes_of(one) is not None for one in some) else "string"


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


async def patterns(
    search: LogSearch, span: Span, matchers: Sequence[Matcher], step_s: int
) -> list[dict[str, Any]]:
    """Templates with their counts by step, the most frequent first."""
    at = f"toInt64(intDiv(toUnixTimestamp(toDateTime(ts)), {step_s})) * {step_s}"
    sql = (
        f"SELECT toString(pattern) AS id, {at} AS at, sum(weight) FROM logs"
        f" WHERE {_where(span, matchers)} AND pattern != 0 AND pattern IN"
        f" (SELECT pattern FROM logs WHERE {_where(span, matchers)} AND pattern != 0"
        " GROUP BY pattern ORDER BY sum(weight) DESC LIMIT 300)"
        " GROUP BY id, at ORDER BY at LIMIT 200000"
    )
    rows: list[list[Any]] = await search.ask(sql, list)
    if not rows:
        return []
    ids = ", ".join(sorted({str(row[0]) for row in rows}))
    named: list[list[str]] = await search.ask(
        "SELECT toString(pattern) AS id, argMax(template, updated) FROM log_patterns"
        f" WHERE pattern IN ({ids}) GROUP BY log_patterns.pattern",
        list,
    )
    templates = dict(named)
    found: dict[str, list[list[int]]] = {}
    for one, at_s, count in rows:
        found.setdefault(str(one), []).append([int(at_s), int(count)])
    shown = [
        {"pattern": templates[one], "samples": samples}
        for one, samples in found.items()
        if one in templates
    ]
    return sorted(shown, key=lambda one: -sum(pair[1] for pair in one["samples"]))
