"""How does a question about lines become a condition in ClickHouse's SQL?"""

from __future__ import annotations

import re
from collections.abc import Callable
from string import ascii_lowercase, ascii_uppercase

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
from tocsin.query.logs.fields import (
    LONGEST_PATTERN,
    Part,
    levels_of,
    names_of,
    number_of,
    place_of,
    spelled,
)
from tocsin.query.logs.joined import SIGNS, ends_of, joined
from tocsin.query.logs.times import moment, time_sql
from tocsin.store.literal import literal

_TOKEN = re.compile(r"[^\x00-/:-@\[-`{-\x7f]+")
"""What the text index takes for a word: letters, digits, and everything beyond ASCII."""
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
LONGEST = 150_000
"""Characters: over conditions of a million the store is busy for half a minute and longer, before
it refuses them or looks at a line."""
_ID = re.compile(r"(\d{1,19})-(\d{1,20})-(\d{1,10})", re.ASCII)


def condition(query: Query, now_ns: int) -> str:
    """A condition over the columns of `logs`, true or false for each line, never null.

    Raises Rejected for a value that the field cannot have, and for a question that the store would
    chew on for long.
    """
    return bounded(joined(query, lambda leaf: _leaf(leaf, now_ns)))


def bounded(text: str) -> str:
    """A condition or a statement; raises Rejected for one of too many parts."""
    if len(text) > LONGEST:
        raise Rejected("the question asks for too many things at once; leave some of them out")
    return text


def _leaf(query: Leaf, now_ns: int) -> str:
    match query:
        case Ids(ids):
            return _ids(ids)
        case Words(text, _):
            return _words("body", text)
        case Has(field):
            return _has(field)
        case Wildcard(field, pattern):
            return _matches(field, wildcard_pattern(pattern, in_text=_is_text(field)))
        case Regex(field, pattern):
            return _matches(field, pattern)
        case Range():
            return _range(query, now_ns)
        case Field():
            return _field(query, now_ns)


def tokens(text: str) -> list[str]:
    """The words of a text as the index has them, in lower case."""
    return _TOKEN.findall(lowered(text))


def lowered(text: str) -> str:
    """In lower case as the engine has it: of the ASCII letters alone."""
    return text.translate(_LOWER)


def wildcard_pattern(pattern: str, *, in_text: bool) -> str:
    """An RE2 pattern: of a whole value, or of a word within a text, without regard to case."""
    pieces = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\" and at + 1 < len(pattern):
            at += 1
            pieces.append(re.escape(pattern[at]))
        elif sign == "*":
            pieces.append(r"\S*" if in_text else ".*")
        elif sign == "?":
            pieces.append(r"\S" if in_text else ".")
        else:
            pieces.append(re.escape(sign))
        at += 1
    body = "".join(pieces)
    return rf"(?is)(?:^|[^\pL\pN]){body}(?:$|[^\pL\pN])" if in_text else f"(?is)^(?:{body})$"


def _ids(ids: tuple[str, ...]) -> str:
    """Lines by their senders' ids, or by their times and places."""
    chosen = ", ".join(literal(one) for one in ids)
    ways = [f"attributes['_id'] IN ({chosen})"]
    for one in ids:
        if own := _ID.fullmatch(one):
            at, batch, number = own.groups()
            ways.append(
                f"(ts = {time_sql(int(at))} AND batch = {int(batch)} AND number = {int(number)})"
            )
    return "(" + " OR ".join(ways) + ")"


def _is_text(field: str) -> bool:
    return not field or place_of(field)[0] is Part.BODY


def _words(column: str, text: str) -> str:
    """All words as the index finds them, and where there is more to it, in this very order."""
    found = tokens(text)
    wanted = f"positionCaseInsensitive({column}, {literal(text)}) > 0"
    if not found:
        return wanted
    # The index is over lower(body): written otherwise it is not used, and case would matter.
    index = f"hasAllTokens(lower({column}), {literal(' '.join(found))})"
    return index if found == [lowered(text)] else f"({index} AND {wanted})"


