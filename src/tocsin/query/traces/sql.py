"""How does a question about spans become a condition in ClickHouse's SQL?

The language is that of logs (`query.logs.parse`), asked about spans: a bare word is looked for in
what a span says of itself, whatever the case.
"""

from __future__ import annotations

from collections.abc import Callable

from tocsin.kit.fault import Rejected
from tocsin.query.logs.ast import (
    Compare,
    Field,
    Has,
    Ids,
    Leaf,
    Query,
    Range,
    Regex,
    Wildcard,
    Words,
)
from tocsin.query.logs.fields import number_of
from tocsin.query.logs.joined import SIGNS, ends_of, joined
from tocsin.query.logs.sql import wildcard_pattern
from tocsin.query.logs.times import moment
from tocsin.query.traces.answers import ERROR, TraceAsked
from tocsin.query.traces.fields import (
    Part,
    duration_ns,
    is_yes,
    kind_of,
    names_of,
    place_of,
    status_of,
    trace_id_of,
)
from tocsin.store.literal import literal

_EVENTS = "JSONExtract(events, 'Array(Tuple(name String, attributes Map(String, String)))')"
_TEXTS = ("name", "service", "status_message", "events")
_NUMBERS = (Part.KIND, Part.STATUS, Part.FAILED, Part.ROOT, Part.DURATION, Part.TIME)
_LAST_NS = (1 << 63) - 1
_LONGEST = 150_000
"""Characters of a condition: one of a million keeps the store busy for ten seconds before it is
refused there."""
Test = Callable[[str], str]


def condition(query: Query, now_ns: int) -> str:
    """A condition over the columns of `spans`, true or false for each span, never null.

    Raises Rejected for a value that the field cannot have.
    """
    return joined(query, lambda leaf: _leaf(leaf, now_ns))


def asked_condition(asked: TraceAsked, query: Query, now_ns: int) -> str:
    """All that is asked of a span but when it began; `query` is the question's tree."""
    parts = []
    if asked.service:
        parts.append(f"service = {literal(asked.service)}")
    if asked.operation:
        parts.append(f"name = {literal(asked.operation)}")
    if asked.environment:
        parts.append(f"environment = {literal(asked.environment)}")
    if asked.kind is not None:
        parts.append(f"kind = {asked.kind}")
    if asked.min_duration_ns > 0:
        parts.append(f"duration_ns >= {asked.min_duration_ns}")
    if asked.max_duration_ns > 0:
        parts.append(f"duration_ns <= {asked.max_duration_ns}")
    if asked.is_error is not None:
        parts.append(f"status {'=' if asked.is_error else '!='} {ERROR}")
    for name, value in asked.tags.items():
        parts.append(_field(Field(name, Compare.EXACT, value), now_ns))
    parts += [condition(one, now_ns) for one in (query, asked.query) if one is not None]
    kept = [part for part in parts if part != "1"]
    return bounded(" AND ".join(kept)) if kept else "1"


def bounded(condition: str) -> str:
    """The condition; raises Rejected for one that the store would chew on for long."""
    if len(condition) > _LONGEST:
        raise Rejected("the question asks for too many things at once; leave some of them out")
    return condition


def within(from_ns: int, until_ns: int) -> str:
    """That a span began in the range, in SQL; what no span's time can be is its last or first."""
    return f"ts >= {_time(from_ns)} AND ts < {_time(until_ns)}"


def _time(ns: int) -> str:
    # The store would take a larger number for a time long ago.
    return f"fromUnixTimestamp64Nano({min(max(ns, 0), _LAST_NS)}, 'UTC')"


def text_of(field: str) -> str:
    """A field of a span as text, empty when there is none, in SQL."""
    part, name = place_of(field)
    match part:
        case Part.COLUMN | Part.TRACE:
            return name
        case Part.KIND | Part.STATUS:
            return f"toString({name})"
        case Part.ATTRIBUTE | Part.OF_SPAN | Part.OF_RESOURCE:
            found = [f"{of}[{literal(one)}]" for of in _maps(part) for one in names_of(name)]
            return _first(found)
    raise Rejected(f"{field} has no frequent values")


def _first(texts: list[str]) -> str:
    """The first text that is not empty."""
    *before, found = texts
    for text in reversed(before):
        found = f"if({text} != '', {text}, {found})"
    return found


