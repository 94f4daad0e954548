"""What is told of a wrong query: the place and Prometheus's words."""

from __future__ import annotations

import pickle

import pytest

from tocsin.query.promql.cursor import MAX_DEPTH
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.parse import MAX_CHARACTERS, parse

ANY_DURATION = "number, duration, step(), or range()"

WRONG = [
    ("", "1:1: parse error: no expression found in input"),
    ("# nothing\n\n", "1:1: parse error: no expression found in input"),
    ("1+", "1:3: parse error: unexpected end of input"),
    (".", "1:1: parse error: unexpected character: '.'"),
    ("2.5.", '1:1: parse error: bad number or duration syntax: "2.5."'),
    ("100..4", '1:1: parse error: bad number or duration syntax: "100.."'),
    ("0deadbeef", '1:1: parse error: bad number or duration syntax: "0de"'),
    ("*1", "1:1: parse error: unexpected <op:*>"),
    ("(1))", "1:5: parse error: unexpected right parenthesis ')'"),
    ("((1)", "1:5: parse error: unclosed left parenthesis"),
    ("1 and 1", '1:1: parse error: set operator "and" not allowed in binary scalar expression'),
    ("a or 1", '1:1: parse error: set operator "or" not allowed in binary scalar expression'),
    ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
    ("1 !~ 1", "1:3: parse error: unexpected character after '!': '~'"),
    ("1 =~ 1", "1:3: parse error: unexpected character after '=': '~'"),
    ("-\"a\"", "1:1: parse error: unary expression only allowed on expressions of type scalar or "
     'instant vector, got "string"'),
    ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
    ('a + "b"', "1:5: parse error: binary expression must contain only scalar and instant vector "
     "types"),
    ("1 + on(x) a", "1:1: parse error: vector matching only allowed between instant vectors"),
    ("a and on(x) group_left b", '1:1: parse error: no grouping allowed for "and" operation'),
    ("a + on(x) group_left(x) b", '1:3: parse error: label "x" must not occur in ON and GROUP '
     "clause at once"),
    ("a + group_left b", "1:5: parse error: unexpected <group_left>"),
    ("a and fill(0) b", "1:1: parse error: filling in missing series not allowed for set "
     "operators"),
    ("1 + fill(0) a", "1:1: parse error: filling in missing series only allowed between instant "
     "vectors"),
    ("a b", '1:3: parse error: unexpected identifier "b"'),
    ("a\n  b", '2:3: parse error: unexpected identifier "b"'),
    ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('{x=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ('a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'),
    ('a{"b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'),
    ("a{x}", '1:4: parse error: unexpected "}" in label matching, expected label matching '
     "operator"),
    ("a{x=1}", "1:5: parse error: unexpected character inside braces: '1'"),
    ("a{x=b}", '1:5: parse error: unexpected identifier "b" in label matching, expected string'),
    ('a{x="b" y="c"}', '1:9: parse error: unexpected identifier "y" in label matching, expected '
     '"," or "}"'),
    ("a{,}", '1:3: parse error: unexpected "," in label matching, expected identifier or "}"'),
    ('a{x="b"', "1:8: parse error: unexpected end of input inside braces"),
    ('a{x=~"["}', "1:3: parse error: error parsing regexp: missing closing ]: `[)$`"),
    ('a{x=~"("}', "1:3: parse error: error parsing regexp: missing closing ): `^(?s:()$`"),
    ('a{x=~"*"}', "1:3: parse error: error parsing regexp: missing argument to repetition "
     "operator: `*`"),
    ("sum(a b)", '1:7: parse error: unexpected identifier "b" in aggregation'),
    ("sum a", '1:5: parse error: unexpected identifier "a"'),
    ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
    ("sum(a, b)", "1:1: parse error: wrong number of arguments for aggregate expression provided, "
     "expected 1, got 2"),
    ("topk(a)", "1:1: parse error: wrong number of arguments for aggregate expression provided, "
     "expected 2, got 1"),
    ("topk(a, b)", "1:6: parse error: expected type scalar in aggregation parameter, got instant "
     "vector"),
    ("count_values(5, a)", "1:14: parse error: expected type string in aggregation parameter, got "
     "scalar"),
    ("sum(a[5m])", "1:5: parse error: expected type instant vector in aggregation expression, got "
     "range vector"),
    ("sum by x (a)", '1:8: parse error: unexpected identifier "x" in grouping opts, expected "("'),
    ("sum by (==) (a)", "1:9: parse error: unexpected <op:==> in grouping opts, expected label"),
    ("sum by (x y) (a)", '1:11: parse error: unexpected identifier "y" in grouping opts, expected '
     '"," or ")"'),
    ('sum by ("") (a)', '1:9: parse error: invalid label name for grouping: ""'),
    ("nope(a)", '1:1: parse error: unknown function with name "nope"'),
    ("rate(a)", '1:6: parse error: expected type range vector in call to function "rate", got '
     "instant vector"),
    ("rate()", '1:1: parse error: expected 1 argument(s) in call to "rate", got 0'),
    ("round()", '1:1: parse error: expected at least 1 argument(s) in call to "round", got 0'),
    ("round(a, 1, 2)", '1:1: parse error: expected at most 2 argument(s) in call to "round", '
     "got 3"),
    ("rate(a[5m],)", "1:11: parse error: trailing commas not allowed in function call args"),
    ("info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead"),
    ("a[5m", "1:5: parse error: unclosed left bracket"),
    ("a[", "1:3: parse error: unexpected end of input in duration expression"),
    ("a[]", '1:3: parse error: unexpected "]" in subquery or range selector, expected '
     f"{ANY_DURATION}"),
    ("a[5m 5m]", '1:6: parse error: unexpected duration "5m" in subquery or range, expected ":" or '
     '"]"'),
    ("a[5m:5m 5m]", '1:9: parse error: unexpected duration "5m" in subquery selector, expected '
     '"]"'),
    ("a[0]", "1:3: parse error: duration must be greater than 0"),
    ("a[1h/0]", "1:5: parse error: division by zero"),
    ("a[1h%0]", "1:5: parse error: modulo by zero"),
    ("a[500y]", "1:3: parse error: duration out of range"),
    ("a[5m1h]", '1:3: parse error: not a valid duration string: "5m1h"'),
    ("a[5m][5m]", "1:6: parse error: ranges only allowed for vector selectors"),
    ("a offset 1m[5m]", "1:12: parse error: no offset modifiers allowed before range"),
    ("a @ 1[5m]", "1:6: parse error: no @ modifiers allowed before range"),
    ("a[5m][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix "
     "instead"),
    ("a offset", f"1:9: parse error: unexpected end of input in offset, expected {ANY_DURATION}"),
    ("a offset 1m offset 1m", "1:1: parse error: offset may not be set multiple times"),
    ("1 offset 1m", "1:1: parse error: offset modifier must be preceded by an instant vector "
     "selector or range vector selector or a subquery"),
    ("a @", "1:4: parse error: unexpected end of input in @, expected timestamp"),
    ("a @ start", "1:10: parse error: unexpected end of input in @, expected timestamp"),
    ("a @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
    ("a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
    ("a anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used "
     "together"),
    ("a[1h:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"),
    ('"a', "1:1: parse error: unterminated quoted string"),
    ("`a", "1:1: parse error: unterminated raw string"),
    (r'"\q"', "1:1: parse error: unknown escape sequence U+0071 'q'"),
    (r'"\xg0"', "1:1: parse error: illegal character U+0067 'g' in escape sequence"),
    (r'"\ud800"', "1:1: parse error: escape sequence is an invalid Unicode code point"),
    ("1e309", '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e309": value '
     "out of range"),
    ('"é" b', '1:6: parse error: unexpected identifier "b"'),
    ("a >/ 1", '1:3: parse error: operator ">/" is for native histograms, not supported here'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text or "empty" for text, _ in WRONG])
def test_a_mistake_is_told_with_its_place_in_prometheus_words(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limitk(1, a)", "1:1: parse error: limitk() is experimental and must be enabled with "
         "--enable-feature=promql-experimental-functions"),
        ("mad_over_time(a[5m])", '1:1: parse error: function "mad_over_time" is not enabled'),
        ("a[1m+1m]", "1:3: parse error: experimental duration expression is not enabled"),
        ("a anchored", "1:1: parse error: anchored modifier is experimental and not enabled"),
        ("a + fill(0) b", "1:5: parse error: binop fill modifiers are experimental and not "
         "enabled"),
    ],
)  # fmt: skip
def test_experiments_are_refused_when_switched_off(text: str, message: str) -> None:
    parse(text)
    with pytest.raises(ParseError) as caught:
        parse(text, experimental=False)
    assert str(caught.value) == message


def test_the_place_is_there_for_programs_too() -> None:
    with pytest.raises(ParseError) as caught:
        parse("sum(a)\n + nope(b)")
    assert caught.value.position == (2, 4)
    assert (caught.value.pos.start, caught.value.pos.end) == (10, 14)
    assert caught.value.reason == 'unknown function with name "nope"'
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("opening", "closing"), [("(", ")"), ("-", ""), ("a + ", ""), ("sum(", ")"), ("a ^ ", "")]
)
def test_deep_nesting_is_refused_clearly_and_what_is_allowed_works(
    opening: str, closing: str
) -> None:
    allowed = MAX_DEPTH // 3
    hash(parse(opening * allowed + "a" + closing * allowed))
    with pytest.raises(ParseError, match="nests deeper than 500 levels"):
        parse(opening * 5000 + "a" + closing * 5000)


def test_an_endless_query_is_refused_unread() -> None:
    with pytest.raises(ParseError, match="at most 262144 are read"):
        parse("a" * (MAX_CHARACTERS + 1))
