"""What is the value of an expression at many steps at once? A walk over the tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tocsin.model.labels import Matcher
from tocsin.query.promql import ast, binary
from tocsin.query.promql.aggregate import CHOOSING, aggregate, choose, count_values
from tocsin.query.promql.annotations import Annotations
from tocsin.query.promql.check import type_of
from tocsin.query.promql.faults import EvalError, TooManySamples
from tocsin.query.promql.function import Site, Value
from tocsin.query.promql.labelsets import LabelSets
from tocsin.query.promql.matrix import Floats, Grid, Steps, spread
from tocsin.query.promql.plan import Context, Need, at_steps, reach, subquery_ends, subquery_steps
from tocsin.query.promql.registry import FUNCTIONS
from tocsin.query.promql.resolve import whole
from tocsin.query.promql.tree import fixed, unwrap
from tocsin.query.promql.window import Samples, Windows, latest, taken, windows_of

_EDGED = {
    "anchored": ("changes", "delta", "increase", "rate", "resets"),
    "smoothed": ("delta", "increase", "rate"),
}
"""Functions that know windows reaching beyond their range."""


@dataclass(frozen=True, slots=True)
class NodeStats:
    """How one node of the tree did: `seconds` include its children's, `series_in` is what they
    gave together."""

    pos: ast.Pos
    kind: str
    seconds: float
    series_in: int
    series_out: int


@dataclass(slots=True)
class Reads:
    """Everything that was read for a query."""

    needs: Sequence[Need]
    samples: Sequence[Samples]

    def cells(self, steps: Steps) -> int:
        """Series × steps of all selectors together."""
        return steps.count * sum(len(samples.labels) for samples in self.samples)

    def find(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Samples:
        """The samples of a planned selector."""
        wanted = tuple(matchers)
        for need, samples in zip(self.needs, self.samples, strict=True):
            if need.matchers == wanted and need.covers(start_ms, end_ms):
                return samples
        raise LookupError(f"the plan forgot {wanted} from {start_ms} to {end_ms}")


@dataclass(slots=True)
class Evaluator:
    """Evaluates resolved expressions over samples that are there; does no I/O.

    `check` is called between nodes and blocks and raises when the query must end. With
    `explained` set, one entry is added to it for each node.
    """

    reads: Reads
    context: Context
    notes: Annotations
    check: Callable[[], None]
    clock: Callable[[], float]
    limit_samples: int
    explained: list[NodeStats] | None = None
    peak_samples: int = 0
    lookback_ms: int = 0
    _sets: LabelSets = field(default_factory=LabelSets)
    _inputs: int = 0

    def __post_init__(self) -> None:
        self.lookback_ms = self.context.lookback_ms

    def value(self, expr: ast.Expr, steps: Steps) -> Value:
        """The expression's value at the steps; what does not change is evaluated once."""
        self.check()
        if isinstance(expr, ast.Paren):
            return self.value(expr.expr, steps)
        if steps.count > 1 and fixed(expr) and _worth_once(expr):
            return _repeated(self.value(expr, steps.first), steps)
        if self.explained is None:
            result = self._of(expr, steps)
        else:
            result = self._timed(expr, steps, self.explained)
        if isinstance(result, Grid):
            self._admit(result.count, steps.count)
        return result

    def samples(self, matchers: Sequence[Matcher], steps: Steps, reach_ms: int) -> Samples:
        """Samples from `reach_ms` before the first step (not included) to the last."""
        return self.reads.find(matchers, steps.start_ms - reach_ms + 1, steps.end_ms)

    def reference(self, selector: ast.VectorSelector, steps: Steps) -> Steps:
        """The times a selector looks at."""
        return at_steps(selector, steps)

    def matrix(self, expr: ast.Expr, steps: Steps) -> Windows:
        """A range vector."""
        value = self.value(expr, steps)
        if not isinstance(value, Windows):
            raise TypeError(f"{expr} is no range vector")
        return value

    def _admit(self, series: int, steps: int) -> None:
        """Refuse a matrix of that size before it takes memory."""
        cells = max(series, 1) * steps
        self.peak_samples = max(self.peak_samples, cells)
        if cells > self.limit_samples:
            raise TooManySamples

    def _timed(self, expr: ast.Expr, steps: Steps, explained: list[NodeStats]) -> Value:
        outer, self._inputs = self._inputs, 0
        began = self.clock()
        result = self._of(expr, steps)
        seconds = self.clock() - began
        below = self._inputs
        out = len(result.labels) if isinstance(result, Grid | Windows) else 1
        name = type(expr).__name__
        if isinstance(expr, ast.Call):
            name = expr.func
        elif isinstance(expr, ast.Aggregate | ast.Binary):
            name = expr.op
        explained.append(NodeStats(expr.pos, name, seconds, below, out))
        self._inputs = outer + out
        return result

    def _of(self, expr: ast.Expr, steps: Steps) -> Value:  # noqa: C901 - one line a node
        match expr:
            case ast.NumberLiteral():
                return np.full(steps.count, expr.value)
            case ast.StringLiteral():
                return expr.value
            case ast.VectorSelector():
                return self._vector(expr, steps)
            case ast.MatrixSelector():
                return self._windows(expr, steps)
            case ast.Subquery():
                return self._subquery(expr, steps)
            case ast.Call():
                return self._call(expr, steps)
            case ast.Aggregate():
                return self._aggregate(expr, steps)
            case ast.Binary():
                return self._binary(expr, steps)
            case ast.Unary():
                return self._unary(expr, steps)
            case ast.Paren():
                return self.value(expr.expr, steps)

    def _vector(self, node: ast.VectorSelector, steps: Steps) -> Grid:
        times = at_steps(node, steps)
        if node.smoothed:
            return self._smooth(node, times)
        samples = self.samples(node.matchers, times, self.lookback_ms)
        self._admit(len(samples.labels), times.count)
        index, there = latest(samples, times, self.lookback_ms)
        values = taken(samples.values, index)
        return Grid(samples.labels, values, there, np.zeros(len(samples.labels), np.bool_))

    def _smooth(self, node: ast.VectorSelector, times: Steps) -> Grid:
        """On the line between the samples before and after; after the last one, its value."""
        windows = self._reaching(node, times, self.lookback_ms)
        found = windows.samples.up_to(times.times)
        at = times.times[None, :]
        before = found - 1
        there = (before >= windows.first) & (windows.last > windows.first)
        exact = windows.ts_at(before) == at
        between = there & ~exact & (found < windows.last)
        # Too old a sample still is one end of the line, but is no value of its own.
        there &= between | (windows.ts_at(before) > at - self.lookback_ms)
        low, high = windows.at(before), windows.at(found)
        begin, end = windows.ts_at(before), windows.ts_at(found)
        line = low + (high - low) * (at - begin) / (end - begin)
        return windows.grid(np.where(between, line, low), there, drop=False)

    def _windows(self, node: ast.MatrixSelector, steps: Steps) -> Windows:
        times = at_steps(node.selector, steps)
        windows = self._reaching(node.selector, times, whole(node.range))
        return _widened(windows, steps)

    def _reaching(self, selector: ast.VectorSelector, times: Steps, range_ms: int) -> Windows:
        """The selector's windows, with what anchored and smoothed ones see around them."""
        edged = selector.smoothed or selector.anchored
        before, after = reach(selector, range_ms, self.lookback_ms)
        start, end = times.start_ms - before + 1, times.end_ms + after
        samples = self.reads.find(selector.matchers, start, end).alive()
        self._admit(len(samples.labels), times.count)
        if not edged:
            windows = windows_of(samples, times, range_ms)
        else:
            wide = windows_of(samples, times.shifted(after), before + after)
            windows = replace(wide, ends=times.times, range_ms=range_ms)
        windows.anchored, windows.smoothed = selector.anchored, selector.smoothed
        windows.check = self.check
        return windows

    def _subquery(self, node: ast.Subquery, steps: Steps) -> Windows:
        inner = subquery_steps(node, steps, self.context.subquery_step_ms)
        ends = subquery_ends(node, steps)
        self._admit(1, inner.count)
        if inner.count:
            value = self.value(node.expr, inner)
            grid = as_grid(value, inner).filled()
        else:
            grid = Grid((), np.zeros((0, 0)), np.zeros((0, 0), np.bool_), np.zeros(0, np.bool_))
        samples = Samples.of_grid(grid, inner)
        windows = windows_of(samples, ends, whole(node.range))
        windows.drops = grid.drops
        windows.check = self.check
        return _widened(windows, steps)

    def _call(self, node: ast.Call, steps: Steps) -> Value:
        for arg in node.args:
            _check_edges(node.func, unwrap(arg))
        return FUNCTIONS[node.func].call(Site(node, steps, self))

    def _aggregate(self, node: ast.Aggregate, steps: Steps) -> Grid:
        param = None if node.param is None else self.value(node.param, steps)
        grid = as_grid(self.value(node.expr, steps), steps).filled()
        if node.op == "count_values":
            return count_values(node, grid, str(param), self._sets)
        names = tuple(sorted(node.grouping))
        groups = self._sets.groups(grid.labels, names, excluded=node.without)
        numbers = param if isinstance(param, np.ndarray) else None
        if node.op in CHOOSING and numbers is not None:
            return choose(node, grid, groups, numbers, self.notes)
        if numbers is not None and node.param is not None:
            for value in np.unique(numbers).tolist():
                self.notes.quantile(value, node.param.pos)
        return aggregate(node, grid, groups, numbers)

    def _binary(self, node: ast.Binary, steps: Steps) -> Value:
        left, right = self.value(node.left, steps), self.value(node.right, steps)
        if isinstance(left, Grid) and isinstance(right, Grid):
            left, right = left.filled(), right.filled()
            if node.op in ("and", "or", "unless"):
                matching = node.matching or ast.VectorMatching()
                names = tuple(sorted(matching.labels))
                groups = [
                    self._sets.groups(side.labels, names, excluded=not matching.on)
                    for side in (left, right)
                ]
                return binary.set_operation(node.op, left, right, (groups[0], groups[1]))
            return binary.Join(node, self._sets).of(left, right)
        if isinstance(left, Grid) and isinstance(right, np.ndarray):
            return binary.with_scalar(node, left, right, scalar_first=False)
        if isinstance(left, np.ndarray) and isinstance(right, Grid):
            return binary.with_scalar(node, right, left, scalar_first=True)
        if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
            return binary.scalars(node.op, left, right)
        raise TypeError(f"{node.op} between {type_of(node.left)} and {type_of(node.right)}")

    def _unary(self, node: ast.Unary, steps: Steps) -> Value:
        value = self.value(node.expr, steps)
        if node.op != "-":
            return value
        if isinstance(value, Grid):
            return value.with_values(-value.values, drop=True)
        if isinstance(value, np.ndarray):
            return -value
        raise TypeError(f"minus before {type_of(node.expr)}")


