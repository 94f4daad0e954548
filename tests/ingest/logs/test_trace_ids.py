"""Ids of traces and spans are kept in one spelling, however a program writes them."""

from __future__ import annotations

import pytest

from tests.ingest.asgi import site
from tocsin.model.logs import LogRecord
from tocsin.query.logs.match import matcher
from tocsin.query.logs.parse import parse
from tocsin.query.logs.sql import condition

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
DASHED = "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param((TRACE, SPAN), (TRACE, SPAN), id="as OpenTelemetry writes them"),
        pytest.param((TRACE.upper(), SPAN.upper()), (TRACE, SPAN), id="in upper case"),
        pytest.param((DASHED, "0x" + SPAN), (TRACE, SPAN), id="with dashes, with 0x"),
        pytest.param((SPAN, ""), (SPAN.zfill(32), ""), id="of eight bytes, as B3 may be"),
        pytest.param(
            ("7203685477580700000", "req-7"), ("7203685477580700000", "req-7"), id="other"
        ),
    ],
)
async def test_ids_are_kept_as_spans_have_them(
    given: tuple[str, str], kept: tuple[str, str]
) -> None:
    here = site()
    now = here.logs.now_ns()
    records = [
        LogRecord(ts_ns=now, body="plain", trace_id=TRACE, span_id=SPAN),
        LogRecord(ts_ns=now, body="x", trace_id=given[0], span_id=given[1]),
    ]
    await here.logs.take(records, protocol="test", key=1)
    (_, found) = here.lines.records
    assert (found.trace_id, found.span_id) == kept


@pytest.mark.parametrize("typed", [TRACE, TRACE.upper(), DASHED, DASHED.lower()])
def test_a_trace_is_found_in_every_spelling(typed: str) -> None:
    query = parse(f"trace_id:{typed}")
    line = LogRecord(ts_ns=1, body="x", trace_id=TRACE)
    assert matcher(query, 1)(line)
    assert f"trace_id = '{TRACE}'" in condition(query, 1)
    assert not matcher(parse(f"trace_id!={typed}"), 1)(line)
