"""What a query means: trees of what is written."""

from __future__ import annotations

import math

import pytest

from tocsin.model.labels import Matcher, MatchOp
from tocsin.query.promql.ast import (
    Aggregate,
    AtModifier,
    Binary,
    Call,
    Cardinality,
    DurationExpr,
    DurationOp,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorMatching,
    VectorSelector,
)
from tocsin.query.promql.check import type_of
from tocsin.query.promql.parse import parse, parse_selector


def metric(name: str, **labels: str) -> VectorSelector:
    named = Matcher("__name__", MatchOp.EQUAL, name)
    found = tuple(Matcher(key, MatchOp.EQUAL, value) for key, value in labels.items())
    return VectorSelector(name, (*found, named))


def number(value: float) -> NumberLiteral:
    return NumberLiteral(value)


A, B = metric("a"), metric("b")
VECTORS = VectorMatching()
MANY = VectorMatching(Cardinality.MANY_TO_MANY)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("5e-3", 0.005),
        ("1E3", 1000.0),
        ("0xc", 12.0),
        ("0x_Ff", 255.0),
        ("0755", 493.0),
        ("0b101", None),
        ("1_000", 1000.0),
        ("+Inf", math.inf),
        ("-inF", -math.inf),
        ("-0755", -493.0),
        ("- - 1", 1.0),
        ("5m", 300.0),
        ("-1h30m", -5400.0),
        ("9223372036854775808", 9223372036854775808.0),
    ],
)
def test_numbers_are_read_as_go_reads_them(text: str, value: float | None) -> None:
    if value is None:
        with pytest.raises(Exception, match="bad number"):
            parse(text)
        return
    found = parse(text)
    assert isinstance(found, NumberLiteral)
    assert found.value == value


def test_nan_is_a_number_with_either_sign() -> None:
    assert parse("NaN") == parse("-nan") == NumberLiteral(math.nan)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\n\t\"\\"', 'a\n\t"\\'),
        (r"'it\'s'", "it's"),
        (r"`raw\n`", r"raw\n"),
        ("`two\nlines`", "two\nlines"),
        (r'"\x41\101\u00e9\U0001F514"', "AAé🔔"),
        (r'"a\xc5z"', "a\udcc5z"),
        (r'"\xc3\xa9"', "é"),
    ],
)
def test_strings_are_unquoted_as_go_unquotes_them(text: str, value: str) -> None:
    assert parse(text) == StringLiteral(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "1 + 2 * 3",
            Binary("+", number(1), Binary("*", number(2), number(3))),
            id="a product binds tighter than a sum",
        ),
        pytest.param(
            "2 ^ 3 ^ 4",
            Binary("^", number(2), Binary("^", number(3), number(4))),
            id="the power groups to the right",
        ),
        pytest.param(
            "1 - 2 - 3",
            Binary("-", Binary("-", number(1), number(2)), number(3)),
            id="the rest groups to the left",
        ),
        pytest.param(
            "-1 ^ 2",
            Unary("-", Binary("^", number(1), number(2))),
            id="a sign is weaker than the power",
        ),
        pytest.param(
            "-a * b",
            Binary("*", Unary("-", A), B, VECTORS),
            id="a sign is stronger than a product",
        ),
        pytest.param(
            "a or b and a == b",
            Binary("or", A, Binary("and", B, Binary("==", A, B, VECTORS), MANY), MANY),
            id="or, and, comparison from weak to strong",
        ),
        pytest.param("a atan2 b", Binary("atan2", A, B, VECTORS), id="atan2 is an operator"),
        pytest.param(
            "-a offset 5m",
            Unary("-", VectorSelector("a", A.matchers, offset=300_000)),
            id="offset is the strongest",
        ),
        pytest.param(
            "a > bool 1",
            Binary(">", A, number(1), return_bool=True),
            id="bool, and no matching with a scalar",
        ),
        pytest.param("(a)", Paren(A), id="parentheses are kept"),
    ],
)
def test_operators_bind_as_in_prometheus(text: str, expected: Expr) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("modifiers", "expected"),
    [
        ("on (x, y,)", VectorMatching(labels=("x", "y"), on=True)),
        ("on ()", VectorMatching(on=True)),
        ('ignoring (by, "u.8")', VectorMatching(labels=("by", "u.8"))),
        (
            "on (x) group_left (z)",
            VectorMatching(Cardinality.MANY_TO_ONE, ("x",), True, ("z",)),
        ),
        ("ignoring (x) group_right", VectorMatching(Cardinality.ONE_TO_MANY, ("x",))),
        ("fill (0)", VectorMatching(fill_left=0.0, fill_right=0.0)),
        ("on (x) fill_right (-Inf)", VectorMatching(labels=("x",), on=True, fill_right=-math.inf)),
        ("fill_left (1) fill_right (2)", VectorMatching(fill_left=1.0, fill_right=2.0)),
        ("fill_right (2) fill_left (1)", VectorMatching(fill_left=1.0, fill_right=2.0)),
    ],
)
def test_vectors_are_matched_as_written(modifiers: str, expected: VectorMatching) -> None:
    assert parse(f"a + {modifiers} b") == Binary("+", A, B, expected)


