"""How does a log line look to programs?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from starlette.responses import Response

from tocsin.model.logs import level_name
from tocsin.model.shown_line import ShownLine
from tocsin.query.logs.search import Bucket, Line, Value


class Found(msgspec.Struct, frozen=True):
    """Lines, and the range that was searched, in nanoseconds."""

    lines: Sequence[ShownLine]
    from_ns: int
    to_ns: int


class Counted(msgspec.Struct, frozen=True):
    """How many lines there are."""

    count: int


class Bar(msgspec.Struct, frozen=True):
    """How many lines of a level began in the step from `start`, seconds since the epoch."""

    start: int
    level: str
    count: int


class Bars(msgspec.Struct, frozen=True):
    """A histogram; steps and levels without lines are left out."""

    step: int
    bars: list[Bar]


class Named(msgspec.Struct, frozen=True):
    """A value or a name, and how many lines or spans have it."""

    value: str
    count: int


class Names(msgspec.Struct, frozen=True):
    """Values or names, the most frequent first."""

    values: list[Named]


class Around(msgspec.Struct, frozen=True):
    """A line and its neighbours, all in order of time."""

    before: Sequence[ShownLine]
    line: ShownLine
    after: Sequence[ShownLine]


def answer(found: object) -> Response:
    """200 with JSON."""
    return Response(msgspec.json.encode(found), media_type="application/json")


def bars(step: int, buckets: Sequence[Bucket]) -> Bars:
    """A histogram with the levels by their names: what has one name is one bar."""
    sums: dict[tuple[int, str], int] = {}
    for one in buckets:
        key = one.start_s, level_name(one.level)
        sums[key] = sums.get(key, 0) + one.lines
    return Bars(step, [Bar(start, level, lines) for (start, level), lines in sums.items()])


def names(found: Sequence[Value]) -> Names:
    """Values with their counts."""
    return Names([Named(one.value, one.lines) for one in found])


def shown(line: Line) -> ShownLine:
    """A line for programs."""
    return ShownLine(
        time=time_text(line.ts_ns),
        message=line.body,
        level=level_name(line.level),
        id=line.id,
        severity=line.severity,
        service=line.service,
        host=line.host,
        environment=line.environment,
        source=line.source,
        trace_id=line.trace_id,
        span_id=line.span_id,
        user_id=line.user_id,
        pattern=line.pattern if line.pattern != "0" else "",
        attributes=line.attributes,
        original=line.original,
    )


def time_text(ts_ns: int) -> str:
    """RFC 3339 in UTC with all nine digits."""
    seconds, rest = divmod(ts_ns, 1_000_000_000)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}Z"
