"""How does another Prometheus read samples from Tocsin? Remote read, answered with samples.

https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/ and prompb/remote.proto. The
answer is always of the type SAMPLES, which every client takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import cramjam
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.ingest import wire
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.labels import Labels, Matcher, MatchOp
from tocsin.model.samples import is_stale
from tocsin.model.series import SeriesData
from tocsin.web.api.prometheus_answer import CallerLeft, while_connected
from tocsin.web.body import answering, read_body
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services

_OPERATORS = (MatchOp.EQUAL, MatchOp.NOT_EQUAL, MatchOp.REGEX, MatchOp.NOT_REGEX)
_SHORT_VARINT = 0x80


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """One question of a read request; both ends belong to the range."""

    start_ms: int
    end_ms: int
    matchers: tuple[Matcher, ...]


async def read(request: Request) -> Response:
    """The samples of all queries, snappy-compressed protobuf."""
    config = services(request).config.ingest.body
    queries = decode(await read_body(request, config, encoding="snappy"))
    limit = services(request).config.query.limit_samples
    found: list[SeriesData] = []
    for query in queries:
        asked = services(request).source.select(
            query.matchers, query.start_ms, query.end_ms, limit_samples=limit
        )
        try:
            found.append(await while_connected(request, asked))
        except CallerLeft as error:
            raise Rejected("the caller left") from error
    body = await asyncio.to_thread(_packed, found)
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    return Response(body, headers=headers)


def decode(body: bytes) -> list[ReadQuery]:
    """The queries of a ReadRequest; raises Rejected for what is none."""
    return [
        _query(body, start, stop)
        for number, kind, start, stop in wire.fields(body, 0, len(body))
        if number == 1 and kind == wire.BYTES
    ]


def _query(body: bytes, at: int, end: int) -> ReadQuery:
    times = {1: 0, 2: 0}
    matchers: list[Matcher] = []
    for number, kind, start, stop in wire.fields(body, at, end):
        if number in times and kind == wire.VARINT:
            times[number] = wire.signed(start)
        elif number == 3 and kind == wire.BYTES:
            matchers.append(_matcher(body, start, stop))
    return ReadQuery(times[1], times[2], tuple(matchers))


def _matcher(body: bytes, at: int, end: int) -> Matcher:
    operator = 0
    texts = {2: "", 3: ""}
    for number, kind, start, stop in wire.fields(body, at, end):
        if number == 1 and kind == wire.VARINT:
            operator = start
        elif number in texts and kind == wire.BYTES:
            texts[number] = body[start:stop].decode("utf-8", "replace")
    if operator >= len(_OPERATORS):
        raise Rejected(f"matcher type {operator} is not known; 0 to 3 are")
    return Matcher(texts[2], _OPERATORS[operator], texts[3])


def _packed(results: Sequence[SeriesData]) -> bytes:
    return bytes(cramjam.snappy.compress_raw(encode(results)))


def encode(results: Sequence[SeriesData]) -> bytes:
    """A ReadResponse of the type SAMPLES, series ordered by their labels."""
    return b"".join(_field(1, _result(data)) for data in results)


def _result(data: SeriesData) -> bytes:
    order = sorted(range(len(data.labels)), key=data.labels.__getitem__)
    return b"".join(_field(1, _series(data, index)) for index in order)


def _series(data: SeriesData, index: int) -> bytes:
    start, stop = int(data.offsets[index]), int(data.offsets[index + 1])
    ts, values = data.ts[start:stop], data.values[start:stop]
    living = ~is_stale(values)
    return _labels(data.labels[index]) + samples(ts[living], values[living])


def _labels(labels: Labels) -> bytes:
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode("utf-8", "replace")))
        for name, value in labels
    )


def samples(ts: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
    """Samples as repeated field 2; all at once when their times take equally many bytes."""
    if not len(ts):
        return b""
    widths = _widths(ts)
    cuts = np.flatnonzero(np.diff(widths)) + 1
    parts = np.split(np.arange(len(ts)), cuts)
    return b"".join(_equally_wide(ts[part], values[part], int(widths[part[0]])) for part in parts)


def _widths(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    unsigned = ts.view(np.uint64)
    bounds = np.uint64(1) << np.arange(7, 64, 7, dtype=np.uint64)
    widths: NDArray[np.int64] = np.searchsorted(bounds, unsigned, side="right") + 1
    return widths


def _equally_wide(ts: NDArray[np.int64], values: NDArray[np.float64], width: int) -> bytes:
    rows = np.zeros((len(ts), 12 + width), np.uint8)
    rows[:, 0] = 2 << 3 | wire.BYTES
    rows[:, 1] = 10 + width
    rows[:, 2] = 1 << 3 | wire.FIXED64
    rows[:, 3:11] = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)
    rows[:, 11] = 2 << 3 | wire.VARINT
    unsigned = ts.view(np.uint64)
    for index in range(width):
        more = _SHORT_VARINT if index + 1 < width else 0
        low = (unsigned >> np.uint64(7 * index)) & np.uint64(0x7F)
        rows[:, 12 + index] = low.astype(np.uint8) | more
    return rows.tobytes()


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | wire.BYTES]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    made = bytearray()
    while value >= _SHORT_VARINT:
        made.append(value & 0x7F | _SHORT_VARINT)
        value >>= 7
    made.append(value)
    return bytes(made)


def _refuse(_request: Request, fault: Fault, status: int) -> Response:
    return PlainTextResponse(f"{fault}\n", status)


ADDRESSES: Addresses = (post("/api/v1/read", answering(read, _refuse), Access.READ),)
