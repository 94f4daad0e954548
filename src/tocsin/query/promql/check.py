"""Do the parts of an expression fit together? Types, numbers of arguments, what may stand where.

Mistakes are looked for in Prometheus's order, so that the first one told is the same.
"""

from __future__ import annotations

from typing import assert_never

from tocsin.model.labels import NAME
from tocsin.query.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    Pos,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
)
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.quoting import quote
from tocsin.query.promql.signatures import FUNCTIONS, WITH_PARAMETER, Signature

_COMPARISONS = frozenset({"==", "!=", "<=", "<", ">=", ">"})
_SETS = frozenset({"and", "or", "unless"})
_SHORT = {
    ValueType.SCALAR: "scalar",
    ValueType.VECTOR: "vector",
    ValueType.MATRIX: "matrix",
    ValueType.STRING: "string",
}


def check(expr: Expr, query: str) -> ValueType:
    """What the expression evaluates to; raises ParseError for the first mistake."""
    return _Checker(query).check(expr)


def type_of(expr: Expr) -> ValueType:
    """What a checked expression evaluates to."""
    while isinstance(expr, Paren | Unary):
        expr = expr.expr
    match expr:
        case NumberLiteral():
            return ValueType.SCALAR
        case StringLiteral():
            return ValueType.STRING
        case MatrixSelector() | Subquery():
            return ValueType.MATRIX
        case Call():
            return FUNCTIONS[expr.func].returns
        case Binary():
            scalar = ValueType.SCALAR
            both = type_of(expr.left) is scalar and type_of(expr.right) is scalar
            return scalar if both else ValueType.VECTOR
        case VectorSelector() | Aggregate():
            return ValueType.VECTOR
        case _:
            assert_never(expr)


