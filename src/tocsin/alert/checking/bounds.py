"""Which values can an expression have at all? Enough to see that `up > 1` is never true."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.alert.checking.coverage import impossible
from tocsin.model.labels import NAME, MatchOp
from tocsin.query.promql import ast
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.tree import unwrap, walk

_KNOWN = {
    "up": (0.0, 1.0),
    "probe_success": (0.0, 1.0),
    "ALERTS": (1.0, 1.0),
    "absent": (1.0, 1.0),
}
_BY_ENDING = (
    ("_ratio", (0.0, 1.0)),
    ("_total", (0.0, math.inf)),
    ("_count", (0.0, math.inf)),
    ("_bucket", (0.0, math.inf)),
    ("_bytes", (0.0, math.inf)),
)
_NOT_NEGATIVE = frozenset(
    ("rate", "irate", "increase", "resets", "changes", "count_over_time", "abs", "sqrt",
     "stddev_over_time", "stdvar_over_time", "stddev", "stdvar", "count")
)  # fmt: skip
_ONE = frozenset(("absent", "absent_over_time", "present_over_time", "group"))
_SAME = frozenset(
    ("avg_over_time", "min_over_time", "max_over_time", "last_over_time", "sort", "sort_desc",
     "avg", "min", "max", "topk", "bottomk", "limitk", "quantile")
)  # fmt: skip
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_CHOOSING = frozenset(("and", "unless"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the largest value, both included where they are finite."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def words(self) -> str:
        """How it is said to a person."""
        if self.low == self.high:
            return f"always {self.low:g}"
        if math.isinf(self.high):
            return f"never below {self.low:g}"
        if math.isinf(self.low):
            return f"never above {self.high:g}"
        return f"between {self.low:g} and {self.high:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is sure of a part of an expression, and why."""

    part: str
    says: str
    why: str
    plainly: str
    """Why, without a word of PromQL."""

    @property
    def words(self) -> str:
        """All of it."""
        return f"`{self.part}` {self.says}: {self.why}"

    def of(self, condition: str) -> str:
        """All of it, about the condition that the expression was made of."""
        return f"`{condition}` {self.says}: {self.plainly}"


_ANY = Bounds()
_POSITIVE = Bounds(0.0)


def bounds_of(expr: ast.Expr) -> Bounds:
    """What its values are surely within, judged by names, functions and numbers."""
    match unwrap(expr):
        case ast.NumberLiteral(value=value):
            return Bounds(value, value)
        case ast.Unary(op="-", expr=inner):
            below = bounds_of(inner)
            return Bounds(-below.high, -below.low)
        case ast.VectorSelector() as selector:
            return _of_selector(selector)
        case ast.MatrixSelector(selector=selector):
            return _of_selector(selector)
        case ast.Subquery(expr=inner):
            return bounds_of(inner)
        case ast.Call(func=func, args=args):
            return _of_function(func, args[-1] if args else None)
        case ast.Aggregate(op="sum", expr=inner):
            return _POSITIVE if bounds_of(inner).low >= 0 else _ANY
        case ast.Aggregate(op=op, expr=inner):
            return _of_function(op, inner)
        case ast.Binary() as binary:
            return _of_binary(binary)
        case _:
            return _ANY


def _of_selector(selector: ast.VectorSelector) -> Bounds:
    name = next(
        (one.value for one in selector.matchers if one.name == NAME and one.op is MatchOp.EQUAL), ""
    )
    if name in _KNOWN:
        return Bounds(*_KNOWN[name])
    return next((Bounds(*pair) for ending, pair in _BY_ENDING if name.endswith(ending)), _ANY)


def _of_function(name: str, arg: ast.Expr | None) -> Bounds:
    if name in _ONE:
        return Bounds(1.0, 1.0)
    if name in _NOT_NEGATIVE:
        return _POSITIVE
    return bounds_of(arg) if name in _SAME and arg is not None else _ANY


def _of_binary(expr: ast.Binary) -> Bounds:
    left, right = bounds_of(expr.left), bounds_of(expr.right)
    if expr.op in _COMPARISONS:
        return Bounds(0.0, 1.0) if expr.return_bool else left
    match expr.op:
        case "and" | "unless":
            return left
        case "or":
            return Bounds(min(left.low, right.low), max(left.high, right.high))
        case "+":
            return Bounds(left.low + right.low, left.high + right.high)
        case "-":
            return Bounds(left.low - right.high, left.high - right.low)
        case "*" | "/" if left.low >= 0 and right.low >= 0:
            return _of_positive(expr.op, left, right)
        case _:
            return _ANY


