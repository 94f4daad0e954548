"""What other Prometheus servers pull from Tocsin."""

from __future__ import annotations

import struct
from typing import Any

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.ingest import wire
from tocsin.model.labels import MatchOp
from tocsin.model.samples import STALE
from tocsin.model.series import SeriesData
from tocsin.web.api.prometheus_read import decode, encode, samples

NOW_MS = 1_700_000_000_000


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def _bytes(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def request(start_ms: int, end_ms: int, *matchers: tuple[int, str, str]) -> bytes:
    query = b"\x08" + _varint(start_ms) + b"\x10" + _varint(end_ms)
    for kind, name, value in matchers:
        text = _bytes(2, name.encode()) + _bytes(3, value.encode())
        query += _bytes(3, b"\x08" + _varint(kind) + text)
    return _bytes(1, query) + b"\x10\x01"


def read_samples(body: bytes) -> list[tuple[int, float]]:
    found = []
    for number, _, start, stop in wire.fields(body, 0, len(body)):
        if number != 2:
            continue
        value, at = 0.0, 0
        for inner, _, begin, _ in wire.fields(body, start, stop):
            if inner == 1:
                value = struct.unpack_from("<d", body, begin)[0]
            else:
                at = wire.signed(begin)
        found.append((at, value))
    return found


def test_a_request_is_read() -> None:
    (query,) = decode(request(-5, NOW_MS, (0, "__name__", "up"), (3, "job", "a|b")))
    assert (query.start_ms, query.end_ms) == (-5, NOW_MS)
    assert [(m.name, m.op, m.value) for m in query.matchers] == [
        ("__name__", MatchOp.EQUAL, "up"),
        ("job", MatchOp.NOT_REGEX, "a|b"),
    ]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.floats(allow_nan=False)), max_size=20))
def test_samples_of_any_time_are_written(points: list[tuple[int, float]]) -> None:
    ts = np.array([at for at, _ in points], np.int64)
    values = np.array([value for _, value in points], np.float64)
    assert read_samples(samples(ts, values)) == points


def test_staleness_markers_are_left_out_and_series_are_ordered() -> None:
    labels = [(("__name__", "b"),), (("__name__", "a"),)]
    data = SeriesData(
        labels,
        np.array([0, 2, 3]),
        np.array([1, 2, 3]),
        np.array([1.0, STALE, 3.0]),
    )
    result = encode([data])
    assert result.index(b"\x01a") < result.index(b"\x01b")
    assert struct.pack("<d", STALE) not in result


async def test_remote_read_answers_in_snappy(client: Any) -> None:
    asked = request(NOW_MS - 20_000, NOW_MS, (0, "__name__", "up"))
    body = bytes(cramjam.snappy.compress_raw(asked))
    reply = await client.send("POST", "/api/v1/read", body=body)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/x-protobuf"
    assert reply.headers["content-encoding"] == "snappy"
    found = bytes(cramjam.snappy.decompress_raw(reply.body))
    ((_, _, start, stop),) = wire.fields(found, 0, len(found))
    ((_, _, start, stop),) = wire.fields(found, start, stop)
    assert read_samples(found[start:stop]) == [
        (NOW_MS - 20_000, 21540.0),
        (NOW_MS - 5_000, 21585.0),
    ]
    assert b"\x0a\x08__name__\x12\x02up" in found


@pytest.mark.parametrize("body", [b"\x05\xff\xff", b""])
async def test_a_broken_read_request_is_refused(client: Any, body: bytes) -> None:
    reply = await client.send("POST", "/api/v1/read", body=body)
    assert reply.status == 400


async def test_the_newest_samples_are_federated(client: Any) -> None:
    asked = [("match[]", '{job="api"}'), ("match[]", "up")]
    reply = await client.get("/federate", *asked)
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert reply.body.decode().splitlines() == [
        "# TYPE requests_total untyped",
        f'requests_total{{instance="a:1",job="api",path="/"}} 7195 {NOW_MS - 5000}',
        f'requests_total{{instance="b:1",job="api",path="/"}} 14390 {NOW_MS - 5000}',
        "# TYPE up untyped",
        f'up{{instance="a:1",job="api"}} 21585 {NOW_MS - 5000}',
    ]


async def test_names_of_any_letters_are_quoted_for_who_reads_them(client: Any) -> None:
    asked = "match%5B%5D=%7B%22my.metric%22%7D"
    accept = (b"accept", b"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.9")
    reply = await client.send("GET", "/federate", asked, headers=[accept])
    assert reply.headers["content-type"].startswith("text/plain; version=1.0.0")
    assert reply.body.decode().splitlines() == [
        '# TYPE "my.metric" untyped',
        f'{{"my.metric","zone.name"="eu",instance=""}} 35975 {NOW_MS - 5000}',
    ]
    reply = await client.send("GET", "/federate", asked)
    assert reply.body.decode().splitlines() == [
        "# TYPE my_metric untyped",
        f'my_metric{{zone_name="eu",instance=""}} 35975 {NOW_MS - 5000}',
    ]


async def test_nothing_is_federated_unasked_and_mistakes_are_told(client: Any) -> None:
    assert (await client.get("/federate")).body == b""
    reply = await client.get("/federate", ("match[]", "up{"))
    assert (reply.status, reply.body) == (
        400,
        b"1:4: parse error: unexpected end of input inside braces\n",
    )