class _Checker:
    def __init__(self, query: str) -> None:
        self._query = query

    def check(self, expr: Expr) -> ValueType:
        match expr:
            case NumberLiteral() | StringLiteral():
                return type_of(expr)
            case VectorSelector():
                return self._selector(expr)
            case MatrixSelector():
                self._selector(expr.selector)
                return ValueType.MATRIX
            case Subquery():
                return self._subquery(expr)
            case Call():
                return self._call(expr)
            case Aggregate():
                return self._aggregate(expr)
            case Binary():
                return self._binary(expr)
            case Unary():
                return self._unary(expr)
            case Paren():
                return self.check(expr.expr)
            case _:
                assert_never(expr)

    def _fail(self, reason: str, at: Pos) -> ParseError:
        return ParseError(reason, self._query, at)

    def _expect(self, expr: Expr, wanted: ValueType, context: str) -> None:
        found = self.check(expr)
        if found is not wanted:
            reason = f"expected type {wanted.value} in {context}, got {found.value}"
            raise self._fail(reason, expr.pos)

    def _aggregate(self, expr: Aggregate) -> ValueType:
        self._expect(expr.expr, ValueType.VECTOR, "aggregation expression")
        if expr.param is not None and expr.op in WITH_PARAMETER:
            wanted = ValueType.STRING if expr.op == "count_values" else ValueType.SCALAR
            self._expect(expr.param, wanted, "aggregation parameter")
        return ValueType.VECTOR

    def _subquery(self, expr: Subquery) -> ValueType:
        found = self.check(expr.expr)
        if found is not ValueType.VECTOR:
            reason = f"subquery is only allowed on instant vector, got {_SHORT[found]} instead"
            raise self._fail(reason, expr.pos)
        return ValueType.MATRIX

    def _unary(self, expr: Unary) -> ValueType:
        found = self.check(expr.expr)
        if found not in (ValueType.SCALAR, ValueType.VECTOR):
            reason = (
                "unary expression only allowed on expressions of type scalar or instant vector, "
                f"got {quote(found.value)}"
            )
            raise self._fail(reason, expr.pos)
        return found

    def _selector(self, expr: VectorSelector, *, may_be_empty: bool = False) -> ValueType:
        if expr.name:
            for matcher in expr.matchers[:-1]:
                if matcher.name == NAME:
                    names = f"{quote(expr.name)} or {quote(matcher.value)}"
                    raise self._fail(f"metric name must not be set twice: {names}", expr.pos)
        elif not may_be_empty and all(matcher.matches("") for matcher in expr.matchers):
            reason = "vector selector must contain at least one non-empty matcher"
            raise self._fail(reason, expr.pos)
        return ValueType.VECTOR

    def _call(self, expr: Call) -> ValueType:
        function = FUNCTIONS[expr.func]
        self._check_count(expr, function)
        if expr.func == "info" and len(expr.args) > 1:
            self._check_info(expr)
        for index, arg in enumerate(expr.args):
            wanted = function.args[min(index, len(function.args) - 1)]
            if expr.func == "info" and index == 1 and isinstance(arg, VectorSelector):
                self._selector(arg, may_be_empty=True)
            else:
                self._expect(arg, wanted, f"call to function {quote(expr.func)}")
        return function.returns

    def _check_count(self, expr: Call, function: Signature) -> None:
        given, named = len(expr.args), len(function.args)
        least = named - 1 if function.variadic else named
        most = least + function.variadic
        rest = f"argument(s) in call to {quote(expr.func)}, got {given}"
        if function.variadic == 0 and given != named:
            raise self._fail(f"expected {named} {rest}", expr.pos)
        if given < least:
            raise self._fail(f"expected at least {least} {rest}", expr.pos)
        if function.variadic > 0 and given > most:
            raise self._fail(f"expected at most {most} {rest}", expr.pos)

    def _check_info(self, expr: Call) -> None:
        arg = expr.args[1]
        found = type_of(arg)
        if found is not ValueType.VECTOR:
            reason = f'expected type instant vector in call to function "info", got {found.value}'
            raise self._fail(reason, expr.pos)
        if not isinstance(arg, VectorSelector):
            raise self._fail("expected label selectors only", arg.pos)
        if arg.name:
            reason = "expected label selectors only, got vector selector instead"
            raise self._fail(reason, arg.pos)

    def _binary(self, expr: Binary) -> ValueType:
        left, right = self.check(expr.left), self.check(expr.right)
        scalar = ValueType.SCALAR
        if expr.return_bool and expr.op not in _COMPARISONS:
            reason = "bool modifier can only be used on comparison operators"
            raise self._fail(reason, self._operator(expr))
        if expr.op in _COMPARISONS and not expr.return_bool and left is right is scalar:
            reason = "comparisons between scalars must use BOOL modifier"
            raise self._fail(reason, self._operator(expr))
        self._check_labels(expr)
        for side, found in ((expr.left, left), (expr.right, right)):
            if found not in (scalar, ValueType.VECTOR):
                reason = "binary expression must contain only scalar and instant vector types"
                raise self._fail(reason, side.pos)
        self._check_matching(expr, both=left is right is ValueType.VECTOR)
        if expr.op in _SETS and scalar in (left, right):
            reason = f"set operator {quote(expr.op)} not allowed in binary scalar expression"
            raise self._fail(reason, expr.pos)
        return scalar if left is right is scalar else ValueType.VECTOR

    def _check_labels(self, expr: Binary) -> None:
        matching = expr.matching
        if matching is None or not matching.on:
            return
        for label in matching.labels:
            if label in matching.include:
                reason = f"label {quote(label)} must not occur in ON and GROUP clause at once"
                raise self._fail(reason, self._operator(expr))

    def _check_matching(self, expr: Binary, *, both: bool) -> None:
        matching = expr.matching
        if matching is None:
            return
        is_filled = matching.fill_left is not None or matching.fill_right is not None
        if not both:
            reason = "filling in missing series only allowed between instant vectors"
            if matching.labels:
                reason = "vector matching only allowed between instant vectors"
            raise self._fail(reason, expr.pos)
        if expr.op not in _SETS:
            return
        if matching.cardinality in (Cardinality.ONE_TO_MANY, Cardinality.MANY_TO_ONE):
            raise self._fail(f"no grouping allowed for {quote(expr.op)} operation", expr.pos)
        if is_filled:
            reason = "filling in missing series not allowed for set operators"
            raise self._fail(reason, expr.pos)

    def _operator(self, expr: Binary) -> Pos:
        """Where the operator stands, which the tree does not say: behind the left side."""
        start = expr.left.pos.end
        while self._query[start : start + 1] in (" ", "\t", "\n", "\r"):
            start += 1
        return Pos(start, expr.right.pos.start)
