"""Bulk requests are read item by item, and no bytes break the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.ingest.protocols.elasticsearch_bulk import decode, service_of
from tocsin.kit.fault import Rejected

NOW_NS = 1_700_000_000_000_000_000
DOCUMENT = {"@timestamp": "2026-05-04T13:00:00Z", "message": "m", "severity": "warn"}


def body(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def test_winstons_request_is_read_with_its_quirks() -> None:
    document = {**DOCUMENT, "fields": {"run": "r1", "stack": "Error: x\n  at y"}}
    found = decode(
        body({"index": {"_index": "shop-logs", "pipeline": None}, "attempts": 0}, document),
        index="",
        now_ns=NOW_NS,
    )
    (item,), (record,) = found.items, found.records
    assert (item.operation, item.index, item.id, item.problem) == ("index", "shop-logs", "", "")
    assert (record.body, record.level, record.source, record.service) == (
        *("m", 13, "shop-logs", "shop"),
    )
    assert record.attributes == {"run": "r1", "stack": "Error: x\n  at y"}
    assert json.loads(record.original) == document
    assert found.carries_times


def test_equal_documents_of_one_request_have_names_of_their_own() -> None:
    action = {"index": {"_index": "a"}, "attempts": 0}
    first = decode(body(action, DOCUMENT, action, DOCUMENT), index="", now_ns=NOW_NS)
    assert len(set(first.names)) == 2
    again = {"index": {"_index": "a"}, "attempts": 1}
    more = {**DOCUMENT, "message": "new"}
    second = decode(body(again, DOCUMENT, again, DOCUMENT, action, more), index="", now_ns=NOW_NS)
    assert second.names[:2] == first.names
    assert second.names[2] not in first.names


def test_documents_without_an_id_or_a_count_of_attempts_have_no_name() -> None:
    found = decode(body({"create": {"_index": "a"}}, DOCUMENT), index="", now_ns=NOW_NS)
    assert found.names == [0]


def test_the_paths_index_stands_for_actions_that_name_none() -> None:
    found = decode(body({"create": {}}, DOCUMENT), index="from-path", now_ns=NOW_NS)
    assert found.items[0].index == "from-path"


def test_each_item_fails_by_itself() -> None:
    text = b'{"index":{}}\nno json\n{"delete":{"_id":"1"}}\n{"update":{"_id":"1"}}\n{}\n'
    found = decode(text + body({"index": {"_id": 7}}, DOCUMENT), index="a", now_ns=NOW_NS)
    assert [bool(one.problem) for one in found.items] == [True, True, True, False]
    assert found.items[3].id == "7"
    assert found.records[0].attributes["_id"] == "7"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "newline"),
        (b'{"index":{"_index":"a"}}', "newline"),
        (b'{"index":{"_index":"a"}}\n', "no document"),
        (b'{"index":{}}\n{}\n', "index is missing"),
        (b"[]\n{}\n", "Malformed action"),
        (b'{"index":{},"create":{}}\n{}\n', "Malformed action"),
        (b'{"attempts":0}\n{}\n', "Malformed action"),
        (b"\xff\n{}\n", "Malformed action"),
    ],
    ids=[
        *("empty", "no newline", "no document", "no index", "a list", "two actions"),
        *("no action", "no text"),
    ],
)
def test_what_cannot_be_told_apart_is_refused_whole(text: bytes, words: str) -> None:
    if not text:
        assert decode(b"\n", index="", now_ns=NOW_NS).items == []
        return
    with pytest.raises(Rejected, match=words):
        decode(text, index="", now_ns=NOW_NS)


def test_millions_of_empty_lines_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(Rejected, match="smaller batches"):
        decode(b"\n" * 1_000_001, index="a", now_ns=NOW_NS)


@pytest.mark.parametrize(
    ("index", "service"),
    [
        ("gocarbon-logs", "gocarbon"),
        ("shop-logs-2026.05.04", "shop"),
        ("shop-2026-05", "shop"),
        ("logs-shop-default", "shop"),
        ("logs", "logs"),
        ("2026.05.04", "2026.05.04"),
    ],
)
def test_a_service_is_named_by_its_index(index: str, service: str) -> None:
    assert service_of(index) == service


_LINES = st.sampled_from(
    [
        b'{"index":{"_index":"a"},"attempts":1}',
        b'{"create":{}}',
        b'{"delete":{"_id":"1"}}',
        json.dumps(DOCUMENT).encode(),
        b"{}",
        b"",
        b"[1]",
        b'{"message":"\\ud800"}',
        b'{"index":null}',
        b'{"index":{"_id":["x"]}}',
    ]
)


@given(st.lists(_LINES | st.binary(max_size=20), max_size=12), st.booleans())
def test_any_lines_are_read_or_refused(lines: list[bytes], ended: bool) -> None:
    text = b"\n".join(lines) + (b"\n" if ended else b"")
    try:
        found = decode(text, index="x", now_ns=NOW_NS)
    except Rejected:
        return
    assert len(found.records) == sum(not item.problem for item in found.items)
    assert len(found.names) == len(found.records)


def test_a_document_nested_without_end_is_refused_by_itself() -> None:
    deep: Any = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    found = decode(b'{"index":{}}\n' + deep + b"\n", index="x", now_ns=NOW_NS)
    assert found.items[0].problem
