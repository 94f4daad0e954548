"""What is a PromQL function to the evaluator? One call site in, one value out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from tocsin.model.labels import Matcher
from tocsin.query.promql import ast
from tocsin.query.promql.annotations import Annotations
from tocsin.query.promql.matrix import Floats, Grid, Steps
from tocsin.query.promql.tree import unwrap
from tocsin.query.promql.window import Samples, Windows

Value: TypeAlias = Grid | Windows | Floats | str
"""Instant vector, range vector, scalar (one number a step) or string."""


class Host(Protocol):
    """What a function may ask of the evaluator that calls it."""

    notes: Annotations
    lookback_ms: int

    def value(self, expr: ast.Expr, steps: Steps) -> Value:
        """Evaluate an expression at some steps."""

    def samples(self, matchers: Sequence[Matcher], steps: Steps, reach_ms: int) -> Samples:
        """Samples that were fetched for a selector, from `reach_ms` before the first step on."""

    def reference(self, selector: ast.VectorSelector, steps: Steps) -> Steps:
        """The times a selector looks at, with its offset and `@` applied."""


@dataclass(frozen=True, slots=True)
class Site:
    """One call: its node, the steps it is evaluated at, and its arguments on demand."""

    node: ast.Call
    steps: Steps
    host: Host

    @property
    def notes(self) -> Annotations:
        """Where warnings go."""
        return self.host.notes

    @property
    def count(self) -> int:
        """Number of arguments."""
        return len(self.node.args)

    def expr(self, index: int) -> ast.Expr:
        """The unevaluated argument without parentheses."""
        return unwrap(self.node.args[index])

    def pos(self, index: int) -> ast.Pos:
        """Where the argument stands."""
        return self.node.args[index].pos

    def grid(self, index: int) -> Grid:
        """An instant vector argument."""
        value = self.host.value(self.node.args[index], self.steps)
        if not isinstance(value, Grid):
            raise TypeError(f"argument {index} of {self.node.func} is no instant vector")
        return value

    def windows(self, index: int) -> Windows:
        """A range vector argument."""
        value = self.host.value(self.node.args[index], self.steps)
        if not isinstance(value, Windows):
            raise TypeError(f"argument {index} of {self.node.func} is no range vector")
        return value

    def scalar(self, index: int) -> Floats:
        """A scalar argument: one number for each step."""
        value = self.host.value(self.node.args[index], self.steps)
        if not isinstance(value, np.ndarray):
            raise TypeError(f"argument {index} of {self.node.func} is no scalar")
        return value

    def text(self, index: int) -> str:
        """A string argument."""
        value = self.host.value(self.node.args[index], self.steps)
        if not isinstance(value, str):
            raise TypeError(f"argument {index} of {self.node.func} is no string")
        return value


@dataclass(frozen=True, slots=True)
class Function:
    """A function by its name in the query."""

    name: str
    call: Callable[[Site], Value]
    experimental: bool = False