def _check_edges(function: str, arg: ast.Expr) -> None:
    if not isinstance(arg, ast.MatrixSelector):
        return
    for edge, allowed in _EDGED.items():
        if getattr(arg.selector, edge) and function not in allowed:
            names = ", ".join(allowed)
            raise EvalError(f"{edge} modifier can only be used with: {names} - not with {function}")


def _worth_once(expr: ast.Expr) -> bool:
    """Selectors with `@` and literals already cost one step's work."""
    plain = (ast.NumberLiteral, ast.StringLiteral, ast.MatrixSelector, ast.Subquery)
    return not isinstance(expr, plain)


def _repeated(value: Value, steps: Steps) -> Value:
    if isinstance(value, Grid):
        return spread(value, steps.count)
    if isinstance(value, np.ndarray):
        repeated: Floats = np.broadcast_to(value, (steps.count,))
        return repeated
    return value


def _widened(windows: Windows, steps: Steps) -> Windows:
    """Windows that `@` fixed, repeated for each step."""
    if windows.first.shape[1] == steps.count:
        return windows
    shape = (windows.first.shape[0], steps.count)
    return replace(
        windows,
        first=np.broadcast_to(windows.first, shape),
        last=np.broadcast_to(windows.last, shape),
        ends=np.broadcast_to(windows.ends, (steps.count,)),
    )


def as_grid(value: Value, steps: Steps) -> Grid:
    """An instant vector; a scalar is one series without labels."""
    if isinstance(value, Grid):
        return value
    if isinstance(value, np.ndarray):
        there = np.ones((1, steps.count), np.bool_)
        return Grid([()], value[None, :], there, np.zeros(1, np.bool_))
    raise TypeError(f"{type(value).__name__} is no instant vector")
