"""A tree written as a query again, and read back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.query.promql.ast import (
    Aggregate,
    AtModifier,
    Binary,
    Call,
    Duration,
    DurationExpr,
    DurationOp,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    VectorMatching,
    VectorSelector,
)
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.floats import format_float
from tocsin.query.promql.json_tree import to_tree
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import matcher_text, pretty, to_text

WORDS = st.sampled_from(["a", "job:x", "sum", "by", "http_requests_total", "offset", "step"])
LABELS = st.sampled_from(["x", "le", "by", "my.label", "ü"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=8)


def _ordered(matchers: list[Matcher]) -> tuple[Matcher, ...]:
    return tuple(sorted(matchers, key=matcher_text))


MATCHERS = st.lists(
    st.builds(Matcher, LABELS, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), TEXTS),
    max_size=3,
).map(_ordered)
SPANS = st.integers(1, 10**10)


def _durations() -> st.SearchStrategy[Duration]:
    leaf = st.one_of(
        st.builds(NumberLiteral, st.integers(1, 10**6).map(float)),
        st.builds(NumberLiteral, st.integers(1, 10**6).map(float), st.just(True)),
        st.sampled_from([DurationExpr(DurationOp.STEP), DurationExpr(DurationOp.RANGE)]),
    )
    plain = st.sampled_from(
        [DurationOp.ADD, DurationOp.SUB, DurationOp.MUL, DurationOp.DIV, DurationOp.POW]
    )
    named = st.sampled_from([DurationOp.MIN, DurationOp.MAX])
    wrapped = st.builds(DurationExpr, plain, leaf, leaf, st.just(True))
    called = st.builds(DurationExpr, named, wrapped, leaf)
    return st.one_of(SPANS, wrapped, called, st.just(DurationExpr(DurationOp.STEP)))


@st.composite
def selectors(draw: st.DrawFn) -> VectorSelector:
    name = draw(st.one_of(st.just(""), WORDS))
    matchers = draw(MATCHERS)
    if name:
        matchers += (Matcher(NAME, MatchOp.EQUAL, name),)
    else:
        matchers = _ordered([*matchers, Matcher("one", MatchOp.EQUAL, "value")])
    return VectorSelector(name, matchers)


@st.composite
def timed(draw: st.DrawFn) -> VectorSelector:
    plain = draw(selectors())
    offset = draw(st.one_of(st.integers(-(10**9), 10**9), _durations()))
    at_ms = draw(st.one_of(st.none(), st.integers(-(10**12), 10**12)))
    at = draw(st.sampled_from([None, *AtModifier])) if at_ms is None else None
    anchored = draw(st.booleans())
    return VectorSelector(plain.name, plain.matchers, offset, at_ms, at, anchored)


NUMBERS = st.one_of(
    st.floats(allow_nan=False), st.just(math.nan), st.integers(0, 10**18).map(float)
).map(NumberLiteral)
MATRICES = st.builds(MatrixSelector, timed(), _durations())
GROUPING = st.lists(LABELS, max_size=2).map(tuple)
FILLS = st.one_of(st.none(), st.floats(allow_nan=False))
MATCHINGS = st.builds(
    VectorMatching, labels=GROUPING, on=st.booleans(), fill_left=FILLS, fill_right=FILLS
)


def _larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    op = st.sampled_from(["+", "-", "*", "/", "%", "^", "atan2", "==", ">"])
    closed = inner.map(Paren)
    return st.one_of(
        closed,
        st.builds(Binary, op, closed, closed, MATCHINGS),
        st.builds(Aggregate, st.just("sum"), inner, grouping=GROUPING, without=st.booleans()),
        st.builds(Aggregate, st.just("topk"), inner, NUMBERS, GROUPING),
        st.builds(lambda arg: Call("abs", (arg,)), inner),
        st.builds(lambda arg, to: Call("round", (arg, to)), inner, NUMBERS),
        st.builds(Subquery, closed, _durations(), st.one_of(st.none(), _durations())).map(
            lambda arg: Call("rate", (arg,))
        ),
    )


VECTORS: st.SearchStrategy[Expr] = st.recursive(
    st.one_of(timed(), MATRICES.map(lambda arg: Call("rate", (arg,)))), _larger, max_leaves=8
)
EXPRESSIONS = st.one_of(VECTORS, NUMBERS, TEXTS.map(StringLiteral))


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS)
def test_what_is_printed_is_read_back_as_the_same_tree(expr: Expr) -> None:
    assert parse(to_text(expr)) == expr
    assert parse(pretty(expr)) == expr
    assert to_tree(expr)["type"]


SIGNS = """a b_c sum by ( ) { } [ ] , : + - * / % ^ == != =~ !~ = < > @ offset 5m 1h30m 1e3 0x1f "x"
'y' `z` and or unless atan2 bool on ignoring group_left fill( start() end() step() min_of( anchored
smoothed # inf nan rate( topk( {a="b"} [5m] [1h:5m] é \\ " ! $ ."""
PIECES = st.sampled_from([*SIGNS.split(), "\n"])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=12).map(" ".join)))
def test_junk_is_refused_or_understood_and_never_crashes(text: str) -> None:
    try:
        found = parse(text)
    except ParseError:
        return
    assert to_text(parse(to_text(found))) == to_text(found)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("SUM (a) BY (x , y)", "sum by (x, y) (a)"),
        ("sum by () (a)", "sum(a)"),
        ("sum without () (a)", "sum without () (a)"),
        ('a{z="1",b!="2"}', 'a{b!="2",z="1"}'),
        ("{'my.metric','l.x'='y'}", '{"l.x"="y",__name__="my.metric"}'),
        ("a[300]", "a[5m]"),
        ("a offset 90m", "a offset 1h30m"),
        ("a @ 1.5 offset -1d", "a @ 1.500 offset -1d"),
        ("a + on(x) group_left b", "a + on (x) group_left () b"),
        ("a + fill(1) b", "a + fill (1) b"),
        ("1e-7", "0.0000001"),
        ("5m", "5m"),
        ("a[step()*(1h+2)]", "a[step() * (1h + 2)]"),
        ("a[min(1,2)]", "a[min_of(1, 2)]"),
        ("-a^2", "-a ^ 2"),
        ('"a\\xc5\t🔔"', '"a\\xc5\\t🔔"'),
    ],
)
def test_queries_are_written_as_prometheus_writes_them(text: str, printed: str) -> None:
    assert to_text(parse(text)) == printed


LONG = 'very_long_metric_name_of_a_service{environment="production",handler="/api/v1/query"}'


def test_a_long_query_is_broken_into_lines() -> None:
    text = f"sum by (job) (rate({LONG}[5m])) / on (job) (topk(3, {LONG}) + 1234567)"
    assert pretty(parse(text)) == (
        f"  sum by (job) (\n    rate({LONG}[5m])\n  )\n"
        "/ on (job)\n"
        f"  (\n      topk(3, {LONG})\n    +\n      1234567\n  )"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1e21, "1" + "0" * 21),
        (1.5e300, "15" + "0" * 299),
        (-2.5e-7, "-0.00000025"),
        (123456.789, "123456.789"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_floats_are_written_without_an_exponent(value: float, text: str) -> None:
    assert format_float(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_written_floats_are_the_same_floats(value: float) -> None:
    assert float(format_float(value)) == value
