"""Queries and templates that are made to hurt are refused, or cost no more than others."""

from __future__ import annotations

import pytest

from tocsin.kit.fault import Rejected
from tocsin.query.logql.ast import LogQuery
from tocsin.query.logql.parse import parse
from tocsin.query.logql.process import Entry
from tocsin.query.logql.process import compiled as run_of
from tocsin.query.logql.pushdown import plan
from tocsin.query.logql.templates import compiled
from tocsin.query.logql.units import bytes_of, seconds_of

NINES = "9" * 5000


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f'rate({{a="b"}}[{NINES}h])', id="a range of 5,000 digits"),
        pytest.param(f'rate({{a="b"}}[5m] offset {NINES}h)', id="an offset of 5,000 digits"),
        pytest.param('{a="b"} | ' + "(" * 5000, id="thousands of parentheses"),
        pytest.param('\\"' * 50_000, id="quotation marks that are not closed"),
    ],
)
def test_a_hostile_query_is_refused(query: str) -> None:
    with pytest.raises(Rejected):
        parse(query)


@pytest.mark.parametrize("word", ["and", "or"])
def test_a_long_chain_of_conditions_is_nested_as_little_as_can_be(word: str) -> None:
    query = parse('{a="b"} | ' + f" {word} ".join(["x=1"] * 5000))
    assert isinstance(query, LogQuery)
    assert plan(query).where.count("= 1.0") == 5000
    run_of(query.stages)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param('{{indent 3000000000 "a"}}', id="an indentation"),
        pytest.param('{{nindent 3000000000 "a"}}', id="an indentation of a new line"),
        pytest.param('{{alignLeft 3000000000 "a"}}', id="blanks behind"),
        pytest.param('{{alignRight 3000000000 "a"}}', id="blanks before"),
        pytest.param('{{printf "%3000000000d" 1}}', id="a width"),
        pytest.param('{{printf "%*d" 3000000000 1}}', id="a width that is given"),
        pytest.param(
            '{{replace "" (repeat 1000 "aaaaaaaaaa") (repeat 1000 "aaaaaaaaaa")}}',
            id="a replacement",
        ),
        pytest.param(
            '{{regexReplaceAll "" (repeat 1000 "a") (repeat 1000 "aaaaaaaaaaaa")}}',
            id="a replacement by a pattern",
        ),
    ],
)
def test_a_template_cannot_make_more_than_a_line(template: str) -> None:
    with pytest.raises(Rejected):
        compiled(template)({}, "line", 0)


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ('{{int "inf"}}', "0"),
        ('{{add "nan" 1}}', "1"),
        ('{{alignLeft 3 "a"}}|', "a  |"),
        ('{{alignRight 3 "a"}}|', "  a|"),
        ('{{indent 2 "a"}}', "  a"),
        ('{{repeat 3 "ab"}}', "ababab"),
        ('{{printf "%5.2f" 1.5}}', " 1.50"),
        ('{{Replace "aaa" "a" "b" 2}}', "bba"),
    ],
)
def test_usual_templates_say_what_they_said(template: str, line: str) -> None:
    assert compiled(template)({}, "line", 0) == line


LONG = 400_000
"""Characters that take minutes to read for whatever begins anew at each of them."""


def test_long_values_of_lines_are_no_durations_and_sizes() -> None:
    assert seconds_of("0" * LONG) is None
    assert bytes_of("0" * LONG + "!") is None
    assert seconds_of("1h30.5m") == 3600 + 30.5 * 60
    assert seconds_of(".5s") == 0.5
    assert bytes_of("1.5KiB") == 1536


def test_an_address_is_found_in_a_line_and_not_in_a_long_word() -> None:
    query = parse('{a="b"} |= ip("10.0.0.0/8")')
    assert isinstance(query, LogQuery)
    run = run_of(query.stages)
    assert not run(Entry(0, "a" * LONG, {}))
    assert run(Entry(0, f"{'a' * LONG} from 10.1.2.3:80", {}))
    six = parse('{a="b"} |= ip("2001:db8::/32")')
    assert isinstance(six, LogQuery)
    assert run_of(six.stages)(Entry(0, "from 2001:db8::1 to you", {}))


@pytest.mark.parametrize(
    "source",
    ["{{ (.a).upper }}", "{{ (.a).ljust 999999999999 }}", "{{ (.a).format __timestamp__ }}",
     '{{ ("{0.__class__}").format .a }}'],
)  # fmt: skip
def test_a_line_s_template_does_not_reach_into_python(source: str) -> None:
    render = compiled(source)
    with pytest.raises(Rejected, match="can't evaluate field"):
        render({"a": "{0.__class__.__mro__}"}, "a line", 1)


def test_a_line_s_moment_is_go_s() -> None:
    render = compiled('{{ __timestamp__ }}|{{ (__timestamp__).Format "15:04" }}')
    assert render({}, "", 1_700_000_000_120_000_000) == "2023-11-14 22:13:20.12 +0000 UTC|22:13"