def _has(field: str) -> str:
    part, name = place_of(field)
    match part:
        case Part.BODY | Part.TIME:
            return "1"
        case Part.LEVEL:
            return "level > 0"
        case Part.PATTERN:
            return "pattern > 0"
        case Part.COLUMN:
            return f"{name} != ''"
    return _any_name(name, lambda value, one: f"mapContains(attributes, {literal(one)})")


def _matches(field: str, pattern: str) -> str:
    part, name = place_of(field) if field else (Part.BODY, "body")
    if part in (Part.BODY, Part.COLUMN):
        column = "body" if part is Part.BODY else name
        return f"match({column}, {literal(pattern)})"
    if part is not Part.ATTRIBUTE:
        raise Rejected(f"{field} is a number or a time, which no pattern matches")
    return _any_name(name, lambda value, one: _present(one, f"match({value}, {literal(pattern)})"))


def _field(query: Field, now_ns: int) -> str:
    part, name = place_of(query.field)
    value, compare = query.value, query.compare
    if compare is Compare.DIFFERENT:
        same = Field(query.field, Compare.EXACT, value)
        return f"NOT ({_field(same, now_ns)})"
    if part is Part.LEVEL:
        return _level(compare, value)
    if part is Part.TIME:
        return f"ts {SIGNS.get(compare, '=')} {time_sql(moment(value, now_ns))}"
    if part is Part.PATTERN:
        if not value.isdecimal() or len(value) > LONGEST_PATTERN:
            raise Rejected(f"{value!r} is no pattern's number")
        return f"pattern {SIGNS.get(compare, '=')} {int(value)}"
    if part is Part.BODY:
        return f"body = {literal(value)}" if compare is Compare.EXACT else _words("body", value)
    if part is Part.COLUMN:
        if compare in SIGNS:
            return f"({name} != '' AND {name} {SIGNS[compare]} {literal(value)})"
        known = [f"{name} = {literal(one)}" for one in spelled(name, value)]
        return known[0] if len(known) == 1 else f"({' OR '.join(known)})"
    return _any_name(name, lambda text, one: _attribute(text, one, compare, value))


def _attribute(text: str, name: str, compare: Compare, value: str) -> str:
    number = number_of(value)
    if compare in SIGNS:
        sign = SIGNS[compare]
        if number is not None:
            return f"ifNull(toFloat64OrNull({text}) {sign} {number!r}, 0)"
        return _present(name, f"{text} {sign} {literal(value)}")
    same = f"{text} = {literal(value)}"
    if number is not None:
        same = f"({same} OR ifNull(toFloat64OrNull({text}) = {number!r}, 0))"
    if compare is Compare.EXACT or not tokens(value):
        return _present(name, same)
    return _present(name, f"({same} OR {_words(text, value)})")


def _level(compare: Compare, word: str) -> str:
    first, last = levels_of(word)
    match compare:
        case Compare.GREATER:
            return f"level > {last}"
        case Compare.AT_LEAST:
            return f"level >= {first}"
        case Compare.LESS:
            return f"(level > 0 AND level < {first})"
        case Compare.AT_MOST:
            return f"(level > 0 AND level <= {last})"
    return f"level BETWEEN {first} AND {last}"


def _range(query: Range, now_ns: int) -> str:
    if not query.field:
        raise Rejected("a range needs a field: duration_ms:[100 TO 500]")
    ends = [_field(end, now_ns) for end in ends_of(query)]
    return "(" + " AND ".join(ends) + ")" if ends else _has(query.field)


def _any_name(attribute: str, one: Callable[[str, str], str]) -> str:
    found = [one(f"attributes[{literal(name)}]", name) for name in names_of(attribute)]
    return found[0] if len(found) == 1 else "(" + " OR ".join(found) + ")"


def _present(name: str, also: str) -> str:
    """A field that is not there has no value, not the empty one."""
    return f"(mapContains(attributes, {literal(name)}) AND {also})"
