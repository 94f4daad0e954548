"""Lines and spans that hold errors are seen beside their way; the others cost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.errortracking.error_world import ErrorDesk, desk_in
from tocsin.errortracking.answers import IssuesAsked
from tocsin.errortracking.taps import Taps
from tocsin.kit.fault import Temporary
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.model.spans import Span, SpanBatch, SpanEvent
from tocsin.store.client import Store

TRACE = "a" * 32


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> AsyncIterator[ErrorDesk]:
    async with desk_in(store, tmp_path) as desk:
        yield desk


def line(desk: ErrorDesk, level: int = 17, **attributes: str) -> LogRecord:
    now_ns = desk.clock.now_ms() * 1_000_000
    named = {name.replace("_", "."): value for name, value in attributes.items()}
    return LogRecord(ts_ns=now_ns, body="failed", level=level, service="api", attributes=named)


def span(desk: ErrorDesk, span_id: str) -> Span:
    now_ns = desk.clock.now_ms() * 1_000_000
    told = {"exception.type": "E", "exception.message": "x"}
    happened = SpanEvent(ts_ns=now_ns, name="exception", attributes=told)
    return Span(
        ts_ns=now_ns,
        duration_ns=1,
        trace_id=TRACE,
        span_id=span_id,
        name="pay",
        service="web",
        events=(happened,),
    )


async def test_lines_with_exceptions_become_errors_of_their_services_project(
    desk: ErrorDesk,
) -> None:
    taps = Taps(desk.intake, desk.projects, desk.clock)
    records = (
        line(desk, exception_type="E", exception_message="x", service_version="1.2"),
        line(desk, level=9, exception_type="E"),
        line(desk),
    )
    taps.publish(LogBatch(records=records, key=5, taken_ms=1))
    await taps.settle()
    page = await desk.book.find(IssuesAsked())
    assert [(one.project, one.title, one.last_release) for one in page.issues] == [
        ("shop", "E: x", "1.2")
    ]
    event = await desk.book.event(page.issues[0].id)
    assert event.content.line_id == f"{records[0].ts_ns}-5-0"


async def test_what_is_being_taken_is_in_when_all_that_waits_is(desk: ErrorDesk) -> None:
    taps = Taps(desk.intake, desk.projects, desk.clock)
    running = asyncio.create_task(taps.run())
    taps.publish(LogBatch(records=(line(desk, exception_type="E"),), key=5, taken_ms=1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await taps.settle()
    assert (await desk.book.find(IssuesAsked())).total == 1
    running.cancel()


async def test_an_exception_that_passes_through_spans_counts_once(desk: ErrorDesk) -> None:
    taps = Taps(desk.intake, desk.projects, desk.clock)
    spans = (span(desk, "b" * 16), span(desk, "c" * 16))
    await taps.saw(SpanBatch(spans=spans, key=1, taken_ms=1))
    await taps.settle()
    (issue,) = (await desk.book.find(IssuesAsked())).issues
    assert (issue.times, issue.project, issue.culprit) == (1, "default", "pay")


async def test_what_could_not_be_kept_is_taken_in_as_soon_as_it_can(desk: ErrorDesk) -> None:
    taps = Taps(desk.intake, desk.projects, desk.clock)
    await taps.saw(SpanBatch(spans=(span(desk, "b" * 16),), key=1, taken_ms=1))
    desk.full = True
    with pytest.raises(Temporary):
        await taps.settle()
    desk.full = False
    await taps.settle()
    (issue,) = (await desk.book.find(IssuesAsked())).issues
    assert issue.times == 1


async def test_what_waits_is_bounded_by_its_size_too(desk: ErrorDesk) -> None:
    taps = Taps(desk.intake, desk.projects, desk.clock)
    large = line(desk, exception_type="E", exception_stacktrace="x" * (1 << 20))
    taps.publish(LogBatch(records=(large,) * 100, key=5, taken_ms=1))
    await taps.settle()
    (issue,) = (await desk.book.find(IssuesAsked())).issues
    assert issue.times == 63


async def test_what_cannot_be_read_holds_the_others_up_once(desk: ErrorDesk) -> None:
    taps = Taps(desk.intake, desk.projects, desk.clock)
    told = {"exception.type": "E"}
    broken = SpanEvent(ts_ns="now", name="exception", attributes=told)  # type: ignore[arg-type]  # what no protocol's reader lets in
    of_span = replace(span(desk, "b" * 16), events=(broken,))
    await taps.saw(SpanBatch(spans=(of_span,), key=1, taken_ms=1))
    with pytest.raises(TypeError):
        await taps.settle()
    await taps.saw(SpanBatch(spans=(span(desk, "c" * 16),), key=2, taken_ms=1))
    await taps.settle()
    assert (await desk.book.find(IssuesAsked())).total == 1


async def test_a_flood_leaves_some_out_and_holds_nobody_up(desk: ErrorDesk) -> None:
    taps = Taps(desk.intake, desk.projects, desk.clock)
    records = tuple(line(desk, exception_type="E") for _ in range(6_000))
    taps.publish(LogBatch(records=records, key=5, taken_ms=1))
    await taps.settle()
    (issue,) = (await desk.book.find(IssuesAsked())).issues
    assert issue.times == 5_000
