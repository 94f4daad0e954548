"""What is a PromQL expression made of? The tree that the parser makes and the engine walks.

Durations and offsets are whole milliseconds. `pos` is the half-open range of characters in the
query that the node stands for. Nodes are frozen and compare by value (positions left out).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tocsin.model.labels import Matcher


class ValueType(Enum):
    """What an expression evaluates to, in Prometheus's words."""

    SCALAR = "scalar"
    VECTOR = "instant vector"
    MATRIX = "range vector"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Pos:
    """Characters `start` up to `end` of the query."""

    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Every expression knows its place in the query."""

    pos: Pos = field(default=Pos(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NumberLiteral(Node):
    """`1.5`, `0x1F`, `Inf`, `NaN`, and durations written as numbers (`5m` is 300)."""

    value: float
    is_duration: bool = False


@dataclass(frozen=True, slots=True)
class StringLiteral(Node):
    """A quoted text with its escapes undone."""

    value: str


class AtModifier(Enum):
    """`@ start()` and `@ end()`."""

    START = "start"
    END = "end"


class DurationOp(Enum):
    """What a duration expression computes."""

    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"
    POW = "^"
    NEG = "neg"
    STEP = "step"
    RANGE = "range"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class DurationExpr(Node):
    """Arithmetic in a place for a duration, as in `[step() * 5]` or `offset (1h / 2)`.

    NEG has only `right`; STEP and RANGE have neither side. Leaves are NumberLiterals in seconds.
    """

    op: DurationOp
    left: Duration | None = None
    right: Duration | None = None
    wrapped: bool = False


Duration: TypeAlias = "int | NumberLiteral | DurationExpr"
"""Milliseconds when known at parse time, else an expression that needs the query's step."""


@dataclass(frozen=True, slots=True)
class VectorSelector(Node):
    """`metric{job="x"} offset 5m @ 1700000000`.

    `matchers` includes the one on `__name__`; `name` is empty when the metric was not written in
    front of the braces. `at_ms` wins over nothing; with `at` set it is None.
    """

    name: str
    matchers: tuple[Matcher, ...]
    offset: Duration = 0
    at_ms: int | None = None
    at: AtModifier | None = None
    anchored: bool = False
    smoothed: bool = False


@dataclass(frozen=True, slots=True)
class MatrixSelector(Node):
    """`selector[5m]`; offset and @ stand in the selector."""

    selector: VectorSelector
    range: Duration


@dataclass(frozen=True, slots=True)
class Subquery(Node):
    """`expr[1h:1m]`; `step` None means the default evaluation interval."""

    expr: Expr
    range: Duration
    step: Duration | None = None
    offset: Duration = 0
    at_ms: int | None = None
    at: AtModifier | None = None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`func(args)`; the parser has checked the name, the number and the types of arguments."""

    func: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """`op by (grouping) (param, expr)`."""

    op: str
    expr: Expr
    param: Expr | None = None
    grouping: tuple[str, ...] = ()
    without: bool = False


class Cardinality(Enum):
    """How series of the two sides meet."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """`on (labels) group_left (include) fill_left (v) fill_right (v)`; `on` False is `ignoring`."""

    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left op right`; `matching` is None unless both sides are vectors."""

    op: str
    left: Expr
    right: Expr
    matching: VectorMatching | None = None
    return_bool: bool = False


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-expr` or `+expr`."""

    op: str
    expr: Expr


@dataclass(frozen=True, slots=True)
class Paren(Node):
    """`(expr)`; kept so that the printed query is the written one."""

    expr: Expr


Expr: TypeAlias = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Call
    | Aggregate
    | Binary
    | Unary
    | Paren
)
