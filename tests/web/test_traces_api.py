"""Programs find traces, and read one whole, at /api/traces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.query.traces.world import (
    END_NS,
    MS,
    START_NS,
    START_S,
    a_store,
    spans,
    trace_id,
    written,
)
from tests.web.log_site import LogSite, _told
from tocsin.kit.clock import FakeClock
from tocsin.query.traces.search import TraceSearch
from tocsin.store.child import EngineChild
from tocsin.web.api import traces

RANGE = {"from": START_NS, "to": END_NS}


@pytest.fixture(scope="module")
async def site(
    engine: EngineChild, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LogSite]:
    folder = tmp_path_factory.mktemp("spans")
    async with a_store(engine) as store, written(store, folder, spans()) as writer:
        clock = FakeClock(START_S + 3600)
        app = Starlette(
            routes=[
                Route(one.path, _told(one.handler), methods=list(one.methods))
                for one in traces.ADDRESSES
            ]
        )
        search = TraceSearch(store, writer, clock)
        app.state.services = SimpleNamespace(trace_search=search, clock=clock)
        yield LogSite(app, search, None, writer)  # type: ignore[arg-type]  # its `get` alone


async def test_traces_are_found_by_question_and_by_parameters(site: LogSite) -> None:
    found = await site.get("/api/traces/search", q="status:error duration>500ms", **RANGE)
    assert [one["trace_id"] for one in found["traces"]] == [trace_id(35), trace_id(0)]
    assert found["traces"][1]["root_name"] == "GET /checkout"
    assert found["traces"][1]["duration_ns"] == 900 * MS
    given = {"service": "api", "operation": "POST /orders", "status": "error", "kind": "server"}
    given |= {"min_duration": "500ms", "order": "slowest"}
    same = await site.get(f"/api/traces/search?{urlencode({**RANGE, **given})}")
    assert {one["trace_id"] for one in same["traces"]} == {trace_id(35), trace_id(0)}


async def test_the_last_hour_is_asked_by_itself(site: LogSite) -> None:
    assert len((await site.get("/api/traces/search", limit=100))["traces"]) == 60


async def test_one_trace_comes_whole_and_as_a_tree(site: LogSite) -> None:
    found = await site.get("/api/traces/1")
    assert (found["trace_id"], found["errors"], found["spans_total"]) == (trace_id(0), 2, 5)
    insert = next(one for one in found["spans"] if one["name"] == "INSERT orders")
    assert (insert["depth"], insert["kind"], insert["status"]) == (3, "client", "error")
    assert insert["offset_ns"] == 15 * MS
    assert insert["events"][0]["attributes"]["exception.type"] == "TimeoutError"
    answer = await site.call("GET", f"/api/traces/{trace_id(0)}?download=1")
    assert trace_id(0) in answer.headers["content-disposition"]


async def test_spans_of_a_trace_are_found_in_it(site: LogSite) -> None:
    found = await site.get(f"/api/traces/{trace_id(0)}/matches", q="status:error kind:client")
    assert found == {"spans": [f"{4:016x}"]}
    assert await site.get("/api/traces/77/matches", q="x") == {"spans": []}


@pytest.mark.parametrize(
    ("path", "key", "count"),
    [
        ("services", "services", 3),
        ("operations", "operations", 5),
        ("dependencies", "dependencies", 3),
        ("rates", "rates", 3),
        ("rates?by=operation&service=api", "rates", 2),
        ("heat?q=service:web&step=3600", "cells", 4),
        ("values?field=http.status_code", "values", 2),
    ],
)
async def test_what_spans_say_together_is_answered(
    site: LogSite, path: str, key: str, count: int
) -> None:
    sign = "&" if "?" in path else "?"
    found = await site.get(f"/api/traces/{path}{sign}from={START_NS}&to={END_NS}")
    assert len(found[key]) == count


async def test_rates_over_time_and_names_of_attributes_are_answered(site: LogSite) -> None:
    points = (await site.get("/api/traces/over-time", **RANGE))["points"]
    assert sum(one["requests"] for one in points) == 180
    names = (await site.get("/api/traces/fields", **RANGE))["values"]
    assert "resource.cloud.region" in [one["value"] for one in names]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("search?q=duration>soon", id="no duration"),
        pytest.param("search?q=(", id="an open parenthesis"),
        pytest.param("search?order=best", id="no order"),
        pytest.param("search?status=odd", id="no status"),
        pytest.param("search?limit=5000", id="too many"),
        pytest.param("rates?by=colour", id="no such rates"),
        pytest.param("values", id="no field"),
    ],
)
async def test_a_wrong_question_is_refused_in_words(site: LogSite, path: str) -> None:
    assert (await site.get(f"/api/traces/{path}", status=400))["error"]


async def test_an_unknown_trace_is_not_found(site: LogSite) -> None:
    assert (await site.get(f"/api/traces/{trace_id(4_711)}", status=404))["error"]