def _of_positive(op: str, left: Bounds, right: Bounds) -> Bounds:
    if math.isinf(left.high) or math.isinf(right.high):
        return _POSITIVE
    if op == "*":
        return Bounds(left.low * right.low, left.high * right.high)
    return Bounds(left.low / right.high, left.high / right.low) if right.low > 0 else _POSITIVE


def never_true(expr: ast.Expr) -> Iterator[Verdict]:
    """Why parts of an expression find nothing, whatever the samples are."""
    never = "is never true"
    for node in walk(expr):
        match node:
            case ast.VectorSelector(matchers=matchers):
                wrong = impossible(matchers)
                if wrong is not None:
                    value = f"{wrong.name}{wrong.op.value}{wrong.value!r}"
                    why = f"{value} contradicts another condition"
                    yield Verdict(to_text(node), "finds nothing", why, why)
            case ast.Binary(op=op, return_bool=False) if op in _COMPARISONS:
                left, right = bounds_of(node.left), bounds_of(node.right)
                if not can_hold(op, left, right):
                    yield Verdict(to_text(node), never, *_because(node, left, right))
            case ast.Binary(op="and"):
                if _contradict(node.left, node.right):
                    why = "its two conditions exclude each other"
                    yield Verdict(to_text(node), never, why, why)
            case _:
                pass


def always_true(expr: ast.Expr) -> Iterator[Verdict]:
    """Comparisons that hold for every sample, so that they choose nothing."""
    node = unwrap(expr)
    if isinstance(node, ast.Binary) and node.op in _CHOOSING:
        yield from always_true(node.left)
    if not isinstance(node, ast.Binary) or node.op not in _COMPARISONS or node.return_bool:
        return
    left, right = bounds_of(node.left), bounds_of(node.right)
    if node.op == "!=" or left.low == left.high:
        return
    if not can_hold(OPPOSITE[node.op], left, right):
        yield Verdict(to_text(node), "is always true", *_because(node, left, right))


OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!="}
"""What holds when the comparison does not."""


def can_hold(op: str, left: Bounds, right: Bounds) -> bool:
    """Whether a value within `left` and one within `right` can compare so."""
    match op:
        case ">":
            return left.high > right.low
        case ">=":
            return left.high >= right.low
        case "<":
            return left.low < right.high
        case "<=":
            return left.low <= right.high
        case "==":
            return left.low <= right.high and right.low <= left.high
        case _:
            return not (left.low == left.high == right.low == right.high)


def _because(node: ast.Binary, left: Bounds, right: Bounds) -> tuple[str, str]:
    """Why, with and without PromQL."""
    sides = [
        (to_text(side), bounds.words)
        for side, bounds in ((node.left, left), (node.right, right))
        if bounds != _ANY and not isinstance(unwrap(side), ast.NumberLiteral)
    ]
    if not sides:
        return "the numbers say so", "the numbers say so"
    plainly = " and the other ".join(words for _, words in sides)
    return " and ".join(f"`{part}` is {words}" for part, words in sides), f"the value is {plainly}"


def _contradict(one: ast.Expr, other: ast.Expr) -> bool:
    """`x > 5 and x < 3`: the same value within two ranges that do not meet."""
    left, right = range_of(one), range_of(other)
    if left is None or right is None or left[0] != right[0]:
        return False
    low, high = max(left[1], right[1]), min(left[2], right[2])
    return low > high or (low == high and not (left[3] and right[3]))


def range_of(expr: ast.Expr) -> tuple[str, float, float, bool] | None:
    """Text, least, largest, and whether the ends belong to it, of `x < 3` and the like; None of
    anything else."""
    expr = unwrap(expr)
    if not isinstance(expr, ast.Binary) or expr.return_bool:
        return None
    bound = bounds_of(expr.right)
    if not isinstance(unwrap(expr.right), ast.NumberLiteral | ast.Unary) or bound.low != bound.high:
        return None
    text = to_text(unwrap(expr.left))
    match expr.op:
        case ">" | ">=":
            return text, bound.low, math.inf, expr.op == ">="
        case "<" | "<=":
            return text, -math.inf, bound.low, expr.op == "<="
        case "==":
            return text, bound.low, bound.low, True
        case _:
            return None
