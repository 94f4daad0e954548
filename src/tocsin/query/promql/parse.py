"""What does a query say? A recursive-descent parser of PromQL with the words of Prometheus 3.

The grammar is that of https://prometheus.io/docs/prometheus/latest/querying/basics/ with the
experimental parts. The tree keeps what was written (parentheses, numbers as numbers) and is not
optimised.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import lru_cache

from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.query.promql import duration_expr, grouping, selectors
from tocsin.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Expr,
    NumberLiteral,
    Paren,
    Pos,
    StringLiteral,
    Unary,
    ValueType,
    VectorMatching,
    VectorSelector,
)
from tocsin.query.promql.check import check
from tocsin.query.promql.cursor import MAX_DEPTH, Cursor
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.quoting import quote, unquote
from tocsin.query.promql.signatures import EXPERIMENTAL_AGGREGATIONS, FUNCTIONS, WITH_PARAMETER
from tocsin.query.promql.suffixes import SUFFIXES, suffix
from tocsin.query.promql.tokens import (
    AGGREGATORS,
    COMPARISONS,
    METRIC_NAMES,
    SET_OPERATORS,
    TRIMS,
    Kind,
    Token,
)

MAX_CHARACTERS = 256 * 1024
"""Queries longer than this are refused unread."""

_CACHED_CHARACTERS = 8 * 1024
_CACHED_QUERIES = 2048

_POWER = 6
_LEVELS = {
    Kind.OR: 1,
    Kind.AND: 2,
    Kind.UNLESS: 2,
    **dict.fromkeys(COMPARISONS | TRIMS, 3),
    Kind.ADD: 4,
    Kind.SUB: 4,
    Kind.MUL: 5,
    Kind.DIV: 5,
    Kind.MOD: 5,
    Kind.ATAN2: 5,
    Kind.POW: _POWER,
}
_NAMED_CALLS = frozenset(
    {Kind.IDENTIFIER, Kind.START, Kind.END, Kind.STEP, Kind.RANGE, Kind.MIN_OF, Kind.MAX_OF}
)

_BEGINNINGS = METRIC_NAMES | {
    Kind.NUMBER,
    Kind.DURATION,
    Kind.STRING,
    Kind.LEFT_PAREN,
    Kind.LEFT_BRACE,
    Kind.ADD,
    Kind.SUB,
}

# A level of nesting takes up to six frames here and a few in what walks the tree. Frames of Python
# functions live on the heap, so the default of 1,000 protects nothing that MAX_DEPTH does not.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20 * MAX_DEPTH))


def parse(text: str, *, experimental: bool = True) -> Expr:
    """The tree of a query; raises ParseError.

    With `experimental` False, what Prometheus hides behind feature flags is refused in its words.
    Trees are shared between callers (they are frozen) and kept for the queries asked last.
    """
    if len(text) > _CACHED_CHARACTERS:
        return _parse(text, experimental)
    return _parse_cached(text, experimental)


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a selector alone, as in the `match[]` of the API; raises ParseError.

    A selector that matches everything is taken: whether that is allowed is the caller's matter.
    """
    cursor = Cursor(text, experimental=True)
    if not (cursor.sees(Kind.LEFT_BRACE) or cursor.peek().kind in METRIC_NAMES):
        raise cursor.unexpected()
    selector = _Parser(cursor).selector()
    cursor.expect(Kind.EOF)
    return selector.matchers


def _parse(text: str, experimental: bool) -> Expr:
    if len(text) > MAX_CHARACTERS:
        reason = f"query has {len(text)} characters, at most {MAX_CHARACTERS} are read"
        raise ParseError(reason, text[:1], Pos())
    cursor = Cursor(text, experimental=experimental)
    if cursor.sees(Kind.EOF):
        raise ParseError("no expression found in input", text, Pos())
    expr = _Parser(cursor).expression(0)
    cursor.expect(Kind.EOF)
    check(expr, text)
    return expr


_parse_cached = lru_cache(maxsize=_CACHED_QUERIES)(_parse)


