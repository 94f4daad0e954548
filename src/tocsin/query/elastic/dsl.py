"""What does a query of Elasticsearch's DSL ask of lines?

https://www.elastic.co/docs/reference/query-languages/querydsl
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.query.elastic import option
from tocsin.query.elastic.dates import moment_ns, zone_of
from tocsin.query.elastic.faults import ElasticFault, parsing
from tocsin.query.elastic.text import query_string, simple_query_string
from tocsin.query.logs.ast import (
    All,
    AtLeast,
    Compare,
    Everything,
    Field,
    Has,
    Ids,
    Not,
    Query,
    Regex,
    Some,
    Wildcard,
    Words,
)
from tocsin.query.logs.fields import LONGEST_PATTERN, Part, levels_of, place_of

Json = dict[str, Any]  # a request of somebody else's, each part is checked where it is read
NOTHING: Query = Not(Everything())
DEEPEST = 30
_MOST_CLAUSES = 1024
_ENDS = {
    "gt": Compare.GREATER,
    "gte": Compare.AT_LEAST,
    "lt": Compare.LESS,
    "lte": Compare.AT_MOST,
}


def query_of(content: object, now_ns: int, depth: int = 0) -> Query:
    """The question. Raises ElasticFault in Elasticsearch's words."""
    if depth > DEEPEST:
        raise parsing(f"The nested depth of the query exceeds the maximum of [{DEEPEST}]")
    if not isinstance(content, dict):
        raise parsing("[query] malformed, no start_object after query name")
    if not content:
        raise ElasticFault("illegal_argument_exception", "query malformed, empty clause found")
    if len(content) > 1:
        first = next(iter(content))
        raise parsing(f"[{first}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
    ((kind, body),) = content.items()
    if kind in _COMPOUND:
        return _COMPOUND[kind](_object(body, kind), now_ns, depth + 1)
    if kind in _LEAVES:
        return _LEAVES[kind](_object(body, kind), now_ns)
    raise parsing(f"unknown query [{str(kind)[:100]}]")


def _object(body: object, kind: str) -> Json:
    if not isinstance(body, dict):
        raise parsing(f"[{kind}] query malformed, no start_object after query name")
    return body


def _bool(body: Json, now_ns: int, depth: int) -> Query:
    known = {"must", "filter", "should", "must_not", "minimum_should_match", "boost", "_name"}
    known.add("adjust_pure_negative")
    for name in body:
        if name not in known:
            raise parsing(f"[bool] query does not support [{name[:100]}]")
    parts = [*_clauses(body, "must", now_ns, depth), *_clauses(body, "filter", now_ns, depth)]
    should = _clauses(body, "should", now_ns, depth)
    least = _minimum(body.get("minimum_should_match"), len(should), 0 if parts else 1)
    if should and least:
        parts.append(_of_them(should, least))
    parts += [Not(one) for one in _clauses(body, "must_not", now_ns, depth)]
    return _all(parts)


def _of_them(parts: list[Query], least: int) -> Query:
    if least > len(parts):
        return NOTHING
    if least == 1:
        return parts[0] if len(parts) == 1 else Some(tuple(parts))
    return All(tuple(parts)) if least == len(parts) else AtLeast(least, tuple(parts))


def _all(parts: list[Query]) -> Query:
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _clauses(body: Json, name: str, now_ns: int, depth: int) -> list[Query]:
    given = body.get(name, [])
    listed = given if isinstance(given, list) else [given]
    if len(listed) > _MOST_CLAUSES:
        raise ElasticFault("too_many_clauses", f"maxClauseCount is set to {_MOST_CLAUSES}")
    return [query_of(one, now_ns, depth) for one in listed]


def _minimum(given: object, count: int, default: int) -> int:
    """How many of `count` must match: 2, "75%", -1."""
    if given is None:
        return default
    text = str(given).strip()
    try:
        if text.endswith("%"):
            share = int(text[:-1])
            return count * share // 100 if share >= 0 else count - count * -share // 100
        wanted = int(text)
    except ValueError as error:
        raise parsing(f"[minimum_should_match] cannot be [{text[:40]}]") from error
    return max(0, wanted if wanted >= 0 else count + wanted)


def _inner(name: str) -> Callable[[Json, int, int], Query]:
    def read(body: Json, now_ns: int, depth: int) -> Query:
        if name not in body:
            raise parsing(f"requires '{name}' element")
        return query_of(body[name], now_ns, depth)

    return read


def _dis_max(body: Json, now_ns: int, depth: int) -> Query:
    parts = _clauses(body, "queries", now_ns, depth)
    if not parts:
        raise parsing("[dis_max] requires 'queries' field with at least one clause")
    return _of_them(parts, 1)


def _scored(body: Json, now_ns: int, depth: int) -> Query:
    return query_of(body["query"], now_ns, depth) if "query" in body else Everything()


def _one_field(body: Json, kind: str) -> tuple[str, Any]:  # any JSON
    named = [(name, value) for name, value in body.items() if name not in ("boost", "_name")]
    if len(named) != 1:
        raise parsing(f"[{kind}] query doesn't support multiple fields, or names none")
    return named[0]


def text_of(value: object) -> str:
    """A JSON value as attributes are kept. Raises ElasticFault for what is no single value."""
    return option.scalar(value, "value")


def exact(field: str, value: object) -> Query:
    """That a field has this very value; of the text, that this is a word of it."""
    text = text_of(value)
    part, _ = place_of(field)
    if field == "_id":
        return Ids((text,))
    if part is Part.BODY and not field.endswith(".keyword"):
        return Words(text)
    if part is Part.LEVEL:
        try:
            levels_of(text)
        except Rejected:
            return NOTHING
    if part is Part.PATTERN and not (text.isdecimal() and len(text) <= LONGEST_PATTERN):
        return NOTHING
    if part is Part.TIME:
        return Field(field, Compare.EXACT, str(moment_ns(value, 0)))
    return Field(field, Compare.EXACT, text)


def _term(body: Json, _now_ns: int) -> Query:
    field, given = _one_field(body, "term")
    options = given if isinstance(given, dict) else {"value": given}
    if "value" not in options or isinstance(options["value"], list | dict):
        raise parsing("[term] query requires one value")
    if option.flag(options, "case_insensitive"):
        return Regex(field, f"(?i)^{_quoted(text_of(options['value']))}$")
    return exact(field, options["value"])


def _terms(body: Json, _now_ns: int) -> Query:
    field, values = _one_field(body, "terms")
    if not isinstance(values, list):
        raise parsing("[terms] query does not support a lookup, give the values")
    return _of_them([exact(field, one) for one in values], 1) if values else NOTHING


def _match(body: Json, _now_ns: int) -> Query:
    field, given = _one_field(body, "match")
    options = given if isinstance(given, dict) else {"query": given}
    if "query" not in options:
        raise parsing("[match] requires query value")
    least = options.get("minimum_should_match")
    return matched(field, options["query"], option.text(options, "operator", "or"), least)


def matched(field: str, value: object, operator: str = "or", least: object = None) -> Query:
    """That a field has the words of a value, any of them or all."""
    words = text_of(value).split()
    part, _ = place_of(field)
    if part not in (Part.BODY, Part.ATTRIBUTE) or field.endswith(".keyword"):
        return exact(field, value)
    if not words:
        return NOTHING
    parts: list[Query] = [
        Words(word) if part is Part.BODY else Field(field, Compare.EQUAL, word) for word in words
    ]
    count = len(parts) if operator.lower() == "and" else _minimum(least, len(parts), 1)
    return _of_them(parts, max(1, count))


def _match_phrase(body: Json, _now_ns: int) -> Query:
    field, given = _one_field(body, "match_phrase")
    value = given.get("query", "") if isinstance(given, dict) else given
    return phrase(field, value)


def phrase(field: str, value: object) -> Query:
    """That a field has these words in this order."""
    part, _ = place_of(field)
    if part is Part.BODY:
        return Words(text_of(value), is_phrase=True)
    if part is Part.ATTRIBUTE:
        return Field(field, Compare.EQUAL, text_of(value))
    return exact(field, value)


def _match_phrase_prefix(body: Json, _now_ns: int) -> Query:
    field, given = _one_field(body, "match_phrase_prefix")
    value = text_of(given.get("query", "") if isinstance(given, dict) else given)
    head, _, last = value.rpartition(" ")
    parts: list[Query] = [phrase(field, head)] if head else []
    return _all([*parts, Wildcard(field, _star_escaped(last) + "*")])


def _multi_match(body: Json, _now_ns: int) -> Query:
    fields = option.texts(body, "fields") or ["message"]
    value = option.scalar(body.get("query"), "query")
    names = [one.partition("^")[0] for one in fields]
    names = ["message" if "*" in one else one for one in names]
    if option.text(body, "type").startswith("phrase"):
        return _of_them([phrase(name, value) for name in dict.fromkeys(names)], 1)
    operator = option.text(body, "operator", "or")
    return _of_them([matched(name, value, operator) for name in dict.fromkeys(names)], 1)


def _range(body: Json, now_ns: int) -> Query:
    field, ends = _one_field(body, "range")
    if not isinstance(ends, dict):
        raise parsing("[range] query malformed, no start_object after field name")
    part, _ = place_of(field)
    parts: list[Query] = []
    given = dict(ends)
    zone, form = zone_of(option.text(given, "time_zone")), option.text(given, "format")
    given.pop("time_zone", None)
    given.pop("format", None)
    for old, new, alone in (("from", "gte", "include_lower"), ("to", "lte", "include_upper")):
        if given.get(old) is not None:
            given[new if option.flag(given, alone, default=True) else new[:2]] = given[old]
        given.pop(old, None)
        given.pop(alone, None)
    for name, value in given.items():
        if name in ("boost", "relation", "_name") or value is None:
            continue
        if name not in _ENDS:
            raise parsing(f"[range] query does not support [{name[:100]}]")
        if part is Part.TIME:
            up = name in ("gt", "lte")
            end = str(moment_ns(value, now_ns, up=up, zone=zone, form=form))
        else:
            end = text_of(value)
        parts.append(Field(field, _ENDS[name], end))
    return _all(parts) if parts else Has(field)


def _exists(body: Json, _now_ns: int) -> Query:
    field = body.get("field")
    if not isinstance(field, str):
        raise parsing("[exists] must be provided with a [field]")
    return Everything() if field in ("_source", "_id", "_index") else Has(field)


def _value_of(body: Json, kind: str, *keys: str) -> tuple[str, str]:
    field, given = _one_field(body, kind)
    if isinstance(given, dict):
        given = next((given[key] for key in keys if key in given), None)
    if given is None:
        raise parsing(f"[{kind}] query requires a value")
    return field, text_of(given)


def _prefix(body: Json, _now_ns: int) -> Query:
    field, value = _value_of(body, "prefix", "value")
    return Wildcard(field, _star_escaped(value) + "*")


def _wildcard(body: Json, _now_ns: int) -> Query:
    field, value = _value_of(body, "wildcard", "value", "wildcard")
    return Wildcard(field, value)


def _regexp(body: Json, _now_ns: int) -> Query:
    field, value = _value_of(body, "regexp", "value")
    whole = (
        rf"(?:^|[^\pL\pN])(?:{value})(?:$|[^\pL\pN])"
        if place_of(field)[0] is Part.BODY and not field.endswith(".keyword")
        else f"^(?:{value})$"
    )
    try:
        compile_pattern(whole)
    except Rejected as error:
        raise ElasticFault("illegal_argument_exception", str(error)) from error
    return Regex(field, whole)


def _fuzzy(body: Json, _now_ns: int) -> Query:
    field, value = _value_of(body, "fuzzy", "value")
    return matched(field, value)


def _ids(body: Json, _now_ns: int) -> Query:
    values = option.texts(body, "values")
    return Ids(tuple(values)) if values else NOTHING


def _star_escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _quoted(text: str) -> str:
    return "".join(one if one.isalnum() or one in " _-" else "\\" + one for one in text)


def _text_query(read: Callable[[Mapping[str, Any]], Query]) -> Callable[[Json, int], Query]:
    def asked(body: Json, _now_ns: int) -> Query:
        if not isinstance(body.get("query"), str):
            raise parsing("[query_string] must be provided with a [query]")
        return read(body)

    return asked


_COMPOUND: Mapping[str, Callable[[Json, int, int], Query]] = {
    "bool": _bool,
    "constant_score": _inner("filter"),
    "nested": _inner("query"),
    "boosting": _inner("positive"),
    "function_score": _scored,
    "script_score": _scored,
    "dis_max": _dis_max,
}
_LEAVES: Mapping[str, Callable[[Json, int], Query]] = {
    "match_all": lambda _body, _now: Everything(),
    "match_none": lambda _body, _now: NOTHING,
    "query_string": _text_query(query_string),
    "simple_query_string": _text_query(simple_query_string),
    "term": _term,
    "terms": _terms,
    "match": _match,
    "match_phrase": _match_phrase,
    "match_phrase_prefix": _match_phrase_prefix,
    "match_bool_prefix": _match_phrase_prefix,
    "multi_match": _multi_match,
    "combined_fields": _multi_match,
    "range": _range,
    "exists": _exists,
    "prefix": _prefix,
    "wildcard": _wildcard,
    "regexp": _regexp,
    "fuzzy": _fuzzy,
    "ids": _ids,
}
