"""What do `query_string` and `simple_query_string` ask for?

https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-simple-query-string-query
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tocsin.kit.fault import Rejected
from tocsin.query.elastic import option
from tocsin.query.elastic.faults import ElasticFault
from tocsin.query.logs.ast import (
    All,
    Compare,
    Everything,
    Field,
    Not,
    Query,
    Regex,
    Some,
    Wildcard,
    Words,
)
from tocsin.query.logs.parse import parse

_ANYWHERE = ("message", "*", "_all", "body", "msg")
_PIECE = re.compile(r'"[^"]*"?|\S+')


def query_string(body: Mapping[str, Any]) -> Query:  # a request's part
    """Lucene's syntax: words mean any of them unless `default_operator` is AND."""
    text = str(body["query"])
    any_word = option.text(body, "default_operator", "or").lower() != "and"
    try:
        found = parse(text, any_word=any_word)
    except Rejected as error:
        reason = f"Failed to parse query [{text[:500]}]: {error}"
        raise ElasticFault("query_shard_exception", reason) from error
    return _in_fields(found, _fields(body))


def simple_query_string(body: Mapping[str, Any]) -> Query:  # a request's part
    """Words, "phrases", `+` all of them, `|` any, `-` none, `prefix*`; never wrong."""
    both = option.text(body, "default_operator", "or").lower() == "and"
    some: list[Query] = []
    every: list[Query] = []
    joins_all = both
    for piece in _PIECE.findall(str(body["query"]).replace("(", " ").replace(")", " ")):
        if piece in ("+", "|"):
            if piece == "+" and some and not both:
                every.append(some.pop())
            joins_all = piece == "+"
            continue
        word = piece.lstrip("+-|")
        if not word.strip('"'):
            continue
        found: Query
        if word.startswith('"'):
            found = Words(word.strip('"'), is_phrase=True)
        elif word.endswith("*"):
            found = Wildcard("", word.replace("\\", "\\\\"))
        else:
            found = Words(word)
        if piece.startswith("-"):
            every.append(Not(found))
        elif joins_all or piece.startswith("+"):
            every.append(found)
        else:
            some.append(found)
        joins_all = both
    parts = [*every, *([some[0] if len(some) == 1 else Some(tuple(some))] if some else [])]
    whole: Query = Everything() if not parts else parts[0] if len(parts) == 1 else All(tuple(parts))
    return _in_fields(whole, _fields(body))


def _fields(body: Mapping[str, Any]) -> tuple[str, ...]:  # a request's part
    given = option.texts(body, "fields") or [option.text(body, "default_field", "*")]
    names = tuple(one.partition("^")[0] for one in given)
    return () if any(one in _ANYWHERE or "*" in one for one in names) else names


def _in_fields(query: Query, fields: tuple[str, ...]) -> Query:
    """The question with what names no field asked of these fields."""
    if not fields:
        return query
    match query:
        case Not(part):
            return Not(_in_fields(part, fields))
        case All(parts):
            return All(tuple(_in_fields(part, fields) for part in parts))
        case Some(parts):
            return Some(tuple(_in_fields(part, fields) for part in parts))
        case Words(text, _):
            return Some(tuple(Field(name, Compare.EQUAL, text) for name in fields))
        case Wildcard("", pattern):
            return Some(tuple(Wildcard(name, pattern) for name in fields))
        case Regex("", pattern):
            return Some(tuple(Regex(name, pattern) for name in fields))
    return query