def _leaf(query: Leaf, now_ns: int) -> str:
    match query:
        case Ids():
            raise Rejected("spans are asked for by trace_id and span_id")
        case Words(text):
            return _words(text)
        case Has(field):
            return _has(field)
        case Wildcard(field, pattern):
            return _matches(field, wildcard_pattern(pattern, in_text=not field))
        case Regex(field, pattern):
            return _matches(field, pattern)
        case Range():
            return _range(query, now_ns)
        case Field():
            return _field(query, now_ns)


def _words(text: str) -> str:
    """Anywhere in what a span says of itself."""
    return _anywhere(lambda column: f"positionCaseInsensitive({column}, {literal(text)}) > 0")


def _anywhere(test: Test) -> str:
    ways = [test(column) for column in _TEXTS]
    ways.append(f"arrayExists(v -> {test('v')}, mapValues(attributes))")
    return f"({' OR '.join(ways)})"


def _has(field: str) -> str:
    part, name = place_of(field)
    match part:
        case Part.DURATION | Part.TIME | Part.TRACE:
            return "1"
        case Part.KIND | Part.STATUS:
            return f"{name} > 0"
        case Part.FAILED:
            return f"status = {ERROR}"
        case Part.ROOT:
            return "parent_id = ''"
        case Part.COLUMN:
            return f"{name} != ''"
        case Part.EVENT:
            return f"notEmpty({_EVENTS})"
    return _tested(part, name, lambda text: "1")


def _matches(field: str, pattern: str) -> str:
    if not field:
        return _anywhere(lambda column: f"match({column}, {literal(pattern)})")
    part, name = place_of(field)
    if part in _NUMBERS:
        raise Rejected(f"{field} is a number, a word of a few or a time, which no pattern matches")
    return _tested(part, name, lambda text: f"match({text}, {literal(pattern)})")


def _range(query: Range, now_ns: int) -> str:
    if not query.field:
        raise Rejected("a range needs a field: duration:[100ms TO 2s]")
    ends = [_field(end, now_ns) for end in ends_of(query)]
    return "(" + " AND ".join(ends) + ")" if ends else _has(query.field)


def _field(query: Field, now_ns: int) -> str:
    part, name = place_of(query.field)
    value, compare = query.value, query.compare
    if compare is Compare.DIFFERENT:
        return f"NOT ({_field(Field(query.field, Compare.EXACT, value), now_ns)})"
    sign = SIGNS.get(compare, "=")
    match part:
        case Part.DURATION:
            return f"duration_ns {sign} {duration_ns(value)}"
        case Part.TIME:
            return f"ts {sign} {_time(moment(value, now_ns))}"
        case Part.KIND:
            return f"kind = {kind_of(value)}"
        case Part.STATUS:
            return f"status = {status_of(value)}"
        case Part.FAILED:
            return f"status {'=' if is_yes(value) else '!='} {ERROR}"
        case Part.ROOT:
            return f"parent_id {'=' if is_yes(value) else '!='} ''"
        case Part.TRACE:
            return f"trace_id = {literal(trace_id_of(value))}"
    return _tested(part, name, lambda text: _compared(text, compare, value))


def _compared(text: str, compare: Compare, value: str) -> str:
    """Numbers by size, all else as texts; equal numbers may be written differently."""
    number = number_of(value)
    sign = SIGNS.get(compare, "=")
    if number is None:
        return f"{text} {sign} {literal(value)}"
    as_number = f"ifNull(toFloat64OrNull({text}) {sign} {number!r}, 0)"
    return as_number if compare in SIGNS else f"({text} = {literal(value)} OR {as_number})"


def _maps(part: Part) -> tuple[str, ...]:
    match part:
        case Part.OF_SPAN:
            return ("attributes",)
        case Part.OF_RESOURCE:
            return ("resource",)
        case Part.OF_EVENT:
            return ()
    return ("attributes", "resource")


def _tested(part: Part, name: str, test: Test) -> str:
    """That the part is there, and its text passes: what is not there has no value."""
    if part in (Part.COLUMN, Part.TRACE):
        return test(name)
    if part is Part.EVENT:
        return f"arrayExists(e -> {test('e.1')}, {_EVENTS})"
    ways = [
        f"(mapContains({of}, {literal(one)}) AND {test(f'{of}[{literal(one)}]')})"
        for of in _maps(part)
        for one in names_of(name)
    ]
    if part is Part.OF_EVENT or name.startswith("exception."):
        key = literal(name)
        ways.append(
            f"(position(events, {key}) > 0 AND"
            f" arrayExists(e -> mapContains(e.2, {key}) AND {test(f'e.2[{key}]')}, {_EVENTS}))"
        )
    return ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"
