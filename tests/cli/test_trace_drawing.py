"""A trace on a terminal: each span with its bar, nothing of a stranger's obeyed."""

from __future__ import annotations

from tests.query.traces.world import MS, START_NS, checkout
from tocsin.cli.trace_drawing import duration, listed, waterfall
from tocsin.model.shown_trace import ShownShare, ShownSummary
from tocsin.query.traces.answers import Trace
from tocsin.web.api.trace_json import shown_trace


def shown(name: str = "GET /checkout") -> list[str]:
    spans = checkout(0, START_NS)
    spans[0].name = name
    trace = Trace(trace_id=spans[0].trace_id, spans=tuple(spans), total=5)
    return list(waterfall(shown_trace(trace), 100, coloured=False))


def test_a_waterfall_has_a_line_and_a_bar_for_each_span_and_says_what_failed() -> None:
    lines = shown()
    assert "web: GET /checkout  900ms" in lines[0]
    assert "5 spans of 3 services, 2 failed" in lines[1]
    rows = [line for line in lines[3:] if "█" in line or "▏" in line or "▎" in line]
    assert len(rows) == 5
    assert rows[3].startswith("!      api: INSERT orders")
    assert "timed out" in "".join(lines)
    assert all(len(line) <= 101 for line in lines)


def test_signs_that_steer_a_terminal_are_shown_harmless() -> None:
    assert "\x1b" not in "".join(shown("GET \x1b]0;owned\x07"))


def test_a_list_names_the_span_that_matched() -> None:
    one = ShownSummary(
        trace_id="a" * 32,
        time="2026-11-21T12:00:00.000000000Z",
        duration_ns=900 * MS,
        root_service="web",
        root_name="GET /checkout",
        has_root=True,
        spans=5,
        errors=2,
        services=[ShownShare("web", 5, 2)],
        matched=1,
        match_id="b" * 16,
        match_service="api",
        match_name="INSERT",
        match_ns=860 * MS,
    )
    (line,) = listed([one], coloured=False)
    assert "900ms     5 spans    2 failed" in line
    assert line.endswith("web: GET /checkout  > api: INSERT 860ms\n")


def test_durations_have_three_digits_and_a_unit() -> None:
    assert [duration(ns) for ns in (7, 12_340, 850_000, 1_230_000_000, 90_000_000_000)] == [
        "7ns",
        "12.3µs",
        "850µs",
        "1.23s",
        "1.5min",
    ]
