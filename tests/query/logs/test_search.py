"""Lines are found, counted and read around, as they are in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.test_log_writer import writing
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.query.logs.match import matcher
from tocsin.query.logs.parse import parse
from tocsin.query.logs.search import LogSearch, Span
from tocsin.store.client import Store

START_S = 1_700_000_040
START_NS = START_S * 1_000_000_000
SECOND_NS = 1_000_000_000
SPAN = Span(START_NS, START_NS + 3600 * SECOND_NS)
RECORDS = tuple(
    LogRecord(
        ts_ns=START_NS + n * 5 * SECOND_NS,
        body=f"line {n}" + (" timed out" if n % 50 == 0 else ""),
        service=("api", "web")[n % 2],
        level=(9, 9, 13, 17)[n % 4],
        host=f"h{n % 2}",
        trace_id="abc" if n % 100 == 50 else "",
        attributes={"n": str(n), "even": "yes"} if n % 2 == 0 else {"n": str(n)},
    )
    for n in range(720)
)


@pytest.fixture
async def search(store: Store, tmp_path: Path) -> AsyncIterator[LogSearch]:
    async with writing(store, tmp_path) as writer:
        await writer.write(LogBatch(records=RECORDS, key=5, taken_ms=START_S * 1000))
        yield LogSearch(store, writer, SystemClock())


async def test_the_newest_lines_come_first_and_the_oldest_when_asked(search: LogSearch) -> None:
    newest = await search.lines(parse("service:api"), SPAN, 3)
    assert [line.body for line in newest] == ["line 718", "line 716", "line 714"]
    oldest = await search.lines(parse("service:api"), SPAN, 2, newest_first=False, offset=1)
    assert [line.body for line in oldest] == ["line 2", "line 4"]


async def test_a_rare_line_is_found_wherever_it_lies(search: LogSearch) -> None:
    (line,) = await search.lines(parse('"timed out" n:0'), SPAN, 10)
    assert line.body == "line 0 timed out"
    assert line.attributes == {"n": "0", "even": "yes"}
    assert await search.count(parse('"timed out"'), SPAN) == 15


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("n>=718 OR n<40", id="few at the end, many at the beginning"),
        pytest.param("timed", id="a word now and then"),
        pytest.param(r"/line 7\d/", id="a pattern"),
        pytest.param(r"/line [1-5]\d\d timed/ out", id="a pattern and a word"),
        pytest.param("trace_id:abc", id="a trace"),
        pytest.param("trace_id:abc timed", id="a trace and a word"),
    ],
)
async def test_as_many_lines_are_found_as_there_are_however_they_lie(
    search: LogSearch, question: str
) -> None:
    query = parse(question)
    test = matcher(query, START_NS)
    oldest = [one.ts_ns for one in RECORDS if test(one)]
    assert len(oldest) >= 2
    for newest_first, wanted in ((True, oldest[::-1]), (False, oldest)):
        for limit, offset in ((1, 0), (3, 0), (10, 2), (40, 0), (500, 1)):
            found = await search.lines(query, SPAN, limit, newest_first=newest_first, offset=offset)
            assert [one.ts_ns for one in found] == wanted[offset : offset + limit]


@pytest.mark.parametrize("question", ["", "service:api", "level>=warn", "timed", "even:yes"])
@pytest.mark.parametrize("step", [60, 600, 7])
async def test_a_histogram_counts_every_line_once(
    search: LogSearch, question: str, step: int
) -> None:
    query = parse(question)
    found = await search.histogram(query, SPAN, step)
    lines = await search.lines(query, SPAN, 1000)
    wanted = Counter((line.ts_ns // SECOND_NS // step * step, line.level) for line in lines)
    assert {(one.start_s, one.level): one.lines for one in found} == wanted


async def test_frequent_values_and_names_of_fields(search: LogSearch) -> None:
    assert [(one.value, one.lines) for one in await search.values(parse(""), SPAN, "service")] == [
        ("api", 360),
        ("web", 360),
    ]
    assert [one.value for one in await search.values(parse("n<2"), SPAN, "n")] == ["0", "1"]
    assert [(one.value, one.lines) for one in await search.fields(parse(""), SPAN)] == [
        ("n", 720),
        ("even", 360),
    ]


async def test_a_line_is_found_by_its_id_with_what_was_said_around_it(search: LogSearch) -> None:
    (line,) = await search.lines(parse("n:100"), SPAN, 1)
    same = await search.line(line.id)
    assert same == line
    before, after = await search.around(line, 2)
    assert [one.body for one in before] == ["line 96", "line 98"]
    assert [one.body for one in after] == ["line 102", "line 104"]
    with pytest.raises(NotFound):
        await search.line(f"{line.ts_ns + 1}-5-100")


@pytest.mark.parametrize("line_id", ["", "1-2", "a-b-c", "1-2-3'; DROP TABLE logs", "9" * 90])
async def test_what_names_no_line_is_not_found(search: LogSearch, line_id: str) -> None:
    with pytest.raises(NotFound):
        await search.line(line_id)


async def test_too_much_at_once_is_refused_with_the_bound(search: LogSearch) -> None:
    with pytest.raises(Rejected, match="10,000"):
        await search.lines(parse(""), SPAN, 100_000)
    with pytest.raises(Rejected, match="steps"):
        await search.histogram(parse(""), SPAN, 1)
