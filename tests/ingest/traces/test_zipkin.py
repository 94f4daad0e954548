"""Zipkin's spans are taken as Zipkin's senders write them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import Answer, Site, site
from tocsin.ingest.protocols import zipkin
from tocsin.kit.fault import Rejected
from tocsin.model.spans import Span

NOW_NS = 1_700_000_000 * 10**9
CLIENT = {
    "traceId": "5af7183fb1d4cf5f",
    "parentId": "6b221d5bc9e6496c",
    "id": "352bff9a74ca9ad2",
    "kind": "CLIENT",
    "name": "get /api",
    "timestamp": 1_556_604_172_355_737,
    "duration": 1431,
    "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306},
    "remoteEndpoint": {"serviceName": "bank", "ipv4": "172.19.0.2", "port": 58648},
    "annotations": [{"timestamp": 1_556_604_172_356_000, "value": "ws"}],
    "tags": {"http.method": "GET", "http.path": "/api", "deployment.environment": "prod"},
}


def decoded(*spans: dict[str, Any]) -> list[Any]:
    return list(zipkin.decode(msgspec.json.encode(spans), now_ns=NOW_NS))


@pytest.mark.parametrize(
    ("duration", "ns"), [("nan", 0), ("inf", (1 << 53) * 1000), (-1, 0), (None, 0), (2.4, 2000)]
)
def test_durations_that_cannot_be_become_some_that_can(duration: Any, ns: int) -> None:
    (span,) = decoded({**CLIENT, "duration": duration})
    assert span.duration_ns == ns


def test_the_example_of_the_specification() -> None:
    (span,) = decoded(CLIENT)
    assert span.trace_id == "00000000000000005af7183fb1d4cf5f"
    assert (span.span_id, span.parent_id) == ("352bff9a74ca9ad2", "6b221d5bc9e6496c")
    assert (span.ts_ns, span.duration_ns) == (1_556_604_172_355_737_000, 1_431_000)
    assert (span.name, span.service, span.environment, span.kind) == (
        *("get /api", "backend", "prod"),
        3,
    )
    assert span.attributes == {
        "http.method": "GET",
        "http.path": "/api",
        "peer.service": "bank",
        "network.peer.address": "172.19.0.2",
        "network.peer.port": "58648",
    }
    assert span.resource["service.name"] == "backend"
    assert [(event.name, event.ts_ns) for event in span.events] == [
        ("ws", 1_556_604_172_356_000_000)
    ]


@pytest.mark.parametrize(
    ("tags", "status", "message"),
    [
        pytest.param({}, 0, "", id="nothing said"),
        pytest.param({"error": "timeout"}, 2, "timeout", id="an error's text"),
        pytest.param({"error": ""}, 2, "", id="an empty error is one"),
        pytest.param({"error": True}, 2, "", id="a truth value"),
        pytest.param({"error": "false"}, 0, "", id="no error"),
        pytest.param({"otel.status_code": "OK"}, 1, "", id="OpenTelemetry's ok"),
        pytest.param(
            {"otel.status_code": "ERROR", "otel.status_description": "no"}, 2, "no", id="its error"
        ),
    ],
)
def test_the_status_is_in_the_tags(tags: dict[str, object], status: int, message: str) -> None:
    (span,) = decoded({**CLIENT, "tags": tags})
    assert (span.status, span.status_message) == (status, message)


def test_the_called_side_of_a_shared_span_gets_an_id_of_its_own() -> None:
    called = {
        **CLIENT,
        "kind": "SERVER",
        "shared": True,
        "localEndpoint": {"serviceName": "bank"},
    }
    inner = {**CLIENT, "id": "1" * 16, "parentId": CLIENT["id"], "kind": None}
    inner["localEndpoint"] = {"serviceName": "bank"}
    caller, server, child = decoded(CLIENT, called, inner)
    assert caller.span_id == CLIENT["id"] == server.parent_id
    assert server.span_id not in (caller.span_id, "")
    assert child.parent_id == server.span_id
    assert decoded(called)[0].span_id == server.span_id


def test_what_is_no_list_of_spans_is_refused() -> None:
    for body in (b"{}", b"[1]", b'[{"id": "1"}]', b"\xff"):
        with pytest.raises(Rejected, match="Zipkin"):
            zipkin.decode(body, now_ns=NOW_NS)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    try:
        found = zipkin.decode(body, now_ns=NOW_NS)
    except Rejected:
        found = []
    assert all(isinstance(one, Span) for one in found)


async def send(here: Site, *spans: dict[str, Any]) -> Answer:
    body = msgspec.json.encode(spans)
    return await here.call("POST", "/api/v2/spans", body, content_type="application/json")


async def test_a_request_is_answered_202_and_kept_once() -> None:
    here = site()
    now_us = here.clock.now_ms() * 1000
    for _ in range(2):
        answer = await send(here, {**CLIENT, "timestamp": now_us})
        assert (answer.status, answer.body) == (202, b"")
    assert [span.name for span in here.kept_spans.spans] == ["get /api"]


async def test_spans_that_cannot_be_kept_are_named() -> None:
    here = site()
    now_us = here.clock.now_ms() * 1000
    good, bad = {**CLIENT, "timestamp": now_us}, {**CLIENT, "timestamp": now_us, "traceId": "0"}
    answer = await send(here, good, bad, {**CLIENT, "timestamp": 1})
    assert answer.status == 400
    assert b"1 spans kept" in answer.body
    assert b"trace id" in answer.body
    assert b"older than" in answer.body


async def test_other_encodings_are_refused_with_the_way_out() -> None:
    answer = await site().call("POST", "/api/v2/spans", b"", content_type="application/x-protobuf")
    assert answer.status == 415
    assert b"JSON_V2" in answer.body
