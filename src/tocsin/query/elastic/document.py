"""What does a hit show of a line: the document as it came, or the fields that are asked for?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from tocsin.model.logs import level_name
from tocsin.query.elastic import option
from tocsin.query.elastic.order import Order
from tocsin.query.logs.search import Line

Json = dict[str, Any]  # documents of strangers
INDEX = "logs"


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts of documents are shown."""

    with_source: bool
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    """Patterns of names and formats, for `fields` and `docvalue_fields`."""


def shape_of(body: Json) -> Shape:
    """What a request wants to see."""
    given = body.get("_source", True)
    fields = tuple(
        (option.text(one, "field"), option.text(one, "format"))
        if isinstance(one, dict)
        else (option.scalar(one, name), "")
        for name in ("fields", "docvalue_fields")
        for one in option.listed(body, name)
    )
    if isinstance(given, dict):
        return Shape(
            with_source=True,
            included=_names(given, "includes") or _names(given, "include"),
            excluded=_names(given, "excludes") or _names(given, "exclude"),
            fields=fields,
        )
    included = () if given in (True, False, "true", "false", None) else _names(body, "_source")
    return Shape(given not in (False, "false"), included, (), fields)


def _names(given: Json, name: str) -> tuple[str, ...]:
    found = option.texts(given, name)
    return tuple(found[0].split(",")) if isinstance(given.get(name), str) else tuple(found)


def hit(line: Line, shape: Shape, orders: Sequence[Order]) -> Json:
    """One hit."""
    found: Json = {
        "_index": line.source or INDEX,
        "_id": line.attributes.get("_id", line.id),
        "_score": None if orders else 1.0,
    }
    whole = source(line)
    if shape.with_source:
        found["_source"] = narrowed(whole, shape.included, shape.excluded)
    if shape.fields:
        found["fields"] = _fields(line, whole, shape.fields)
    if orders:
        found["sort"] = [one.value(line) for one in orders]
    return found


def source(line: Line) -> Json:
    """The document as it came; of other lines one made of their parts."""
    for text in (line.original, line.body):
        if text.startswith("{") and text.endswith("}"):
            try:
                found = msgspec.json.decode(text, type=dict[str, Any])
            except (msgspec.MsgspecError, RecursionError):
                continue
            # Of what has no time of its own, tools want to know when it came.
            return found if "@timestamp" in found else {"@timestamp": time(line.ts_ns), **found}
    parts: Json = {"@timestamp": time(line.ts_ns), "message": line.body}
    if line.level:
        parts["level"] = level_name(line.level)
    names = ("severity", "service", "host", "environment", "trace_id", "span_id", "user_id")
    parts |= {name: value for name in names if (value := getattr(line, name))}
    return parts | line.attributes


def time(ts_ns: int) -> str:
    """ISO 8601 with milliseconds, or as many digits as are needed."""
    at = datetime.fromtimestamp(ts_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{ts_ns % 10**9:09d}"
    return f"{at}.{fraction[:3] if fraction.endswith('000000') else fraction}Z"


def narrowed(content: Json, included: Sequence[str], excluded: Sequence[str]) -> Json:
    """The parts of a document that `_source` names."""
    if not included and not excluded:
        return content
    return _narrowed(content, "", included, excluded)


def _narrowed(content: Json, prefix: str, included: Sequence[str], excluded: Sequence[str]) -> Json:
    found: Json = {}
    for name, value in content.items():
        path = prefix + name
        if any(_covers(one, path) for one in excluded):
            continue
        if not included or any(_covers(one, path) for one in included):
            inner = _narrowed(value, f"{path}.", (), excluded) if isinstance(value, dict) else value
            found[name] = inner
        elif isinstance(value, dict):
            inner = _narrowed(value, f"{path}.", included, excluded)
            if inner:
                found[name] = inner
    return found


def _covers(pattern: str, path: str) -> bool:
    return fnmatchcase(path, pattern) or path.startswith(pattern + ".")


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its dotted name."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _fields(line: Line, whole: Json, wanted: Sequence[tuple[str, str]]) -> Json:
    known = dict(flat(whole))
    found: Json = {}
    for pattern, form in wanted:
        for name, value in known.items():
            bare = pattern.removesuffix(".keyword")
            if not fnmatchcase(name, bare):
                continue
            if name == "@timestamp" and form in ("epoch_millis", "epoch_second"):
                value = str(line.ts_ns // (10**6 if form == "epoch_millis" else 10**9))
            shown = name + ".keyword" if pattern.endswith(".keyword") else name
            found[shown] = value if isinstance(value, list) else [value]
    return found
