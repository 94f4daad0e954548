"""Jaeger's and Tempo's clients find traces, and read them as those would answer."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from starlette.applications import Starlette
from starlette.routing import Route

from tests.ingest.asgi import Answer
from tests.query.traces.world import END_NS, START_NS, START_S, a_store, spans, trace_id, written
from tests.web.log_site import LogSite
from tocsin.kit.clock import FakeClock
from tocsin.query.traces.search import TraceSearch
from tocsin.store.child import EngineChild
from tocsin.store.config import RetentionConfig
from tocsin.web.api import jaeger, tempo
from tocsin.web.api.jaeger_json import id_of
from tocsin.web.api.span_values import typed

NOW_S = START_S + 3600
MICRO = 1000


@asynccontextmanager
async def a_site(engine: EngineChild, folder: Path) -> AsyncIterator[LogSite]:
    async with a_store(engine) as store, written(store, folder, spans()) as writer:
        clock = FakeClock(NOW_S)
        search = TraceSearch(store, writer, clock)
        app = Starlette(
            routes=[
                Route(one.path, one.handler, methods=list(one.methods))
                for one in (*jaeger.ADDRESSES, *tempo.ADDRESSES)
            ]
        )
        app.state.services = SimpleNamespace(
            trace_search=search,
            clock=clock,
            retention=SimpleNamespace(config=RetentionConfig()),
            config=SimpleNamespace(version="1.2.3"),
        )
        yield LogSite(app, search, None, writer)  # type: ignore[arg-type]  # its `get` alone


@pytest.fixture(scope="module")
async def site(
    engine: EngineChild, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LogSite]:
    async with a_site(engine, tmp_path_factory.mktemp("log")) as found:
        yield found


def tags_of(things: list[dict[str, Any]]) -> dict[str, tuple[str, object]]:
    return {one["key"]: (one["type"], one["value"]) for one in things}


async def test_jaeger_names_services_and_operations(site: LogSite) -> None:
    found = await site.get("/jaeger/api/services")
    assert found == {
        "data": ["api", "web", "worker"],
        "total": 3,
        "limit": 0,
        "offset": 0,
        "errors": None,
    }
    found = await site.get("/jaeger/api/operations", service="web", spanKind="client")
    assert found["data"] == [{"name": "POST", "spanKind": "client"}]
    found = await site.get("/jaeger/api/services/web/operations")
    assert found["data"] == ["GET /checkout", "POST"]
    found = await site.get("/jaeger/api/operations", status=400)
    assert found["errors"][0]["msg"] == "parameter 'service' is required"


async def test_jaegers_trace_has_typed_tags_logs_references_and_processes(site: LogSite) -> None:
    found = await site.get(f"/jaeger/api/traces/{id_of(trace_id(0))}")
    (trace,) = found["data"]
    assert trace["traceID"] == f"{1:016x}"
    assert len(trace["spans"]) == 5
    by_name = {span["operationName"]: span for span in trace["spans"]}
    root, orders, insert = (
        by_name[name] for name in ("GET /checkout", "POST /orders", "INSERT orders")
    )
    assert root["references"] == []
    assert root["startTime"] == START_NS // MICRO
    assert root["duration"] == 900_000
    assert trace["processes"][root["processID"]]["serviceName"] == "web"
    tags = tags_of(orders["tags"])
    assert tags["span.kind"] == ("string", "server")
    assert tags["error"] == ("bool", True)
    assert tags["otel.status_code"] == ("string", "ERROR")
    assert tags["otel.status_description"] == ("string", "timed out")
    assert tags["http.status_code"] == ("int64", 500)
    assert insert["references"] == [
        {"refType": "CHILD_OF", "traceID": trace["traceID"], "spanID": orders["spanID"]}
    ]
    (log,) = insert["logs"]
    assert tags_of(log["fields"])["event"] == ("string", "exception")
    assert tags_of(log["fields"])["exception.type"] == ("string", "TimeoutError")
    mail = by_name["mail"]
    assert [one["refType"] for one in mail["references"]] == ["CHILD_OF", "FOLLOWS_FROM"]


async def test_jaeger_finds_traces_by_what_a_span_is(site: LogSite) -> None:
    asked: dict[str, Any] = {
        "service": "api",
        "start": START_NS // MICRO,
        "end": END_NS // MICRO,
        "limit": 50,
    }
    found = await site.get(
        "/jaeger/api/traces", **asked, tags='{"error":"true","http.status_code":"500"}'
    )
    assert len(found["data"]) == 12
    assert all(len(trace["spans"]) == 5 for trace in found["data"])
    found = await site.get(
        "/jaeger/api/traces",
        **asked,
        operation="POST /orders",
        minDuration="500ms",
        tag="error:true",
    )
    assert sorted(one["traceID"] for one in found["data"]) == [
        id_of(trace_id(number)) for number in (0, 35)
    ]
    both = f"/jaeger/api/traces?traceID={trace_id(1)}&traceID=abc"
    found = await site.get(both)
    assert [one["traceID"] for one in found["data"]] == [id_of(trace_id(1))]
    assert found["errors"] == [{"code": 404, "msg": "trace not found", "traceID": "abc"}]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/jaeger/api/traces/abc", 404, id="no such trace"),
        pytest.param("/jaeger/api/traces/xyz", 400, id="no id"),
        pytest.param("/jaeger/api/traces", 400, id="no service"),
        pytest.param("/jaeger/api/traces?service=a&tags=x", 400, id="no map"),
        pytest.param("/jaeger/api/traces?service=a&tag=x", 400, id="no pair"),
        pytest.param("/jaeger/api/traces?service=a&limit=x", 400, id="no number"),
        pytest.param("/jaeger/api/traces?service=a&minDuration=5", 400, id="no duration"),
        pytest.param("/jaeger/api/traces?service=a&limit=5000", 400, id="too many"),
        pytest.param("/jaeger/api/dependencies", 400, id="no end"),
    ],
)
async def test_jaegers_clients_are_told_what_is_wrong(
    site: LogSite, path: str, status: int
) -> None:
    found = await site.get(path, status=status)
    assert found["data"] is None
    assert found["errors"][0]["code"] == status
    assert found["errors"][0]["msg"]


async def test_jaegers_dependencies_count_calls(site: LogSite) -> None:
    found = await site.get("/jaeger/api/dependencies", endTs=NOW_S * 1000, lookback=3_600_000 * 2)
    assert {"parent": "web", "child": "api", "callCount": 60} in found["data"]


async def answer(site: LogSite, path: str, accept: str) -> Answer:
    return await site.call("GET", path, headers=[("accept", accept)])


async def test_tempo_answers_a_trace_as_opentelemetrys_messages(site: LogSite) -> None:
    path = f"/tempo/api/traces/{trace_id(0)}"
    found = await answer(site, path, "application/protobuf")
    data = TracesData.FromString(found.body)
    names = {
        pair.value.string_value
        for one in data.resource_spans
        for pair in one.resource.attributes
        if pair.key == "service.name"
    }
    assert names == {"web", "api", "worker"}
    every = [s for r in data.resource_spans for scope in r.scope_spans for s in scope.spans]
    assert len(every) == 5
    insert = next(span for span in every if span.name == "INSERT orders")
    assert (insert.kind, insert.status.code, insert.events[0].name) == (3, 2, "exception")
    told = await site.get(path)
    one = told["batches"][0]["scopeSpans"][0]["spans"][0]
    assert base64.b64decode(one["traceId"]).hex() == trace_id(0)
    assert one["kind"] == "SPAN_KIND_SERVER"


async def test_tempos_second_version_says_the_same_within_a_message(site: LogSite) -> None:
    path = f"/tempo/api/v2/traces/{trace_id(0)}"
    found = await answer(site, path, "application/protobuf")
    first = (await answer(site, path.replace("/v2", ""), "application/protobuf")).body
    assert found.body.endswith(first)
    assert found.body[:1] == b"\x0a"
    told = await site.get(path)
    assert len(told["trace"]["resourceSpans"]) == 3


async def test_tempo_finds_traces_in_traceql_and_by_tags(site: LogSite) -> None:
    asked = {"start": START_S, "end": NOW_S, "limit": 100}
    question = '{ resource.service.name = "api" && span.http.status_code = 500 && kind = server }'
    found = await site.get("/tempo/api/search", q=question, **asked)
    assert len(found["traces"]) == 12
    one = found["traces"][-1]
    assert (one["rootServiceName"], one["rootTraceName"]) == ("web", "GET /checkout")
    assert (one["startTimeUnixNano"], one["durationMs"]) == (str(START_NS), 900)
    (span,) = one["spanSets"][0]["spans"]
    assert (span["name"], span["durationNanos"]) == ("POST /orders", "880000000")
    assert span["startTimeUnixNano"] == str(START_NS + 10_000_000)
    assert one["spanSets"][0]["matched"] == 1
    found = await site.get("/tempo/api/search", tags='service.name=ap error="true"', **asked)
    assert len(found["traces"]) == 12
    found = await site.get("/tempo/api/search", tags="name=checkout", minDuration="500ms", **asked)
    assert len(found["traces"]) == 9
    assert (await site.get("/tempo/api/search", q="{}", start=START_S, end=NOW_S))["traces"]


async def test_tempo_names_tags_and_their_values(site: LogSite) -> None:
    asked = {"start": START_S, "end": NOW_S}
    found = await site.get("/tempo/api/search/tags", **asked)
    assert {"http.route", "service.name", "service.version"} <= set(found["tagNames"])
    found = await site.get("/tempo/api/v2/search/tags", **asked)
    scopes = {one["name"]: one["tags"] for one in found["scopes"]}
    assert scopes["resource"] == ["cloud.region", "service.name", "service.version"]
    assert "http.route" in scopes["span"]
    assert "duration" in scopes["intrinsic"]
    found = await site.get("/tempo/api/search/tag/service.name/values", **asked)
    assert found["tagValues"] == ["api", "web", "worker"]
    found = await site.get("/tempo/api/v2/search/tag/span.http.status_code/values", **asked)
    assert found["tagValues"] == [
        {"type": "int", "value": "200"},
        {"type": "int", "value": "500"},
    ]
    found = await site.get("/tempo/api/v2/search/tag/status/values", **asked)
    assert {"type": "keyword", "value": "error"} in found["tagValues"]
    found = await site.get(
        "/tempo/api/v2/search/tag/name/values", **asked, q='{ resource.service.name = "worker" }'
    )
    assert found["tagValues"] == [{"type": "string", "value": "mail"}]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        pytest.param("/tempo/api/traces/abc", 404, b"not found", id="no such trace"),
        pytest.param("/tempo/api/v2/traces/xyz", 400, b"no trace id", id="no id"),
        pytest.param("/tempo/api/search?q=%7B", 400, b"TraceQL", id="no TraceQL"),
        pytest.param("/tempo/api/search?tags=a", 400, b"key=value", id="no pair"),
        pytest.param("/tempo/api/search?start=x", 400, b"invalid start", id="no number"),
        pytest.param("/tempo/api/metrics/query_range", 400, b"PromQL", id="metrics"),
    ],
)
async def test_tempos_clients_are_told_what_is_wrong(
    site: LogSite, path: str, status: int, said: bytes
) -> None:
    found = await site.call("GET", path)
    assert found.status == status
    assert said in found.body


async def test_grafana_asks_who_is_there(site: LogSite) -> None:
    assert (await site.call("GET", "/tempo/api/echo")).body == b"echo"
    assert (await site.get("/tempo/api/status/buildinfo"))["version"] == "1.2.3"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("true", True), ("500", 500), ("-3", -3), ("0.5", 0.5), ("007", "007")],
        *[("1e5", "1e5"), (str(1 << 60), str(1 << 60)), ("", ""), ("1.2.3", "1.2.3")],
    ],
)
def test_an_attributes_look_tells_its_type(text: str, value: object) -> None:
    found = typed(text)
    assert (type(found), found) == (type(value), value)
    assert msgspec.json.encode(found)
