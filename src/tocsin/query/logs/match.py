"""Does one line answer a question? The same as the SQL, for lines that have just come in."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tocsin.kit.fault import Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.model.logs import LogRecord
from tocsin.query.logs.ast import (
    All,
    AtLeast,
    Compare,
    Everything,
    Field,
    Has,
    Ids,
    Leaf,
    Not,
    Query,
    Range,
    Regex,
    Some,
    Wildcard,
    Words,
)
from tocsin.query.logs.fields import (
    LONGEST_PATTERN,
    Part,
    levels_of,
    names_of,
    number_of,
    place_of,
    spelled,
)
from tocsin.query.logs.joined import ends_of
from tocsin.query.logs.sql import lowered, tokens, wildcard_pattern
from tocsin.query.logs.times import moment

Test = Callable[[LogRecord], bool]

_Sign = Callable[[Any, Any], bool]  # numbers or texts, two of a kind
_COMPARE: dict[Compare, _Sign] = {
    Compare.GREATER: operator.gt,
    Compare.AT_LEAST: operator.ge,
    Compare.LESS: operator.lt,
    Compare.AT_MOST: operator.le,
}


def matcher(query: Query, now_ns: int) -> Test:
    """A test of single lines; raises Rejected as `sql.condition` does."""
    match query:
        case Everything():
            return lambda _line: True
        case Not(part):
            inner = matcher(part, now_ns)
            return lambda line: not inner(line)
        case All(parts) | Some(parts):
            tests = [matcher(part, now_ns) for part in parts]
            together = all if isinstance(query, All) else any
            return lambda line: together(test(line) for test in tests)
        case AtLeast(count, parts):
            some = [matcher(part, now_ns) for part in parts]
            return lambda line: sum(test(line) for test in some) >= count
    return _leaf(query, now_ns)


def _leaf(query: Leaf, now_ns: int) -> Test:
    match query:
        case Ids(ids):
            # A line that has just come in has no id of ours yet.
            return lambda line: line.attributes.get("_id", "") in ids
        case Words(text, _):
            test = _words(text)
            return lambda line: test(line.body)
        case Has(field):
            return _has(field)
        case Wildcard(field, pattern):
            in_text = not field or place_of(field)[0] is Part.BODY
            return _pattern(field, wildcard_pattern(pattern, in_text=in_text))
        case Regex(field, pattern):
            return _pattern(field, pattern)
        case Range():
            return _range(query, now_ns)
        case Field():
            return _field(query, now_ns)


def _words(text: str) -> Callable[[str], bool]:
    wanted, lower = set(tokens(text)), lowered(text)
    if not wanted:
        return lambda body: lower in lowered(body)

    def test(body: str) -> bool:
        own = lowered(body)
        return lower in own and wanted <= set(tokens(own))

    return test


def _has(field: str) -> Test:
    part, name = place_of(field)
    match part:
        case Part.BODY | Part.TIME:
            return lambda _line: True
        case Part.LEVEL:
            return lambda line: line.level > 0
        case Part.PATTERN:
            return lambda line: line.pattern > 0
        case Part.COLUMN:
            return lambda line: bool(getattr(line, name))
    names = names_of(name)
    return lambda line: any(one in line.attributes for one in names)


def _pattern(field: str, pattern: str) -> Test:
    part, name = place_of(field) if field else (Part.BODY, "body")
    search = compile_pattern(pattern).search
    if part in (Part.BODY, Part.COLUMN):
        column = "body" if part is Part.BODY else name
        return lambda line: search(getattr(line, column)) is not None
    if part is not Part.ATTRIBUTE:
        raise Rejected(f"{field} is a number or a time, which no pattern matches")
    return _any_value(name, lambda value: search(value) is not None)


def _field(query: Field, now_ns: int) -> Test:
    part, name = place_of(query.field)
    value, compare = query.value, query.compare
    if compare is Compare.DIFFERENT:
        same = _field(Field(query.field, Compare.EXACT, value), now_ns)
        return lambda line: not same(line)
    match part:
        case Part.LEVEL:
            return _level(compare, value)
        case Part.TIME:
            at, sign = moment(value, now_ns), _sign(compare)
            return lambda line: sign(line.ts_ns, at)
        case Part.PATTERN:
            if not value.isdecimal() or len(value) > LONGEST_PATTERN:
                raise Rejected(f"{value!r} is no pattern's number")
            number, sign = int(value), _sign(compare)
            return lambda line: sign(line.pattern, number)
        case Part.BODY:
            if compare is Compare.EXACT:
                return lambda line: line.body == value
            test = _words(value)
            return lambda line: test(line.body)
        case Part.COLUMN:
            if compare in _COMPARE:
                sign = _COMPARE[compare]
                return lambda line: bool(own := getattr(line, name)) and sign(own, value)
            known = spelled(name, value)
            return lambda line: getattr(line, name) in known
    return _any_value(name, _value(compare, value))


def _sign(compare: Compare) -> _Sign:
    return _COMPARE.get(compare, operator.eq)


def _value(compare: Compare, value: str) -> Callable[[str], bool]:
    number = number_of(value)
    if compare in _COMPARE:
        sign = _COMPARE[compare]
        if number is None:
            return lambda own: sign(own, value)
        return lambda own: (size := number_of(own)) is not None and sign(size, number)
    has_words = _words(value) if compare is not Compare.EXACT and tokens(value) else None

    def test(own: str) -> bool:
        if own == value or (number is not None and number_of(own) == number):
            return True
        return has_words is not None and has_words(own)

    return test


def _level(compare: Compare, word: str) -> Test:
    first, last = levels_of(word)
    match compare:
        case Compare.GREATER:
            return lambda line: line.level > last
        case Compare.AT_LEAST:
            return lambda line: line.level >= first
        case Compare.LESS:
            return lambda line: 0 < line.level < first
        case Compare.AT_MOST:
            return lambda line: 0 < line.level <= last
    return lambda line: first <= line.level <= last


def _range(query: Range, now_ns: int) -> Test:
    if not query.field:
        raise Rejected("a range needs a field: duration_ms:[100 TO 500]")
    ends = ends_of(query)
    return matcher(All(tuple(ends)), now_ns) if ends else _has(query.field)


def _any_value(attribute: str, test: Callable[[str], bool]) -> Test:
    names = names_of(attribute)

    def one(line: LogRecord) -> bool:
        values = (line.attributes[name] for name in names if name in line.attributes)
        return any(test(value) for value in values)

    return one
