"""Which range of time can the lines lie in that a question asks for?"""

from __future__ import annotations

from tocsin.query.logs.ast import All, Compare, Field, Query, Range
from tocsin.query.logs.fields import Part, place_of
from tocsin.query.logs.times import EARLIEST_NS, LATEST_NS, moment


def bounds(query: Query, now_ns: int) -> tuple[int, int]:
    """The first nanosecond and the one behind the last, of what every line must fulfil."""
    if isinstance(query, All):
        ends = [bounds(part, now_ns) for part in query.parts]
        return max(low for low, _ in ends), min(high for _, high in ends)
    if isinstance(query, Field) and place_of(query.field)[0] is Part.TIME:
        return _of_field(query, now_ns)
    if isinstance(query, Range) and query.field and place_of(query.field)[0] is Part.TIME:
        low = EARLIEST_NS if query.low == "*" else moment(query.low, now_ns)
        high = LATEST_NS if query.high == "*" else moment(query.high, now_ns) + 1
        return low, high
    return EARLIEST_NS, LATEST_NS


def _of_field(query: Field, now_ns: int) -> tuple[int, int]:
    at = moment(query.value, now_ns)
    match query.compare:
        case Compare.GREATER | Compare.AT_LEAST:
            return at, LATEST_NS
        case Compare.LESS | Compare.AT_MOST:
            return EARLIEST_NS, at + 1
        case Compare.DIFFERENT:
            return EARLIEST_NS, LATEST_NS
    return at, at + 1
