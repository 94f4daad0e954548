"""TraceQL's conditions on spans are asked as they are meant; what cannot be asked is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.fault import Rejected
from tocsin.query.logs.ast import All, Compare, Everything, Field, Has, Not, Query, Regex, Some
from tocsin.query.traces.go_duration import go_duration_ns
from tocsin.query.traces.sql import condition
from tocsin.query.traces.traceql import parse

SERVICE = Field("resource.service.name", Compare.EXACT, "x")
SLOW = Field("duration", Compare.GREATER, "1000000000ns")
FAILED = Field("status", Compare.EXACT, "error")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("", Everything(), id="nothing"),
        pytest.param("{}", Everything(), id="an empty set"),
        pytest.param("{ true }", Everything(), id="what is always true"),
        pytest.param(
            '{ resource.service.name = "x" && duration > 1s && status = error }',
            All((SERVICE, SLOW, FAILED)),
            id="three conditions",
        ),
        pytest.param("{1s<duration}", SLOW, id="a value first"),
        pytest.param('{ name = `GET "x"` }', Field("name", Compare.EXACT, 'GET "x"'), id="raw"),
        pytest.param(
            "{ .http.status_code >= 500 }",
            Field(".http.status_code", Compare.AT_LEAST, "500"),
            id="a number",
        ),
        pytest.param(
            '{ span."my attr" = "a\\"b" }',
            Field("span.my attr", Compare.EXACT, 'a"b'),
            id="a name in quotation marks",
        ),
        pytest.param(
            "{ .a != 1 }",
            All((Has(".a"), Field(".a", Compare.DIFFERENT, "1"))),
            id="different, but there",
        ),
        pytest.param("{ .a != nil }", Has(".a"), id="there"),
        pytest.param("{ .a = nil }", Not(Has(".a")), id="not there"),
        pytest.param('{ name =~ "GET.*" }', Regex("name", "^(?:GET.*)$"), id="a whole pattern"),
        pytest.param(
            "{ kind = server && (status = error || duration > 1s) }",
            All((Field("kind", Compare.EXACT, "server"), Some((FAILED, SLOW)))),
            id="brackets",
        ),
        pytest.param("{ !(status = error) }", Not(FAILED), id="not"),
        pytest.param(
            "{ nestedSetParent < 0 }", Field("root", Compare.EXACT, "true"), id="the root"
        ),
        pytest.param("{ status = error } || { duration > 1s }", Some((FAILED, SLOW)), id="or"),
        pytest.param("{ .ok }", Field(".ok", Compare.EXACT, "true"), id="a truth alone"),
    ],
)
def test_what_is_asked(text: str, wanted: Query) -> None:
    assert parse(text) == wanted
    assert condition(wanted, 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("{ status = error } | count() > 2", "a pipeline", id="a pipeline"),
        pytest.param("{ .a = 1 } >> { .b = 2 }", "relate", id="descendants"),
        pytest.param("{ .a = 1 } && { .b = 2 }", "relate", id="two spans of a trace"),
        pytest.param("{ traceDuration > 1s }", "first span", id="a whole trace's duration"),
        pytest.param('{ rootServiceName = "x" }', "nestedSetParent < 0", id="the root's service"),
        pytest.param("{ .a = 1 + 2 }", "arithmetic", id="arithmetic"),
        pytest.param("{ .a = b }", "quotation marks", id="a bare word"),
        pytest.param("{ duration > 5 }", "no duration", id="a number for a duration"),
        pytest.param("{ .a = }", "missing", id="half a comparison"),
        pytest.param("{ .a = 1", "'}' is expected", id="an open set"),
        pytest.param("status = error", "'{' is expected", id="no set"),
        pytest.param("{ 1 = 2 }", "no field", id="two values"),
        pytest.param('{ .a =~ "(" }', r"\(", id="a broken pattern"),
        pytest.param("{ .a = 1 } §", "cannot be read", id="a strange sign"),
        pytest.param("{" + "(" * 50 + ".a" + ")" * 50 + "}", "within one another", id="depth"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(text: str, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        parse(text)


@given(text=st.text(alphabet='{}()&|=!<>~. "`ab1sms+-\\', max_size=40))
def test_any_text_is_a_question_or_refused(text: str) -> None:
    assert _asked(text)


def _asked(text: str) -> str:
    """The question as it was understood, else why not."""
    try:
        return repr(parse(text))
    except Rejected as refused:
        return str(refused)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("0", 0), ("1m30s", 90 * 10**9), ("1.5ms", 1_500_000), (".5s", 5 * 10**8), ("2us", 2_000)],
)
def test_gos_durations(text: str, nanoseconds: int) -> None:
    assert go_duration_ns(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "1x", "s", "-1s", "1s x", "99999999h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="no duration"):
        go_duration_ns(text)