def test_fill_is_a_metric_where_no_parenthesis_follows() -> None:
    assert parse("a + fill") == Binary("+", A, metric("fill"), VECTORS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(a)", Aggregate("sum", A)),
        ("SUM BY (x) (a)", Aggregate("sum", A, grouping=("x",))),
        ("sum(a) by (x)", Aggregate("sum", A, grouping=("x",))),
        ("sum by () (a)", Aggregate("sum", A)),
        ("sum without () (a)", Aggregate("sum", A, without=True)),
        ("topk(3, a) without (sum)", Aggregate("topk", A, number(3), ("sum",), True)),
        ('count_values("v", a)', Aggregate("count_values", A, StringLiteral("v"))),
        ("limitk(2, a)", Aggregate("limitk", A, number(2))),
        ("limit_ratio(-0.5, a)", Aggregate("limit_ratio", A, number(-0.5))),
    ],
)
def test_aggregations_take_their_grouping_on_either_side(text: str, expected: Expr) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "word",
    ["sum", "by", "offset", "and", "start", "end", "step", "range", "anchored", "limitk", "min_of"],
)
def test_keywords_name_metrics_and_labels(word: str) -> None:
    assert parse(word) == metric(word)
    assert parse(f'{word}{{{word}="x"}}') == metric(word, **{word: "x"})
    assert parse(f"count by ({word}) (a)") == Aggregate("count", A, grouping=(word,))


@pytest.mark.parametrize(
    ("text", "name", "matchers"),
    [
        ('a{x="1",y!="2",z=~"3.*",w!~"4",}', "a", ['x="1"', 'y!="2"', 'z=~"3.*"', 'w!~"4"']),
        ('{"my.metric", "label.x"="y"}', "", ['__name__="my.metric"', 'label.x="y"']),
        ("{__name__=~'a|b'}", "", ["__name__=~'a|b'"]),
        ("job:rate:5m{}", "job:rate:5m", []),
    ],
)
def test_selectors_keep_their_matchers(text: str, name: str, matchers: list[str]) -> None:
    found = parse(text)
    assert isinstance(found, VectorSelector)
    assert found.name == name
    shown = [repr(matcher).replace("'", '"') for matcher in found.matchers]
    named = [f'__name__="{name}"'] if name else []
    assert shown == [matcher.replace("'", '"') for matcher in matchers] + named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a offset -5m", VectorSelector("a", A.matchers, offset=-300_000)),
        ("a offset 90", VectorSelector("a", A.matchers, offset=90_000)),
        ("a @ 1.5 offset 1s", VectorSelector("a", A.matchers, offset=1000, at_ms=1500)),
        ("a offset 1s @ -1.5", VectorSelector("a", A.matchers, offset=1000, at_ms=-1500)),
        ("a @ start()", VectorSelector("a", A.matchers, at=AtModifier.START)),
        ("a[5m]", MatrixSelector(A, 300_000)),
        ("a[300]", MatrixSelector(A, 300_000)),
        (
            "a[5m] anchored @ end() offset 1m",
            MatrixSelector(
                VectorSelector("a", A.matchers, offset=60_000, at=AtModifier.END, anchored=True),
                300_000,
            ),
        ),
        ("a smoothed", VectorSelector("a", A.matchers, smoothed=True)),
        ("a[1h:1m]", Subquery(A, 3_600_000, 60_000)),
        ("a[1h:] @ 10", Subquery(A, 3_600_000, at_ms=10_000)),
    ],
)
def test_selectors_take_ranges_offsets_and_times(text: str, expected: Expr) -> None:
    assert parse(text) == expected


