"""Which fields are there, for tools that offer them: `_field_caps` and `_mapping`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tocsin.query.elastic.search import of_index
from tocsin.query.logs.search import LogSearch, Value

_OWN = {
    "@timestamp": "date",
    "message": "text",
    "level": "keyword",
    "severity": "keyword",
    "service": "keyword",
    "host": "keyword",
    "environment": "keyword",
    "trace_id": "keyword",
    "span_id": "keyword",
    "user_id": "keyword",
    "_id": "_id",
    "_index": "_index",
    "_source": "_source",
}
_NUMERIC = 0.999
_MOST = 1000

Fields = Mapping[str, str]
"""The kind of each field."""


async def field_caps(search: LogSearch, index: str) -> Fields:
    """The fields of the newest lines; those whose values are all numbers are numbers."""
    sql = (
        "SELECT name, toInt64(if(countIf(toFloat64OrNull(value) IS NOT NULL)"
        f" >= count() * {_NUMERIC}, 1, 0)) FROM (SELECT mapKeys(attributes) AS names,"
        f" mapValues(attributes) AS texts FROM logs WHERE 1{of_index(index)} LIMIT 50000)"
        f" ARRAY JOIN names AS name, texts AS value GROUP BY name ORDER BY name LIMIT {_MOST}"
    )
    found = await search.ask(sql, Value)
    return {**_OWN, **{one.value: "double" if one.lines else "text" for one in found}}


def chosen(fields: Fields, patterns: Sequence[str], index: str) -> dict[str, Any]:
    """The answer of `_field_caps` for names with `*`."""
    shown: dict[str, Any] = {}
    for name, kind in fields.items():
        if not any(fnmatchcase(name, one) for one in patterns):
            continue
        is_own = name.startswith("_")
        shown[name] = {kind: _cap(kind, is_own=is_own, aggregatable=kind != "text")}
        if kind == "text":
            shown[f"{name}.keyword"] = {"keyword": _cap("keyword", is_own=False, aggregatable=True)}
    return {"indices": [index or "logs"], "fields": shown}


def _cap(kind: str, *, is_own: bool, aggregatable: bool) -> dict[str, Any]:
    return {
        "type": kind,
        "metadata_field": is_own,
        "searchable": True,
        "aggregatable": aggregatable and not is_own,
    }


async def mappings(search: LogSearch, index: str) -> dict[str, Any]:
    """The answer of `_mapping`, for every index that a name stands for."""
    sql = f"SELECT DISTINCT source FROM logs WHERE 1{of_index(index)} ORDER BY source LIMIT 100"
    indices = [str(row[0]) or "logs" for row in await search.ask(sql, list)]
    properties: dict[str, Any] = {}
    for name, kind in (await field_caps(search, index)).items():
        if not name.startswith("_"):
            _put(properties, name.split("."), _mapped(kind))
    return {one: {"mappings": {"properties": properties}} for one in indices or [index]}


def _mapped(kind: str) -> dict[str, Any]:
    if kind == "text":
        return {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
    return {"type": kind}


def _put(properties: dict[str, Any], path: Sequence[str], mapped: dict[str, Any]) -> None:
    for part in path[:-1]:
        properties = properties.setdefault(part, {}).setdefault("properties", {})
    properties.setdefault(path[-1], {}).update(mapped)
