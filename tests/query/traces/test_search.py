"""Traces are found by what any of their spans is, and counted as they are in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.query.traces.world import (
    END_NS,
    HOUR_NS,
    MS,
    START_NS,
    START_S,
    a_store,
    spans,
    trace_id,
    written,
)
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.query.traces.answers import Dependency, Operation, TraceAsked
from tocsin.query.traces.search import TraceSearch
from tocsin.store.child import EngineChild

FAILED = [n for n in range(60) if n % 5 == 0]
SLOW = [n for n in range(60) if n % 7 == 0]


@pytest.fixture(scope="module")
async def search(
    engine: EngineChild, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TraceSearch]:
    """One for all tests here: they read alone."""
    async with (
        a_store(engine) as store,
        written(store, tmp_path_factory.mktemp("spans"), spans()) as writer,
    ):
        yield TraceSearch(store, writer, SystemClock())


def asked(question: str = "", **more: object) -> TraceAsked:
    given = {"from_ns": START_NS, "until_ns": END_NS, "limit": 100, "question": question, **more}
    return TraceAsked(**given)  # type: ignore[arg-type]  # a test's words


QUESTIONS = [
    ("", range(60)),
    ("status:error", FAILED),
    ("error:true service:api", FAILED),
    ("error:true service:web", []),
    ("duration>500ms", SLOW),
    ("duration:[500ms TO *] service:api", SLOW),
    ("duration<1ms", []),
    ('name:"POST /orders"', range(60)),
    ("name:POST*", range(60)),
    ("http.status_code:500", FAILED),
    ("http.response.status_code>=500", FAILED),
    ("http.status_code:500 duration>500ms", [0, 35]),
    ("kind:consumer name:mail", range(60)),
    ("kind:consumer name:POST", []),
    ("root:true duration>500ms", SLOW),
    ("exception.type:TimeoutError", FAILED),
    ("event:exception", FAILED),
    ("event.exception.message:data*", FAILED),
    ("user:u1", [n for n in range(60) if n % 3 == 1]),
    ("resource.cloud.region:eu", range(60)),
    ("span.cloud.region:eu", []),
    ("cloud.region:eu", range(60)),
    ("db.query.text:/INSERT/", range(60)),
    ('"timed out"', FAILED),
    ("Traceback", FAILED),
    ("has:user_id -user:u0 -user:u1", [n for n in range(60) if n % 3 == 2]),
    ("missing:http.route", range(60)),
    (f"trace_id:{trace_id(3)}", [3]),
    ("trace_id:4", [3]),
    ("name:nothing", []),
]


@pytest.mark.parametrize(("question", "wanted"), QUESTIONS, ids=[q or "all" for q, _ in QUESTIONS])
async def test_a_question_finds_the_traces_of_which_one_span_answers_it(
    search: TraceSearch, question: str, wanted: list[int]
) -> None:
    found = await search.find(asked(question))
    assert [one.trace_id for one in found] == [trace_id(n) for n in reversed(wanted)]


async def test_conditions_apart_from_the_question_are_asked_of_the_same_span(
    search: TraceSearch,
) -> None:
    found = await search.find(
        asked(service="api", operation="POST /orders", is_error=True, min_duration_ns=500 * MS)
    )
    assert [one.trace_id for one in found] == [trace_id(35), trace_id(0)]
    assert await search.find(asked(service="web", tags={"http.status_code": "500"})) == []
    found = await search.find(asked(kind=3, max_duration_ns=60 * MS, limit=1))
    assert [one.match_name for one in found] == ["INSERT orders"]


async def test_a_summary_says_what_the_trace_is_and_what_matched(search: TraceSearch) -> None:
    (one,) = await search.find(asked(f"trace_id:{trace_id(0)} status:error"))
    assert (one.root_service, one.root_name, one.has_root) == ("web", "GET /checkout", True)
    assert one.began_ns == START_NS
    assert one.duration_ns == 900 * MS
    assert (one.spans, one.errors, one.matched) == (5, 2, 2)
    assert [(s.service, s.spans, s.errors) for s in one.services] == [
        ("web", 2, 0),
        ("api", 2, 2),
        ("worker", 1, 0),
    ]
    assert (one.match_service, one.match_name) == ("api", "POST /orders")


async def test_the_newest_or_the_slowest_come_first_however_few_are_wanted(
    search: TraceSearch,
) -> None:
    newest = await search.find(asked(limit=3))
    assert [one.trace_id for one in newest] == [trace_id(n) for n in (59, 58, 57)]
    slowest = await search.find(asked("service:api", limit=5, order="slowest"))
    assert {one.trace_id for one in slowest} <= {trace_id(n) for n in SLOW}
    assert slowest[0].match_ns == 880 * MS
    # All spans that are looked at first are of the same few traces.
    few = await search.find(asked("service:worker OR service:api OR service:web", limit=50))
    assert len(few) == 50


async def test_a_range_without_the_matching_span_does_not_find_the_trace(
    search: TraceSearch,
) -> None:
    second = START_NS + 50 * 10**9
    found = await search.find(asked(until_ns=second))
    assert [one.trace_id for one in found] == [trace_id(0)]
    assert await search.find(asked("name:mail", until_ns=START_NS + 10 * MS)) == []


async def test_one_trace_is_read_whole_with_events_and_links(search: TraceSearch) -> None:
    trace = await search.trace("1")
    assert [span.name for span in trace.spans] == [
        "GET /checkout",
        "POST",
        "POST /orders",
        "INSERT orders",
        "mail",
    ]
    assert trace.spans[3].events[0].attributes["exception.type"] == "TimeoutError"
    assert trace.spans[4].links[0].span_id == "f" * 16
    assert trace.root.name == "GET /checkout"
    assert trace.services == ("web", "api", "worker")
    assert trace.duration_ns == 900 * MS
    assert trace.missing_parents == ()
    assert not trace.is_cut


async def test_several_traces_come_in_the_order_asked_for(search: TraceSearch) -> None:
    wanted = [trace_id(7), trace_id(12_345), trace_id(2)]
    assert [one.trace_id for one in await search.traces(wanted)] == [wanted[0], wanted[2]]


@pytest.mark.parametrize("text", ["abc", trace_id(12_345)])
async def test_an_unknown_trace_is_not_found(search: TraceSearch, text: str) -> None:
    with pytest.raises(NotFound):
        await search.trace(text)


@pytest.mark.parametrize(
    "question",
    ["duration>soon", "kind:nobody", "status:bad", "trace_id:xyz", "error:maybe", "duration:1*"],
)
async def test_a_value_that_the_field_cannot_have_is_said(
    search: TraceSearch, question: str
) -> None:
    with pytest.raises(Rejected):
        await search.find(asked(question))


async def test_services_and_their_operations_are_listed(search: TraceSearch) -> None:
    assert await search.services(START_NS, END_NS) == ["api", "web", "worker"]
    assert await search.services(START_NS - HOUR_NS, START_NS) == []
    found = await search.operations("web", "", START_NS, END_NS)
    assert found == [Operation("GET /checkout", "server"), Operation("POST", "client")]
    assert await search.operations("api", "server", START_NS, END_NS) == [
        Operation("POST /orders", "server")
    ]


async def test_who_calls_whom_is_known_from_parents_and_from_what_callers_say(
    search: TraceSearch,
) -> None:
    found = await search.dependencies(START_NS, END_NS)
    assert [msg.p95_ns > 0 for msg in found] == [True] * 3
    assert {(d.parent, d.child, d.calls, d.failures, d.kind) for d in found} == {
        ("web", "api", 60, 12, ""),
        ("api", "worker", 60, 0, ""),
        ("api", "postgresql", 60, 12, "database"),
    }
    assert isinstance(found[0], Dependency)


async def test_rates_of_services_are_of_what_they_were_asked(search: TraceSearch) -> None:
    found = {one.service: one for one in await search.rates(START_NS, END_NS)}
    assert {name: (one.requests, one.failures) for name, one in found.items()} == {
        "web": (60, 0),
        "api": (60, 12),
        "worker": (60, 0),
    }
    assert found["api"].failed == pytest.approx(0.2)
    assert 60 * MS < found["api"].p50_ns < 85 * MS
    assert 750 * MS < found["api"].p95_ns < 1000 * MS


async def test_rates_of_operations_tell_kinds_apart(search: TraceSearch) -> None:
    found = await search.rates(START_NS, END_NS, service="api", by_operation=True)
    assert {(one.name, one.kind, one.requests, one.failures) for one in found} == {
        ("POST /orders", "server", 60, 12),
        ("INSERT orders", "client", 60, 12),
    }


async def test_rates_over_time_count_every_request_once(search: TraceSearch) -> None:
    points = await search.over_time(START_NS, END_NS, 600)
    assert sum(one.requests for one in points if one.service == "api") == 60
    assert sum(one.failures for one in points) == 12
    (first, *_) = await search.over_time(START_NS, END_NS, 600, operation="mail")
    assert first.service == "worker"
    with pytest.raises(Rejected):
        await search.over_time(START_NS, END_NS, 90)


async def test_points_are_told_of_the_busiest_services(engine: EngineChild, tmp_path: Path) -> None:
    async with a_store(engine) as store, written(store, tmp_path, ()) as writer:
        search = TraceSearch(store, writer, SystemClock())
        await store.command(_counts(services=60, in_a_minute=400, rows=24_000))
        points = await search.over_time(START_NS, END_NS, 3600)
        assert {one.service for one in points} == {f"s{number}" for number in range(10, 60)}
        await store.command(_counts(services=50, in_a_minute=10_000, rows=210_000))
        with pytest.raises(Rejected, match="name a service"):
            await search.over_time(START_NS, END_NS, 60)


def _counts(*, services: int, in_a_minute: int, rows: int) -> str:
    return (
        f"INSERT INTO spans_1m SELECT toDateTime({START_S} + 60 * intDiv(number, {in_a_minute}),"
        f" 'UTC'), concat('s', toString(number % {services})), '', '', 2,"
        f" intDiv(number, {services}) % 200, 1 + number % {services}, 0, 1 FROM numbers({rows})"
    )


@pytest.mark.parametrize("step", [600, 7])
@pytest.mark.parametrize("question", ["", "service:api", "status:error"])
async def test_the_heat_counts_every_span_once(
    search: TraceSearch, question: str, step: int
) -> None:
    cells = await search.heat(asked(question), step)
    wanted = {"": 300, "service:api": 120, "status:error": 24}[question]
    assert sum(one.spans for one in cells) == wanted
    assert sum(one.failures for one in cells) == 24


async def test_names_and_values_of_attributes_are_offered(search: TraceSearch) -> None:
    names = {one.value: one.spans for one in await search.tags(START_NS, END_NS)}
    assert names["resource.cloud.region"] == 300
    assert names["http.status_code"] == 60
    values = await search.values(asked("service:api"), "http.status_code")
    assert [(one.value, one.spans) for one in values] == [("200", 48), ("500", 12)]
    operations = await search.values(asked(service="web"), "name")
    assert {one.value for one in operations} == {"GET /checkout", "POST"}


@pytest.mark.parametrize("end", [(1 << 63) - 1, 1 << 63, 9_999_999_999 * 10**9, 1 << 70])
async def test_a_range_may_end_after_all_times(search: TraceSearch, end: int) -> None:
    found = await search.find(asked(until_ns=end))
    assert len(found) == 60
    assert len(await search.find(asked(until_ns=end, from_ns=-1))) == 60


HOSTILE = (
    "x' OR 1=1 --",
    "\\",
    "\\'",
    "a\\' OR '1'='1",
    "\0",
    "{id:String}",
    "');DROP TABLE spans;--",
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_whatever_is_asked_for_is_a_text_to_the_store(search: TraceSearch, text: str) -> None:
    assert await search.find(asked(service=text)) == []
    assert await search.find(asked(operation=text)) == []
    assert await search.find(asked(tags={text: text})) == []
    assert await search.values(asked(), text) == []
    assert len(await search.find(asked())) == 60


async def test_a_question_of_thousands_of_words_is_refused_at_once(search: TraceSearch) -> None:
    with pytest.raises(Rejected, match="too many"):
        await search.find(asked("w " * 4_000))
    with pytest.raises(Rejected, match="too many"):
        await search.matching(trace_id(0), "w " * 4_000)
    assert await search.find(asked("word " * 100)) == []
