"""What must be read before a query can be evaluated, and how far back?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.query.promql import ast
from tocsin.query.promql.matrix import Steps
from tocsin.query.promql.resolve import whole
from tocsin.query.promql.tree import children, unwrap

_NEAR = 0.5
"""Two reads of one selector become one when the gap between them is below this share of both."""


@dataclass(frozen=True, slots=True)
class Need:
    """Samples of one selector between two times (both included)."""

    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int

    def covers(self, start_ms: int, end_ms: int) -> bool:
        """Whether the read holds that range."""
        return self.start_ms <= start_ms and end_ms <= self.end_ms


@dataclass(frozen=True, slots=True)
class Context:
    """What a query's options say about reading."""

    lookback_ms: int
    subquery_step_ms: int


def needs(expr: ast.Expr, steps: Steps, context: Context) -> list[Need]:
    """The reads of a resolved query; the same selector over the same time only once."""
    by_selector: dict[tuple[Matcher, ...], list[Need]] = {}
    for need in _needs(expr, steps, context):
        by_selector.setdefault(need.matchers, []).append(need)
    return [need for group in by_selector.values() for need in _joined(group)]


def at_steps(selector: ast.VectorSelector, steps: Steps) -> Steps:
    """The times a selector looks at."""
    offset = whole(selector.offset)
    if selector.at_ms is not None:
        return Steps(selector.at_ms - offset, steps.step_ms, 1)
    return steps.shifted(-offset)


def subquery_ends(node: ast.Subquery, steps: Steps) -> Steps:
    """Where the windows of a subquery end."""
    offset = whole(node.offset)
    if node.at_ms is not None:
        return Steps(node.at_ms - offset, steps.step_ms, 1)
    return steps.shifted(-offset)


def subquery_steps(node: ast.Subquery, steps: Steps, default_ms: int) -> Steps:
    """The times at which a subquery's expression is evaluated: multiples of its own step."""
    ends = subquery_ends(node, steps)
    step = (node.step and whole(node.step)) or default_ms  # less than 1 ms is none, as in Go
    start = (ends.start_ms - whole(node.range)) // step * step + step
    return Steps(start, step, max(0, (ends.end_ms - start) // step + 1))


def reach(selector: ast.VectorSelector, range_ms: int, lookback_ms: int) -> tuple[int, int]:
    """How far before and after its time a selector reads; range_ms is 0 for instant vectors."""
    if selector.smoothed:
        return (range_ms or lookback_ms) + lookback_ms, lookback_ms
    if selector.anchored:
        return range_ms + lookback_ms, 0
    return range_ms or lookback_ms, 0


def info_matchers(call: ast.Call) -> tuple[Matcher, ...]:
    """What info() selects its info series by."""
    matchers: tuple[Matcher, ...] = ()
    if len(call.args) > 1:
        selector = unwrap(call.args[1])
        if isinstance(selector, ast.VectorSelector):
            matchers = selector.matchers
    named = [matcher.op for matcher in matchers if matcher.name == NAME]
    if not named:
        return (Matcher(NAME, MatchOp.EQUAL, "target_info"), *matchers)
    if MatchOp.EQUAL in named or MatchOp.REGEX in named:
        return matchers
    # Only said what it is not called: still an info metric by its name.
    return (Matcher(NAME, MatchOp.REGEX, ".+_info"), *matchers)


def info_steps(expr: ast.Expr, steps: Steps) -> Steps:
    """When info series are looked at: when the first selector of the expression is."""
    found = _reference(expr)
    if found is None:
        return steps
    at_ms, offset = found
    return steps.shifted(-offset) if at_ms is None else Steps(at_ms - offset, steps.step_ms, 1)


def _reference(expr: ast.Expr) -> tuple[int | None, int] | None:
    if isinstance(expr, ast.VectorSelector):
        return expr.at_ms, whole(expr.offset)
    for child in children(expr):
        found = _reference(child)
        if found is None:
            continue
        at_ms, offset = found
        if isinstance(expr, ast.Subquery) and at_ms is None:
            return expr.at_ms, offset + whole(expr.offset)
        return found
    return None


def _needs(expr: ast.Expr, steps: Steps, context: Context) -> Iterator[Need]:
    match expr:
        case ast.VectorSelector():
            yield _need(expr, steps, 0, context)
        case ast.MatrixSelector():
            yield _need(expr.selector, steps, whole(expr.range), context)
        case ast.Subquery():
            inner = subquery_steps(expr, steps, context.subquery_step_ms)
            if inner.count:
                yield from _needs(expr.expr, inner, context)
        case ast.Call() if expr.func == "info":
            yield from _needs(expr.args[0], steps, context)
            times = info_steps(expr.args[0], steps)
            start = times.start_ms - context.lookback_ms + 1
            yield Need(info_matchers(expr), start, times.end_ms)
        case _:
            for child in children(expr):
                yield from _needs(child, steps, context)


def _need(selector: ast.VectorSelector, steps: Steps, range_ms: int, context: Context) -> Need:
    times = at_steps(selector, steps)
    before, after = reach(selector, range_ms, context.lookback_ms)
    # Windows are open at their start, so that the very first millisecond is not needed.
    return Need(selector.matchers, times.start_ms - before + 1, times.end_ms + after)


def _joined(group: Sequence[Need]) -> list[Need]:
    """Ranges that overlap or nearly touch become one read."""
    joined: list[Need] = []
    for need in sorted(group, key=lambda one: one.start_ms):
        last = joined[-1] if joined else None
        if last is not None:
            length = last.end_ms - last.start_ms + need.end_ms - need.start_ms
            if need.start_ms - last.end_ms <= _NEAR * length:
                end = max(last.end_ms, need.end_ms)
                joined[-1] = Need(last.matchers, last.start_ms, end)
                continue
        joined.append(need)
    return joined
