"""How is LogQL read? https://grafana.com/docs/loki/latest/query/

What stands around range aggregations is PromQL, and is read by its parser.
"""

from __future__ import annotations

import re

from tocsin.kit.fault import Rejected
from tocsin.model.labels import Matcher, MatchOp
from tocsin.query.logql import ast
from tocsin.query.logql.faults import LogqlError, at
from tocsin.query.logql.pipeline import Cursor, selector, stages
from tocsin.query.promql.durations import parse_duration

LONGEST = 128 * 1024
LEAF = "logql:"
RANGE_OPS = frozenset(
    (
        *("rate", "rate_counter", "count_over_time", "bytes_rate", "bytes_over_time"),
        *("absent_over_time", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time"),
        *("first_over_time", "last_over_time", "stddev_over_time", "stdvar_over_time"),
        "quantile_over_time",
    )
)
UNWRAPPED = frozenset(
    (
        *("rate_counter", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time"),
        *("first_over_time", "last_over_time", "stddev_over_time", "stdvar_over_time"),
        "quantile_over_time",
    )
)
_PIECE = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)*')"""
    r"|(?P<word>[a-zA-Z_]\w*)|(?P<open>[\"'`])|(?P<other>.)",
    re.DOTALL,
)


def parse(text: str) -> ast.LogQuery | ast.MetricQuery:
    """A query for lines, or one for series. Raises LogqlError with the place of a mistake."""
    if len(text) > LONGEST:
        raise LogqlError(f"the query has {len(text)} characters; {LONGEST} are the most")
    stripped = re.sub(r"^(?:\s|\#[^\n]*\n)*", "", text)
    if not stripped:
        raise at(text, len(text), "syntax error: unexpected $end")
    if stripped.lstrip("( \t\n").startswith("{"):
        return parse_lines(text)
    return _metric(text)


def parse_lines(text: str) -> ast.LogQuery:
    """A query for lines."""
    cursor = Cursor(text)
    depth = 0
    while cursor.sign("("):
        depth += 1
    found = _lines(cursor)
    for _ in range(depth):
        cursor.need(")")
    cursor.end()
    return found


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a stream selector alone."""
    cursor = Cursor(text)
    found = selector(cursor)
    cursor.end()
    return found


def _lines(cursor: Cursor) -> ast.LogQuery:
    return ast.LogQuery(_selected(cursor), stages(cursor))


def _selected(cursor: Cursor) -> tuple[Matcher, ...]:
    place = cursor.at
    found = selector(cursor)
    if not any(not one.matches("") for one in found):
        raise at(
            cursor.text,
            place,
            "queries require at least one regexp or equality matcher that does not have an "
            'empty-compatible value. For instance, app=~".*" does not meet this requirement, '
            'but app=~".+" will',
        )
    return found


def _metric(text: str) -> ast.MetricQuery:
    pieces: list[str] = []
    leaves: list[ast.RangeOf] = []
    place = 0
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None:
            raise at(text, place, "syntax error: unexpected character")
        if found["word"] in RANGE_OPS and _opens(text, found.end()):
            cursor = Cursor(text, place)
            pieces.append(f' {{__name__="{LEAF}{len(leaves)}"}} ')
            leaves.append(_range_of(cursor))
            place = cursor.at
            continue
        if found["open"]:
            raise at(text, place, "syntax error: literal not terminated")
        if found["other"] == "{":
            raise at(text, place, "syntax error: unexpected {, expecting a function over a range")
        pieces.append("" if found["comment"] else found.group())
        place = found.end()
    return ast.MetricQuery("".join(pieces), tuple(leaves))


def _opens(text: str, place: int) -> bool:
    return text[place:].lstrip().startswith("(")


def _range_of(cursor: Cursor) -> ast.RangeOf:
    start = cursor.at
    op = cursor.word() or ""
    cursor.need("(")
    param = 0.0
    if op == "quantile_over_time":
        param = cursor.number()
        cursor.need(",")
    matchers = _inner(cursor)
    lines, range_ms, offset_ms = matchers
    cursor.need(")")
    grouping, without = _grouping(cursor)
    unwrap = lines.unwrap
    if unwrap is None and op in UNWRAPPED:
        raise at(cursor.text, start, f"invalid aggregation {op} without unwrap")
    if unwrap is not None and op not in UNWRAPPED and op not in ("rate", "absent_over_time"):
        raise at(cursor.text, start, f"invalid aggregation {op} with unwrap")
    if grouping is not None and unwrap is None:
        raise at(cursor.text, start, f"grouping not allowed for {op} aggregation")
    return ast.RangeOf(op, lines, range_ms, offset_ms, param, grouping, without)


def _inner(cursor: Cursor) -> tuple[ast.LogQuery, int, int]:
    """Lines with their range, which may stand before the pipeline or behind it."""
    depth = 0
    while cursor.sign("("):
        depth += 1
    matchers = _selected(cursor)
    before = stages(cursor)
    while depth and cursor.sign(")"):
        depth -= 1
    if not cursor.sees("["):
        raise cursor.unexpected("expecting a range such as [5m]")
    range_ms = _range(cursor)
    offset_ms = _offset(cursor)
    behind = stages(cursor)
    offset_ms = offset_ms or _offset(cursor)
    for _ in range(depth):
        cursor.need(")")
    return ast.LogQuery(matchers, (*before, *behind)), range_ms, offset_ms


def _range(cursor: Cursor) -> int:
    place = cursor.at
    cursor.need("[")
    end = cursor.text.find("]", cursor.at)
    if end < 0:
        raise at(cursor.text, place, "missing closing ']' in duration")
    found = _duration(cursor, cursor.text[cursor.at : end].strip())
    cursor.at = end + 1
    if found <= 0:
        raise at(cursor.text, place, "a range must be longer than nothing")
    return found


def _offset(cursor: Cursor) -> int:
    if not cursor.keyword("offset"):
        return 0
    cursor.skip()
    found = re.compile(r"-?[0-9a-zµ.]+").match(cursor.text, cursor.at)
    if found is None:
        raise cursor.unexpected("expecting a duration")
    cursor.at = found.end()
    text = found.group()
    size = _duration(cursor, text.lstrip("-"))
    return -size if text.startswith("-") else size


def _duration(cursor: Cursor, text: str) -> int:
    try:
        return parse_duration(text)
    except Rejected as error:
        raise at(cursor.text, cursor.at, str(error)) from error


def _grouping(cursor: Cursor) -> tuple[tuple[str, ...] | None, bool]:
    without = cursor.keyword("without")
    if not without and not cursor.keyword("by"):
        return None, False
    cursor.need("(")
    names: list[str] = []
    while not cursor.sign(")"):
        names.append(cursor.name())
        if not cursor.sees(")"):
            cursor.need(",")
    return tuple(names), without


__all__ = ["LEAF", "RANGE_OPS", "MatchOp", "parse", "parse_lines", "parse_selector"]
