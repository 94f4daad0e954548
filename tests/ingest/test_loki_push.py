"""`/loki/api/v1/push`: what streams become, and how its clients are answered."""

from __future__ import annotations

import json

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import site

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
NOW = 1_700_000_000
AT_NS = (NOW - 20) * 1_000_000_000


def push(*streams: tuple[str, list[tuple[int, str, dict[str, str]]]]) -> bytes:
    """A logproto.PushRequest, compressed."""
    return bytes(cramjam.snappy.compress_raw(b"".join(field(1, stream(*one)) for one in streams)))


def stream(labels: str, entries: list[tuple[int, str, dict[str, str]]]) -> bytes:
    return field(1, labels.encode()) + b"".join(field(2, entry(*one)) for one in entries)


def entry(at_ns: int, line: str, metadata: dict[str, str]) -> bytes:
    seconds, nanos = divmod(at_ns, 1_000_000_000)
    stamp = b"\x08" + varint(seconds) + b"\x10" + varint(nanos)
    pairs = (field(1, k.encode()) + field(2, v.encode()) for k, v in metadata.items())
    return field(1, stamp) + field(2, line.encode()) + b"".join(field(3, pair) for pair in pairs)


def field(number: int, body: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(body)) + body


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes((value,))


@pytest.mark.parametrize("declared", [{}, {"content_encoding": "snappy"}], ids=str)
async def test_protobuf_is_read_whether_or_not_it_says_snappy(declared: dict[str, str]) -> None:
    here = site()
    body = push(
        (
            '{level="info", app="shop", note="a \\"b\\" \\n"}',
            [(AT_NS + 5, "one", {}), (AT_NS + 6, "two", {"trace_id": "t1"})],
        )
    )
    answer = await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF, **declared)
    assert (answer.status, answer.body) == (204, b"")
    one, two = here.lines.records
    assert (one.body, one.ts_ns, one.service, one.level) == ("one", AT_NS + 5, "shop", 9)
    assert one.attributes == {"level": "info", "app": "shop", "note": 'a "b" \n'}
    assert (two.trace_id, two.attributes["trace_id"]) == ("t1", "t1")


async def test_json_values_have_two_or_three_elements() -> None:
    here = site()
    values = [[str(AT_NS), "plain"], [str(AT_NS + 1), "with", {"user": "u1", "n": 2}]]
    labels = {"severity": "error", "logger": "shop.pay"}
    body = json.dumps({"streams": [{"stream": labels, "values": values}]}).encode()
    answer = await here.call("POST", "/loki/api/v1/push", body, content_type=JSON)
    assert answer.status == 204
    plain, rich = here.lines.records
    assert (plain.level, plain.service, plain.attributes) == (17, "shop.pay", labels)
    assert rich.attributes == {**labels, "user": "u1", "n": "2"}


async def test_a_level_that_no_label_tells_is_found_in_the_line() -> None:
    here = site()
    body = push(('{job="x"}', [(AT_NS, 'level=warn msg="slow" trace_id=' + "a" * 32, {})]))
    await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
    (record,) = here.lines.records
    assert (record.level, record.trace_id, record.service) == (13, "a" * 32, "x")
    assert record.body.startswith("level=warn")


async def test_a_line_that_is_an_object_is_told_by_its_message() -> None:
    here = site()
    line = '{"level":50,"time":1,"msg":"declined","name":"shop","pid":7,"app":"y","n":3}'
    body = push(('{app="x"}', [(AT_NS, line, {"n": "4"}), (AT_NS, '{"a": 1}', {})]))
    await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
    first, second = here.lines.records
    assert (first.body, first.original, first.ts_ns) == ("declined", line, AT_NS)
    assert (first.level, first.service) == (17, "x")
    assert first.attributes["n"] == "4", "its sender's word goes before the line's"
    assert (second.body, second.original) == ('{"a": 1}', "")
    assert second.attributes["a"] == "1"


async def test_lines_too_old_are_told_and_the_others_kept() -> None:
    here = site()
    body = push(('{app="x"}', [(1, "old", {}), (AT_NS, "new", {})]))
    answer = await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
    assert answer.status == 400
    assert b"1 lines kept, 1 left out" in answer.body
    assert [one.body for one in here.lines.records] == ["new"]


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"\xff", PROTOBUF, 400),
        (bytes(cramjam.snappy.compress_raw(field(1, field(1, b"no labels")))), PROTOBUF, 400),
        (b"{}", JSON, 400),
        (b'{"streams":[{}]}', JSON, 400),
        (b'{"streams":[{"stream":{},"values":[["x","y"]]}]}', JSON, 400),
        (b'{"streams":[{"stream":{},"values":[[1]]}]}', JSON, 400),
        (b"x", "text/html", 415),
    ],
)
async def test_what_is_no_push_is_refused(body: bytes, media: str, status: int) -> None:
    answer = await site().call("POST", "/loki/api/v1/push", body, content_type=media)
    assert answer.status == status


async def test_a_full_store_is_429() -> None:
    here = site()
    here.lines.busy = True
    body = push(('{app="x"}', [(AT_NS, "a", {})]))
    answer = await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


@given(st.binary(max_size=80), st.sampled_from([PROTOBUF, JSON]))
async def test_any_bytes_are_taken_or_refused(body: bytes, media: str) -> None:
    raw = bytes(cramjam.snappy.compress_raw(body)) if media == PROTOBUF else body
    answer = await site().call("POST", "/loki/api/v1/push", raw, content_type=media)
    assert answer.status in (204, 400)
