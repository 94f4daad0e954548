"""The same question finds the same lines in the store and in a live tail: the two are compared."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.test_log_writer import lines, writing
from tocsin.model.logs import LogBatch, LogRecord
from tocsin.query.logs.ast import Query
from tocsin.query.logs.match import matcher
from tocsin.query.logs.parse import parse
from tocsin.query.logs.sql import condition
from tocsin.store.client import Store

NOW_NS = 1_700_000_000_000_000_000
_BODIES = (
    "Request timed out after 3000 ms",
    "request TIMED out",
    "payment failed: card_declined (user 42)",
    "payments are fine",
    "GET /api/v1/orders?id=7 500",
    "Zahlung für Müller fehlgeschlagen",
    "foo-bar baz",
    "foo bar",
    "100% done * really?",
    "",
    "it's a 'quoted' \\ line\twith\ntabs",
)
_RECORDS = tuple(
    LogRecord(
        ts_ns=NOW_NS + place * 1_000_000_000,
        body=body,
        service=("api", "web", "")[place % 3],
        level=(0, 5, 9, 13, 17, 18, 21)[place % 7],
        severity=("info", "warn")[place % 2],
        user_id=("42", "", "7")[place % 3],
        trace_id=("4bf92f3577b34da6a3ce929d0e0e4736", "REQ-7", "")[place % 3],
        pattern=place % 4,
        attributes=(
            {"duration_ms": str(place * 100), "path": "/api/v1/orders", "n": "3.50"},
            {"duration_ms": "fast", "path": "", "fields.run": "5"},
            {},
        )[place % 3],
    )
    for place, body in enumerate(_BODIES)
)
_TERMS = (
    *("timed", "TIMED", '"timed out"', "pay*", "payment", "foo-bar", '"foo bar"', "müller"),
    *("/time[sd]/", "/[Pp]ay.*fail/", "*", "d?ne", "100%", "it's", '"\\\\"', "-x", "?"),
    *("service:api", "service:web*", "service!=api", "service:ap", "has:service"),
    *("level:error", "level>=warn", "level<error", "level<=info", "level>warn", "level:9"),
    *("user.id:42", "user:42", "missing:user", "pattern:3", "pattern>1", "has:pattern"),
    *("duration_ms>500", "duration_ms:[100 TO 700}", "duration_ms:fast", "duration_ms:300.0"),
    *("path:orders", "path:/api/v1/orders", "path:/v1/", "path=orders", "n:3.5", "n=3.50"),
    *("has:path", "has:nothing", "nothing:*", "fields.run:5", "run:5", 'path:""', "path!=x"),
    *("severity:(info OR warn)", "message:failed", "severity:w*", "@timestamp>=now"),
    *("trace_id:4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", "trace_id:REQ-7", "trace:req-7"),
    *("ts<2023-11-14T22:13:25Z", "has:level", "missing:level", "nothing>1", "path>a"),
)
_QUESTIONS = st.recursive(
    st.sampled_from(_TERMS),
    lambda part: st.one_of(
        st.builds("({} {})".format, part, part),
        st.builds("({} OR {})".format, part, part),
        st.builds("NOT {}".format, part),
    ),
    max_leaves=6,
)


def found(query: Query) -> list[str]:
    test = matcher(query, NOW_NS)
    return [str(place) for place, one in enumerate(_RECORDS) if test(one)]


async def test_every_term_finds_the_same_lines(store: Store, tmp_path: Path) -> None:
    async with writing(store, tmp_path) as writer:
        await writer.write(LogBatch(records=_RECORDS, key=1, taken_ms=NOW_NS // 1_000_000))
        await writer.settle()
        names = [f"({condition(parse(term), NOW_NS)}) AS c{n}" for n, term in enumerate(_TERMS)]
        rows = await lines(store, ", ".join(names))
    for number, term in enumerate(_TERMS):
        stored = [str(place) for place, row in enumerate(rows) if row[number] in ("1", "true")]
        assert stored == found(parse(term)), term


async def test_any_question_finds_the_same_lines(store: Store, tmp_path: Path) -> None:
    questions: list[str] = []

    @settings(max_examples=150, database=None)
    @given(_QUESTIONS)
    def gather(question: str) -> None:
        questions.append(question)

    await asyncio.to_thread(gather)
    async with writing(store, tmp_path) as writer:
        await writer.write(LogBatch(records=_RECORDS, key=1, taken_ms=NOW_NS // 1_000_000))
        await writer.settle()
        for question in questions:
            query = parse(question)
            sql = f"SELECT number FROM logs WHERE {condition(query, NOW_NS)} ORDER BY number"
            stored = (await store.fetch_bytes(sql, fmt="TSV")).decode().split()
            assert stored == found(query), question
