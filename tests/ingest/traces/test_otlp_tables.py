"""OTLP's spans are read column by column, the same from protobuf and from JSON."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tocsin.ingest import otlp_json
from tocsin.ingest.otlp_traces import json_text, protobuf
from tocsin.kit.fault import Rejected
from tocsin.model.span_table import SpanTable, table_of
from tocsin.model.spans import Span, SpanEvent

NOW_NS = 1_700_000_000_000_000_000

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=150)
values = st.one_of(
    st.fixed_dictionaries({"stringValue": texts}),
    st.fixed_dictionaries({"intValue": st.integers(-(1 << 63), (1 << 63) - 1)}),
    st.fixed_dictionaries({"intValue": st.integers(-(1 << 63), (1 << 63) - 1).map(str)}),
    st.fixed_dictionaries({"boolValue": st.booleans()}),
    st.fixed_dictionaries({"doubleValue": st.floats(allow_nan=False, allow_infinity=False)}),
    st.fixed_dictionaries({"bytesValue": st.binary(max_size=9).map(base64.b64encode)}),
    st.just({}),
    st.just({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}]}}),
    st.just({"kvlistValue": {"values": [{"key": "b", "value": {"boolValue": True}}]}}),
    st.just({"kvlistValue": {}}),
)
attributes = st.lists(
    st.fixed_dictionaries({"key": st.sampled_from("abc") | texts, "value": values}), max_size=6
)
times = st.integers(0, (1 << 64) - 1) | st.integers(NOW_NS - 10**12, NOW_NS)
spans = st.fixed_dictionaries(
    {
        "traceId": st.binary(max_size=16).map(bytes.hex),
        "spanId": st.binary(max_size=8).map(bytes.hex),
        "name": texts,
        "kind": st.integers(-1, 9),
        "startTimeUnixNano": times | times.map(str),
        "endTimeUnixNano": times,
        "attributes": attributes,
    },
    optional={
        "parentSpanId": st.sampled_from([None, "", "0" * 16, "ab" * 8]),
        "traceState": st.sampled_from(["", "ot=th:8"]),
        "flags": st.integers(0, 257),
        "droppedAttributesCount": st.integers(0, 3),
        "droppedLinksCount": st.integers(0, 3),
        "status": st.fixed_dictionaries({}, optional={"code": st.integers(0, 4), "message": texts}),
        "events": st.lists(
            st.fixed_dictionaries(
                {"name": texts, "attributes": attributes}, optional={"timeUnixNano": times}
            ),
            max_size=2,
        ),
        "links": st.lists(
            st.fixed_dictionaries(
                {"traceId": st.just("1" * 32), "spanId": st.just("2" * 16)},
                optional={"attributes": attributes},
            ),
            max_size=2,
        ),
    },
)
scopes = st.fixed_dictionaries(
    {"spans": st.lists(spans, max_size=4)},
    optional={
        "scope": st.fixed_dictionaries(
            {}, optional={"name": texts, "version": texts, "attributes": attributes}
        )
    },
)
requests = st.fixed_dictionaries(
    {
        "resourceSpans": st.lists(
            st.fixed_dictionaries(
                {"scopeSpans": st.lists(scopes, max_size=2)},
                optional={"resource": st.fixed_dictionaries({"attributes": attributes})},
            ),
            max_size=2,
        )
    }
)


def in_protobuf(body: bytes) -> bytes:
    return otlp_json.parse(body, ExportTraceServiceRequest()).SerializeToString()


def one(**fields: Any) -> bytes:
    """A request of one span."""
    whole = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "GET /", **fields}
    return msgspec.json.encode({"resourceSpans": [{"scopeSpans": [{"spans": [whole]}]}]})


@given(document=requests)
def test_json_says_the_same_as_protobuf(document: dict[str, Any]) -> None:
    body = msgspec.json.encode(document)
    table = json_text.decode(body, now_ns=NOW_NS)
    assert list(table) == list(protobuf.decode(in_protobuf(body), now_ns=NOW_NS))


@given(document=requests)
def test_spans_of_a_table_make_the_same_table(document: dict[str, Any]) -> None:
    table = json_text.decode(msgspec.json.encode(document), now_ns=NOW_NS)
    again = table_of(list(table))
    assert (again.names, again.values) == (table.names, table.values)
    assert list(again) == list(table)
    assert [table.attributes(place) for place in range(len(table))] == [
        span.attributes for span in again
    ]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            {"resource_spans": [{"scope_spans": [{"spans": [{"span_id": "2" * 16}]}]}]},
            id="names in snake case",
        ),
        pytest.param(
            {"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": "SPAN_KIND_SERVER"}]}]}]},
            id="an enum by name",
        ),
        pytest.param(
            {"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "5e3"}]}]}]},
            id="a fraction",
        ),
        pytest.param(
            {"resourceSpans": [{"scopeSpans": [{"spans": [{"later": 1}]}]}], "more": {}},
            id="fields of another version",
        ),
    ],
)
def test_json_that_is_written_otherwise_is_read_too(document: dict[str, Any]) -> None:
    body = msgspec.json.encode(document)
    (found,) = json_text.decode(body, now_ns=NOW_NS)
    (same,) = protobuf.decode(in_protobuf(body), now_ns=NOW_NS)
    assert found == same


def test_of_attributes_with_one_name_the_last_counts() -> None:
    twice = [{"key": "a", "value": {"stringValue": text}} for text in ("1", "2")]
    for place in range(2):
        body = one(attributes=[*twice, {"key": "b", "value": {"intValue": place}}])
        for table in (
            json_text.decode(body, now_ns=NOW_NS),
            protobuf.decode(in_protobuf(body), now_ns=NOW_NS),
        ):
            assert table[0].attributes == {"a": "2", "b": str(place)}


@pytest.mark.parametrize(
    "attribute",
    [
        pytest.param(b"\x0a\x01a\x12\x04\x0a\x02\xff\xfe", id="text that is no UTF-8"),
        pytest.param(b"\x0a\x01a\x12\x09\x0a\x02", id="less than it says"),
        pytest.param(b"\x0a\x7f", id="a name that is not there"),
    ],
)
def test_a_body_whose_attributes_are_broken_is_refused(attribute: bytes) -> None:
    span = b"\x4a" + bytes([len(attribute)]) + attribute
    scope = b"\x12" + bytes([len(span)]) + span
    resource = b"\x12" + bytes([len(scope)]) + scope
    with pytest.raises(Rejected, match="no ExportTraceServiceRequest"):
        protobuf.decode(b"\x0a" + bytes([len(resource)]) + resource, now_ns=NOW_NS)


@pytest.mark.parametrize("length", [1, 100, 122, 123, 124, 127, 128, 129, 200, 20_000])
def test_texts_of_any_length_are_read(length: int) -> None:
    key, text = "k" * min(length, 200), "é" * (length // 2) + "x" * (length % 2)
    body = in_protobuf(one(attributes=[{"key": key, "value": {"stringValue": text}}]))
    for _ in range(2):
        assert protobuf.decode(body, now_ns=NOW_NS)[0].attributes == {key: text}


def test_a_table_gives_spans_that_are_ones_own() -> None:
    event = SpanEvent(ts_ns=2, name="e")
    sent = Span(ts_ns=1, duration_ns=2, trace_id="a", span_id="b", name="c", events=(event,),
                attributes={"peer.service": "", "server.address": "db"})  # fmt: skip
    table = table_of([sent])
    assert table_of(table) is table
    table[0].name = "other"
    assert table[0] == sent
    assert table[:1] == [sent]
    assert table.first(0, ("peer.service", "server.address")) == "db"
    assert table.first(0, ("peer.service", "nothing")) == ""
    assert list(SpanTable()) == []


def test_protobufs_own_reader_agrees_on_what_is_no_json() -> None:
    with pytest.raises(Rejected, match="not valid JSON"):
        json_text.decode(b'{"resourceSpans": [', now_ns=NOW_NS)
    with pytest.raises(Rejected, match="no ExportTraceServiceRequest"):
        json_text.decode(one(attributes=[{"key": 1}]), now_ns=NOW_NS)
    with pytest.raises(Rejected, match="not hexadecimal"):
        json_text.decode(one(traceId="xyz"), now_ns=NOW_NS)
