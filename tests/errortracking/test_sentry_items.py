"""Transactions, spans, lines, sessions and feedback find their places."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tocsin.errortracking.rate import MinuteRate
from tocsin.errortracking.sentry_event import content, report, title_of
from tocsin.errortracking.sentry_intake import csp_report
from tocsin.errortracking.sentry_spans import of_container, of_transaction
from tocsin.errortracking.series import EVENTS, ErrorSeries
from tocsin.errortracking.sessions import SESSIONS, Sessions
from tocsin.errortracking.shrinking import shrunk
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.labels import get, metric_name
from tocsin.model.samples import Interner, SampleBatch

TRACE, ROOT, CHILD = "a" * 32, "b" * 16, "c" * 16


def test_a_transaction_is_a_root_and_its_spans() -> None:
    raw = {
        "transaction": "GET /cart",
        "start_timestamp": 1_700_000_000.0,
        "timestamp": "2023-11-14T22:13:21.5Z",
        "release": "1.0",
        "environment": "prod",
        "contexts": {
            "trace": {"trace_id": TRACE, "span_id": ROOT, "op": "http.server", "status": "ok"}
        },
        "spans": [
            {
                "span_id": CHILD,
                "parent_span_id": ROOT,
                "op": "db.query",
                "description": "SELECT 1",
                "start_timestamp": 1_700_000_000.2,
                "timestamp": 1_700_000_000.3,
                "status": "internal_error",
                "data": {"db.system": "postgresql"},
            },
            {"span_id": "nonsense"},
            7,
        ],
    }  # fmt: skip
    root, child = of_transaction(raw, "shop")
    assert (root.name, root.service, root.kind, root.status) == ("GET /cart", "shop", 2, 1)
    assert (root.duration_ns, root.resource["service.version"]) == (1_500_000_000, "1.0")
    assert (child.name, child.trace_id, child.parent_id) == ("SELECT 1", TRACE, ROOT)
    assert (child.kind, child.status, child.status_message) == (3, 2, "internal_error")
    assert child.attributes["db.system"] == "postgresql"


def test_streamed_spans_are_read() -> None:
    one = {
        "name": "checkout",
        "span_id": ROOT,
        "trace_id": TRACE,
        "start_timestamp": 1_700_000_000.0,
        "end_timestamp": 1_700_000_001.0,
        "status": "ok",
        "attributes": {"sentry.op": {"value": "http.client", "type": "string"}},
    }
    (span,) = of_container({"version": 2, "items": [one, {}]}, "shop")
    assert (span.name, span.kind, span.duration_ns) == ("checkout", 3, 1_000_000_000)


class Kept:
    """Samples that were written."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []

    async def accept(self, _protocol: str, batch: SampleBatch) -> object:
        self.batches.append(batch)
        return None


async def written(series: ErrorSeries) -> dict[str, list[float]]:
    """By outcome or kind: the values."""
    refs, kept = Interner(), Kept()
    await series.flush(kept, refs)
    found: dict[str, list[float]] = {}
    for batch in kept.batches:
        for ref, value in zip(batch.refs.tolist(), batch.values.tolist(), strict=True):
            labels = refs.labels[ref]
            name = get(labels, "outcome") or get(labels, "kind")
            assert metric_name(labels) in (EVENTS, SESSIONS)
            found.setdefault(name, []).append(value)
    return found


async def test_sessions_count_once_each_outcome() -> None:
    series = ErrorSeries(FakeClock())
    sessions = Sessions(series)
    for raw in (
        {"sid": "1", "init": True, "status": "ok"},
        {"sid": "1", "status": "ok", "errors": 1},
        {"sid": "1", "status": "crashed", "errors": 2},
        {"sid": "1", "status": "crashed", "errors": 2},
        {"sid": "2", "init": True, "status": "exited"},
    ):
        sessions.one("shop", {**raw, "attrs": {"release": "1.0"}})
    sessions.several(
        "shop", {"aggregates": [{"exited": 5, "crashed": 1}], "attrs": {"release": "1.0"}}
    )
    found = await written(series)
    assert found == {"started": [0, 8], "errored": [0, 2], "crashed": [0, 2]}