class _Parser:
    """One parse; `_height` and `_scalar` hold what is known of the nodes made so far, by id."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._height: dict[int, int] = {}
        self._scalar: set[int] = set()
        self._made: list[Expr] = []  # keeps nodes alive, so that no id is used twice

    def expression(self, lowest: int) -> Expr:
        """An expression whose operators bind at least as tightly as `lowest`."""
        cursor = self._cursor
        with cursor.deeper():
            left = self._signed()
            while (level := _LEVELS.get(cursor.peek().kind, -1)) >= lowest:
                operator = self._operator()
                written = grouping.modifiers(cursor)
                # Only the power groups to the right.
                right = self.expression(level if level == _POWER else level + 1)
                left = self._binary(left, operator, written, right)
            return left

    def _operator(self) -> Token:
        operator = self._cursor.take()
        if operator.kind in TRIMS:
            reason = f"operator {quote(operator.text)} is for native histograms, not supported here"
            raise self._cursor.error(reason, operator.start, operator.end)
        return operator

    def _binary(
        self, left: Expr, operator: Token, written: grouping.Modifiers, right: Expr
    ) -> Expr:
        is_vector = not self._is_scalar(left) and not self._is_scalar(right)
        made = Binary(
            operator.kind.value,
            left,
            right,
            matching=_matching(operator, written.matching, is_vector=is_vector),
            return_bool=written.return_bool,
            pos=Pos(left.pos.start, right.pos.end),
        )
        return self._keep(
            made, left, right, scalar=self._is_scalar(left) and self._is_scalar(right)
        )

    def _is_scalar(self, expr: Expr) -> bool:
        return id(expr) in self._scalar

    def _signed(self) -> Expr:
        cursor = self._cursor
        if not cursor.sees(Kind.ADD, Kind.SUB):
            return self._with_suffixes(self._primary())
        sign = cursor.take()
        # A sign binds like a product: -1 ^ 2 is -(1 ^ 2).
        operand = self.expression(_POWER)
        pos = Pos(sign.start, operand.pos.end)
        if isinstance(operand, NumberLiteral):
            value = operand.value
            if sign.kind is Kind.SUB and not math.isnan(value):
                value = -value
            made: Expr = replace(operand, value=value, pos=pos)
        else:
            made = Unary(sign.kind.value, operand, pos=pos)
        return self._keep(made, operand, scalar=self._is_scalar(operand))

    def _with_suffixes(self, expr: Expr) -> Expr:
        while self._cursor.peek().kind in SUFFIXES:
            made = suffix(self._cursor, expr)
            expr = self._keep(made, expr)
        return expr

    def _keep(self, made: Expr, *parts: Expr, scalar: bool = False) -> Expr:
        height = 1 + max((self._height.get(id(part), 1) for part in parts), default=0)
        self._cursor.check_depth(height)
        self._height[id(made)] = height
        self._made.append(made)
        if scalar:
            self._scalar.add(id(made))
        return made

    def _primary(self) -> Expr:
        cursor = self._cursor
        kind = cursor.peek().kind
        if kind in (Kind.NUMBER, Kind.DURATION):
            return self._keep(duration_expr.number(cursor), scalar=True)
        if kind is Kind.STRING:
            token = cursor.take()
            return StringLiteral(unquote(token.text), pos=Pos(token.start, token.end))
        if kind is Kind.LEFT_PAREN:
            return self._parenthesis()
        if kind is Kind.LEFT_BRACE:
            return self.selector()
        if kind in METRIC_NAMES:
            return self._named()
        raise cursor.unexpected()

    def _parenthesis(self) -> Expr:
        start = self._cursor.take().start
        inner = self.expression(0)
        end = self._cursor.expect(Kind.RIGHT_PAREN).end
        made = Paren(inner, pos=Pos(start, end))
        return self._keep(made, inner, scalar=self._is_scalar(inner))

    def _named(self) -> Expr:
        """What begins with a word: an aggregation, a call, or a metric."""
        cursor = self._cursor
        word = cursor.take()
        if word.kind in AGGREGATORS and cursor.sees(Kind.LEFT_PAREN, Kind.BY, Kind.WITHOUT):
            return self._aggregate(word)
        if word.kind in _NAMED_CALLS and cursor.sees(Kind.LEFT_PAREN):
            return self._call(word)
        return self.selector(word)

    def selector(self, name: Token | None = None) -> VectorSelector:
        """A selector; the cursor sees its brace, its name, or what comes behind its name."""
        cursor = self._cursor
        if name is None and not cursor.sees(Kind.LEFT_BRACE):
            name = cursor.take()
        start = name.start if name else cursor.peek().start
        found: tuple[Matcher, ...] = ()
        if cursor.sees(Kind.LEFT_BRACE):
            cursor.take()
            found = selectors.matchers(cursor)
        if name:
            found += (Matcher(NAME, MatchOp.EQUAL, name.text),)
        pos = Pos(start, cursor.last_end)
        return VectorSelector(name.text if name else "", found, pos=pos)

    def _aggregate(self, word: Token) -> Expr:
        cursor = self._cursor
        op = word.kind.value
        with cursor.within("aggregation"):
            keyword = cursor.take() if cursor.sees(Kind.BY, Kind.WITHOUT) else None
            labels = grouping.labels(cursor) if keyword else ()
            args = self._arguments()
            if keyword is None and cursor.sees(Kind.BY, Kind.WITHOUT):
                keyword = cursor.take()
                labels = grouping.labels(cursor)
        pos = Pos(word.start, cursor.last_end)
        self._check_aggregation(op, len(args), pos)
        made = Aggregate(
            op,
            args[-1],
            args[0] if op in WITH_PARAMETER else None,
            labels,
            keyword is not None and keyword.kind is Kind.WITHOUT,
            pos=pos,
        )
        return self._keep(made, *args)

    def _check_aggregation(self, op: str, count: int, pos: Pos) -> None:
        cursor = self._cursor
        if count == 0:
            reason = "no arguments for aggregate expression provided"
            raise cursor.error(reason, pos.start, pos.end)
        if op in EXPERIMENTAL_AGGREGATIONS and not cursor.experimental:
            reason = (
                f"{op}() is experimental and must be enabled with "
                "--enable-feature=promql-experimental-functions"
            )
            raise cursor.error(reason, pos.start, pos.end)
        expected = 2 if op in WITH_PARAMETER else 1
        if count != expected:
            reason = (
                "wrong number of arguments for aggregate expression provided, "
                f"expected {expected}, got {count}"
            )
            raise cursor.error(reason, pos.start, pos.end)

    def _call(self, word: Token) -> Expr:
        cursor = self._cursor
        name = word.text if word.kind is Kind.IDENTIFIER else word.kind.value
        args = self._arguments()
        function = FUNCTIONS.get(name)
        if function is None:
            reason = f"unknown function with name {quote(word.text)}"
            raise cursor.error(reason, word.start, word.end)
        if function.experimental and not cursor.experimental:
            reason = f"function {quote(name)} is not enabled"
            raise cursor.error(reason, word.start, word.end)
        made = Call(name, args, pos=Pos(word.start, cursor.last_end))
        return self._keep(made, *args, scalar=function.returns is ValueType.SCALAR)

    def _arguments(self) -> tuple[Expr, ...]:
        cursor = self._cursor
        cursor.expect(Kind.LEFT_PAREN)
        args: list[Expr] = []
        while not cursor.sees(Kind.RIGHT_PAREN):
            args.append(self.expression(0))
            if cursor.sees(Kind.RIGHT_PAREN):
                break
            comma = cursor.expect(Kind.COMMA)
            if cursor.peek().kind not in _BEGINNINGS:
                reason = "trailing commas not allowed in function call args"
                raise cursor.error(reason, comma.start, comma.end)
        cursor.take()
        return tuple(args)


def _matching(
    operator: Token, written: VectorMatching, *, is_vector: bool
) -> VectorMatching | None:
    """The matching of two vectors; else None, unless `check` has to refuse what was written."""
    is_filled = written.fill_left is not None or written.fill_right is not None
    if not is_vector and not written.labels and not is_filled:
        return None
    if operator.kind in SET_OPERATORS and written.cardinality is Cardinality.ONE_TO_ONE:
        return replace(written, cardinality=Cardinality.MANY_TO_MANY)
    return written