STEP = DurationExpr(DurationOp.STEP)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a[step() * 5]", DurationExpr(DurationOp.MUL, STEP, number(5))),
        (
            "a[max_of(range(), 1)]",
            DurationExpr(DurationOp.MAX, DurationExpr(DurationOp.RANGE), number(1)),
        ),
        (
            "a[min(1, 2)]",
            DurationExpr(DurationOp.MIN, number(1), number(2)),
        ),
        (
            "a[2 ^ -(1 + 2)]",
            DurationExpr(
                DurationOp.POW,
                number(2),
                DurationExpr(
                    DurationOp.NEG,
                    right=DurationExpr(DurationOp.ADD, number(1), number(2), wrapped=True),
                ),
            ),
        ),
    ],
)
def test_durations_are_computed_with_the_step(text: str, expected: DurationExpr) -> None:
    assert parse(text) == MatrixSelector(A, expected)


def test_arithmetic_behind_an_offset_belongs_to_the_series() -> None:
    shifted = VectorSelector("a", A.matchers, offset=-2000)
    assert parse("a offset -2 ^ 2") == Binary("^", shifted, number(2))
    stepped = VectorSelector("a", A.matchers, offset=STEP)
    assert parse("a offset step() * 0") == Binary("*", stepped, number(0))
    product = DurationExpr(DurationOp.MUL, number(2), number(3), wrapped=True)
    assert parse("a offset (2 * 3)") == VectorSelector("a", A.matchers, offset=product)


def test_calls_and_comments() -> None:
    text = "# how much\nrate(a[5m]) # per second\n"
    assert parse(text) == Call("rate", (MatrixSelector(A, 300_000),))
    assert parse("end() - start()") == Binary("-", Call("end", ()), Call("start", ()))


def test_every_node_knows_its_place() -> None:
    text = ' sum by (x) (rate(a{y="1"}[5m] offset 1m)) > 2'
    found = parse(text)
    assert isinstance(found, Binary)
    assert isinstance(found.left, Aggregate)
    assert isinstance(found.left.expr, Call)
    nodes: list[Expr] = [found, found.left, found.left.expr, found.left.expr.args[0], found.right]
    assert [text[node.pos.start : node.pos.end] for node in nodes] == [
        text[1:],
        'sum by (x) (rate(a{y="1"}[5m] offset 1m))',
        'rate(a{y="1"}[5m] offset 1m)',
        'a{y="1"}[5m] offset 1m',
        "2",
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1 + 2", "scalar"),
        ("-(1)", "scalar"),
        ("time() + a", "instant vector"),
        ("a[5m]", "range vector"),
        ("a[5m:1m]", "range vector"),
        ('"x"', "string"),
        ("scalar(a)", "scalar"),
        ("sum(a)", "instant vector"),
    ],
)
def test_types_are_known_without_evaluating(text: str, name: str) -> None:
    assert type_of(parse(text)).value == name


def test_a_selector_alone_is_read_for_the_api() -> None:
    assert parse_selector('a{x="1"}') == metric("a", x="1").matchers
    assert parse_selector("{}") == ()
    with pytest.raises(Exception, match="1:3: parse error: unexpected <op:\\+>"):
        parse_selector("a + b")


def test_equal_queries_are_parsed_once() -> None:
    assert parse("a + b") is parse("a + b")
