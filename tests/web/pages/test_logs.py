"""What the logs pages ask for and draw, without a browser."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.query.logs.costs import Point
from tocsin.query.logs.parse import parse
from tocsin.query.logs.patterns import PatternRow
from tocsin.query.logs.search import Bucket, Line, Span
from tocsin.query.promql.parse import parse as parse_promql
from tocsin.query.promql.printer import to_text
from tocsin.web.pages.log_asked import Mute, marked, part_of, read_asked, with_part, words_of
from tocsin.web.pages.log_bars import HEIGHT, WIDTH, bars_of
from tocsin.web.pages.log_costs import courses
from tocsin.web.pages.log_filters import alert_path, as_series
from tocsin.web.pages.log_line import elsewhere, field_rows
from tocsin.web.pages.log_patterns import fresh_of, grown_of
from tocsin.web.pages.logs import cursor_of

MUTE = Mute(service="api", template="x", patterns=["7", "8"])


def line(ts_ns: int, number: int = 0) -> Line:
    attributes = {"region": "eu 1"}
    known = ("api", 17, "error", "no", "h", "", "", "", "", "", "5", attributes, "", "9", number)
    return Line(ts_ns, *known)


def row(lines: int, before: int, first_seen_s: float = 0.0, level: int = 9) -> PatternRow:
    return PatternRow("api", f"{lines}", "", ("1",), level, lines, before, first_seen_s)


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("", "-pattern:(7 OR 8)"),
        ("a OR b", "(a OR b) -pattern:(7 OR 8)"),
        ("pattern:7", "pattern:7"),
    ],
)
def test_what_is_muted_is_not_asked_for(typed: str, question: str) -> None:
    assert read_asked(typed, mutes=[MUTE]).question == question
    assert read_asked(typed, mutes=[MUTE], shows_muted=True).question == typed


def test_what_a_service_costs_over_time_has_its_gaps() -> None:
    points = [Point("a", 120, 10), Point("a", 300, 5), Point("b", 240, 7), Point("c", 180, 0)]
    assert courses(points, 150, 330, 60) == {"a": [1, 0, 0, 0.5], "b": [0, 0, 1, 0]}


def test_a_mistake_is_told_with_its_place() -> None:
    asked = read_asked("level:(error", mutes=[MUTE])
    assert asked.problem == "a closing parenthesis is expected here"
    assert asked.problem_at == 12
    unread = read_asked('say "it', columns="a, b a")
    assert (unread.problem, unread.columns) == ("this quotation mark is not closed", ("a", "b"))


@pytest.mark.parametrize(
    ("typed", "whole"),
    [("", "b:1"), ("a", "a b:1"), ("a OR c", "(a OR c) b:1"), ("x b:1", "x b:1")],
)
def test_a_part_is_added_to_a_question(typed: str, whole: str) -> None:
    assert with_part(typed, part_of("b", "1")) == whole


def test_of_very_many_words_only_the_first_are_marked() -> None:
    words = [f"word{number}" for number in range(100, 300)]
    assert marked("word100 word299", words) == "<mark>word100</mark> word299"


def test_words_that_are_looked_for_are_marked_and_nothing_becomes_markup() -> None:
    words = words_of(parse('level:error "timed out" message:DB -fine'))
    assert words == ["timed out", "DB"]
    assert marked("<b>db</b> Timed out", words) == (
        "&lt;b&gt;<mark>db</mark>&lt;/b&gt; <mark>Timed out</mark>"
    )


def test_a_question_becomes_a_series_that_can_be_alerted_on() -> None:
    expr = as_series('service:api "timed out"')
    assert expr == 'logs{q="service:api \\"timed out\\"", in="5m"}'
    assert to_text(parse_promql(expr)) == to_text(parse_promql(expr.replace(", in", ",in")))
    assert alert_path("a b") == "/rules/new?expr=logs%7Bq%3D%22a+b%22%2C+in%3D%225m%22%7D&hold=0s"


def test_the_next_page_begins_behind_the_lines_of_the_last_moment() -> None:
    assert cursor_of([line(5), line(4, 1), line(4, 0)], "") == "4.2"
    assert cursor_of([line(4, 3), line(4, 2)], "4.2") == "4.4"


def test_bars_lie_within_the_drawing_and_show_what_is_rare() -> None:
    second = 10**9
    buckets = [Bucket(0, 9, 10_000), Bucket(0, 17, 1), Bucket(60, 9, 5)]
    first, second_bar = bars_of(buckets, Span(30 * second, 90 * second), 60)
    assert first.words == "1 error, 10,000 info"
    assert [part.level for part in first.parts] == ["error", "info"]
    assert first.parts[0].height >= 1
    assert first.x == 0
    assert second_bar.x == WIDTH / 2
    for bar in (first, second_bar):
        assert bar.x + bar.width <= WIDTH
        assert all(part.y >= 0 and part.y + part.height <= HEIGHT + 1 for part in bar.parts)
    assert bars_of([], Span(0, second), 1) == []


def test_new_is_what_was_not_there_before_and_grown_what_was_seldom() -> None:
    old, new, grown, few = row(50, 40, 10), row(3, 0, 90), row(60, 1, 5), row(4, 1, 5)
    bad = row(1, 0, 95, level=17)
    rows = [old, new, grown, few, bad]
    assert fresh_of(rows, 80) == [bad, new]
    assert grown_of(rows) == [grown]


def test_every_field_of_a_line_leads_to_questions() -> None:
    found = {one.name: (one.value, one.with_, one.without) for one in field_rows(line(1), "x")}
    assert found["region"] == ("eu 1", 'x region:"eu 1"', 'x -region:"eu 1"')
    assert "host" in found
    assert "trace_id" not in found


TRACE, SPAN = "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", "00f067aa0ba902b7"


def test_a_line_leads_to_its_trace_its_host_and_alerts() -> None:
    told = msgspec.structs.replace(line(600_000_000_000), trace_id=TRACE, span_id=SPAN)
    assert dict(elsewhere(told)) == {
        "Trace": f"/traces/{TRACE.replace('-', '').lower()}?span={SPAN}",
        "h then": "/logs?q=host%3Ah&from=300000&to=900000",
        "Alerts of api": "/alerts?q=api",
        "Its alerts then": "/explore?a=ALERTS%7Bservice%3D%22api%22%7D&from=300000&to=900000",
    }
    odd = msgspec.structs.replace(told, trace_id="req-7", service="", host="")
    assert elsewhere(odd) == []


@pytest.mark.parametrize(
    ("body", "attributes", "is_error"),
    [
        pytest.param("no", {"exception.type": "E"}, True, id="an attribute of OpenTelemetry"),
        pytest.param("no", {"stack": "E: no\n    at f (a.js:1:2)"}, True, id="winston's stack"),
        pytest.param("E: no\n    at f (a.js:1:2)\n", {}, True, id="a stack of node"),
        pytest.param("E: no\n\tat a.B.f(B.java:7)", {}, True, id="a stack of Java"),
        pytest.param("Traceback (most recent call last):\n  x", {}, True, id="Python's"),
        pytest.param("panic\ngoroutine 1 [running]:", {}, True, id="Go's"),
        pytest.param("payment failed at the bank", {"error": "no"}, False, id="none"),
    ],
)
def test_a_line_with_an_exception_leads_to_its_issue(
    body: str, attributes: dict[str, str], is_error: bool
) -> None:
    told = msgspec.structs.replace(line(1), body=body, attributes=attributes)
    paths = dict(elsewhere(told))
    assert (paths.get("Error") == "/errors?line=1-9-0") is is_error
