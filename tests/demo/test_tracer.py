"""The demo's spans stand below each other, say what failed, and are in OTLP's JSON."""

from __future__ import annotations

import pytest
from aiohttp import web

from tocsin.demo.tracer import CLIENT, SERVER, Tracer, below, current

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


class Keeping(Tracer):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__("shop", "1", "http://nowhere", "")
        self.kept: list[dict[str, object]] = []

    def keep(self, span: dict[str, object]) -> None:
        self.kept.append(span)


def test_a_span_goes_on_with_the_senders_trace_and_children_stand_below() -> None:
    tracer = Keeping()
    with tracer.span("GET /", SERVER, PARENT, http__route="/") as outer:
        with below("SELECT orders", CLIENT) as inner:
            assert inner is not None
            assert current() is inner
        assert current() is outer
    assert current() is None
    child, parent = tracer.kept
    assert (parent["traceId"], parent["parentSpanId"]) == ("a" * 32, "b" * 16)
    assert child["parentSpanId"] == parent["spanId"]
    assert parent["attributes"] == [{"key": "http.route", "value": {"stringValue": "/"}}]
    assert "status" not in parent


def test_what_is_raised_is_an_event_and_a_failure_but_an_answer_is_not() -> None:
    tracer = Keeping()
    with pytest.raises(ValueError, match="locked"), tracer.span("work"):
        raise ValueError("locked")
    with pytest.raises(web.HTTPNotFound), tracer.span("GET /"):
        raise web.HTTPNotFound
    failed, missing = tracer.kept
    assert failed["status"] == {"code": 2, "message": "locked"}
    assert "ValueError" in str(failed["events"])
    assert "status" not in missing


def test_outside_of_any_span_nothing_is_below() -> None:
    with below("SELECT", CLIENT) as none:
        assert none is None