def test_what_a_policy_blocked_is_one_issue_by_site() -> None:
    body = {"body": {"effectiveDirective": "script-src", "blockedURL": "https://e.x/b.js?q=1"}}
    found = csp_report(body, "shop", 1)
    assert found.title == "Blocked script-src from https://e.x"
    with pytest.raises(Rejected):
        csp_report({"body": {}}, "shop", 1)


def test_a_project_gets_so_many_errors_a_minute() -> None:
    clock = FakeClock()
    rate = MinuteRate(clock)
    assert rate.admit("shop", 3, 3) == 0
    assert 0 < rate.admit("shop", 1, 3) <= 60
    assert rate.admit("other", 1, 3) == 0
    assert rate.admit("shop", 1_000, 0) == 0, "no bound"


SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "Python's logging": (
        {"logentry": {"message": "disk %s full", "params": ["/a"], "formatted": "disk /a full"}},
        "disk /a full",
    ),
    "a message without its text": (
        {"logentry": {"message": "disk %s full", "params": ["/a"]}},
        "disk /a full",
    ),
    "Node's captured message": (
        {"message": "cart", "exception": {"values": [{"value": "cart", "stacktrace": {}}]}},
        "cart",
    ),
    "one exception without a list": ({"exception": {"type": "E", "value": "x"}}, "E: x"),
    "an exception alone": ({"exception": [{"type": "E"}]}, "E"),
    "nothing": ({}, "(no message)"),
}


@pytest.mark.parametrize(("raw", "title"), SHAPES.values(), ids=SHAPES)
def test_titles_are_those_of_sentry(raw: dict[str, Any], title: str) -> None:
    found = report(raw, "shop", 1)
    assert found.title == title
    assert found.event.level == 17


async def test_a_flood_of_names_leaves_room_for_all_projects() -> None:
    series = ErrorSeries(FakeClock())
    for number in range(7_000):
        series.add(EVENTS, 1, project="flood", level="error", service=f"s{number}")
    for name in ("shop", "pay"):
        series.add(EVENTS, 2, project=name, level="error", service="api")
    refs, kept = Interner(), Kept()
    await series.flush(kept, refs)
    (batch,) = kept.batches
    counted: dict[tuple[str, str], float] = {}
    for ref, value in zip(batch.refs.tolist(), batch.values.tolist(), strict=True):
        labels = refs.labels[ref]
        counted[get(labels, "project"), get(labels, "service")] = value
    assert counted["shop", "api"] == counted["pay", "api"] == 2
    assert counted["flood", "other"] == 6_000
    assert len(counted) < 1_010


def test_a_title_is_one_line() -> None:
    assert title_of("E", "a\nb", "") == "E: a"


def test_a_large_error_keeps_what_helps_most() -> None:
    frames = [
        {"function": f"f{n}", "filename": "a.py", "vars": {"x": "y" * 900}} for n in range(200)
    ]
    raw = {
        "exception": {"values": [{"type": "E", "value": "x", "stacktrace": {"frames": frames}}]},
        "extra": {str(n): "z" * 4_000 for n in range(100)},
    }
    data = shrunk(content(report(raw, "shop", 1)), 64 << 10)
    kept = json.loads(data)
    assert len(data) <= 64 << 10
    assert kept["left_out"] == ["packages", "extra data", "variables"]
    assert kept["exceptions"][0]["frames"][-1]["function"] == "f199"


def test_a_million_calls_are_cut_in_the_middle() -> None:
    frames = [{"function": f"f{n}"} for n in range(10_000)]
    found = report({"exception": [{"type": "E", "stacktrace": {"frames": frames}}]}, "shop", 1)
    (thrown,) = found.exceptions
    assert (len(thrown.frames), thrown.frames_left_out) == (250, 9_750)
    assert (thrown.frames[0].function, thrown.frames[-1].function) == ("f0", "f9999")
