"""What may stand in quotes in a condition? PromQL as it is, or a question about log lines."""

from __future__ import annotations

from tocsin.alert.plain.condition_tokens import ConditionError, Dimension, Kind, Token
from tocsin.alert.plain.measure import Piece, Role
from tocsin.kit.fault import Rejected
from tocsin.query.logs.parse import parse as parse_question
from tocsin.query.promql import ast
from tocsin.query.promql.durations import format_duration
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.quoting import quote


def promql(token: Token) -> Piece:
    """`promql("…")`: any expression."""
    text = _text(token, 'PromQL in quotes: promql("…")')
    try:
        parsed = parse(text)
    except ParseError as error:
        raise ConditionError(f"could not parse expression: {error}", token.at) from error
    is_selector = isinstance(parsed, ast.VectorSelector)
    return Piece(to_text(parsed), Role.MEASURE, is_selector=is_selector)


def lines(token: Token, span_ms: int, by: tuple[str, ...]) -> Piece:
    """`lines("payment failed level:error", 5m)`: how many lines answered that question in that
    time, by these of their fields. Nothing where there were none."""
    text = _text(token, 'a question in quotes: lines("payment failed level:error", 5m)')
    try:
        parse_question(text)
    except Rejected as error:
        raise ConditionError(f"the question about lines is wrong: {error}", token.at) from error
    options = {"q": text, "in": format_duration(span_ms), **({"by": ", ".join(by)} if by else {})}
    named = ", ".join(f"{name}={quote(value)}" for name, value in options.items())
    counted = f"sum by ({', '.join(by)}) (logs{{{named}}})" if by else f"sum(logs{{{named}}})"
    return Piece(counted, Role.MEASURE, Dimension.NUMBER)


def _text(token: Token, what: str) -> str:
    if token.kind is not Kind.TEXT:
        raise ConditionError(f"expected {what}", token.at)
    return token.text[1:-1].replace(f"\\{token.text[0]}", token.text[0])
