"""Large answers are packed as the caller takes it; what is live, small or packed stays as it is."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import cramjam
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.ingest.asgi import Answer
from tests.web.connection import Connection
from tocsin.web.compressed import LEAST_BYTES, Compressed

LARGE = b'{"message": "the same again", "n": 1}\n' * 10_000
MEDIUM = LARGE[:2_000]
Handler = Callable[[Request], Awaitable[Response]]


def app(handler: Handler) -> Compressed:
    return Compressed(Starlette(routes=[Route("/", handler)]))


def fixed(body: bytes, media: str = "application/json", **headers: str) -> Handler:
    async def answered(_request: Request) -> Response:
        return Response(body, media_type=media, headers=headers)

    return answered


async def asked(handler: Handler, accepted: str) -> Answer:
    headers = [("accept-encoding", accepted)] if accepted else []
    body, more = b"", True
    async with Connection(app(handler), "http", "/", {}, headers) as here:
        head = await here.message()
        while more:
            message = await here.message()
            body, more = body + message["body"], message.get("more_body", False)
    pairs = {name.decode(): value.decode() for name, value in head["headers"]}
    return Answer(head["status"], pairs, body)


def unpacked(answer: Answer) -> bytes:
    match answer.headers.get("content-encoding"):
        case "gzip":
            return zlib.decompress(answer.body, 16 + zlib.MAX_WBITS)
        case "zstd":
            return bytes(cramjam.zstd.decompress(answer.body))
    return answer.body


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0, gzip;q=0.5", "gzip"),
        ("gzip;q=0.0", None),
        ("br", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("body", [MEDIUM, LARGE], ids=["medium", "large"])
async def test_an_answer_is_packed_as_it_is_taken(
    accepted: str, coding: str | None, body: bytes
) -> None:
    answer = await asked(fixed(body), accepted)
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert unpacked(answer) == body
    assert (len(answer.body) < len(body) / 5) is bool(coding)


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(fixed(b"x" * (LEAST_BYTES - 1)), id="small"),
        pytest.param(fixed(LARGE, "image/png"), id="a picture"),
        pytest.param(fixed(LARGE, **{"content-encoding": "snappy"}), id="packed already"),
    ],
)
async def test_what_would_not_become_smaller_stays(handler: Handler) -> None:
    answer = await asked(handler, "gzip, zstd")
    assert answer.headers.get("content-encoding") in (None, "snappy")
    assert answer.body in (LARGE, b"x" * (LEAST_BYTES - 1))


async def test_what_shippers_are_told_is_not_packed() -> None:
    bulk = Compressed(Starlette(routes=[Route("/logs/_bulk", fixed(LARGE))]))
    headers = [("accept-encoding", "gzip")]
    async with Connection(bulk, "http", "/logs/_bulk", {}, headers) as here:
        assert b"content-encoding" not in dict((await here.message())["headers"])


def growing(media: str, more: asyncio.Event) -> Handler:
    async def parts() -> AsyncIterator[bytes]:
        yield b"event: first\n\n"
        await more.wait()
        yield b"event: second\n\n"

    async def answered(_request: Request) -> Response:
        return StreamingResponse(parts(), media_type=media)

    return answered


@pytest.mark.parametrize("accepted", ["gzip", "zstd", "gzip, zstd"])
async def test_a_live_tail_is_never_held_back(accepted: str) -> None:
    more = asyncio.Event()
    headers = [("accept-encoding", accepted)]
    async with Connection(
        app(growing("text/event-stream", more)), "http", "/", {}, headers
    ) as stream:
        head = await stream.message()
        assert b"content-encoding" not in dict(head["headers"])
        assert await stream.until(b"first\n\n") == b"event: first\n\n"
        more.set()
        await stream.until(b"second\n\n")


@pytest.mark.parametrize("accepted", ["gzip", "zstd"])
async def test_each_part_of_a_stream_can_be_read_when_it_comes(accepted: str) -> None:
    more = asyncio.Event()
    headers = [("accept-encoding", accepted)]
    async with Connection(
        app(growing("application/x-ndjson", more)), "http", "/", {}, headers
    ) as stream:
        head = dict((await stream.message())["headers"])
        assert head[b"content-encoding"] == accepted.encode()
        first = (await stream.message())["body"]
        if accepted == "gzip":
            assert zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(first) == b"event: first\n\n"
        else:
            assert (
                b"event: first\n\n" in first
            )  # a block of its own: so short a text stays as it is
        more.set()
        assert (await stream.message())["body"]


@pytest.mark.parametrize("accepted", ["zstd", "gzip", ""])
@pytest.mark.parametrize("parts", [[b"", b""], [b"", MEDIUM, b"", b"end"]], ids=["nothing", "more"])
async def test_a_stream_may_begin_with_nothing(accepted: str, parts: list[bytes]) -> None:
    async def streamed(_request: Request) -> Response:
        async def told() -> AsyncIterator[bytes]:
            for part in parts:
                yield part

        return StreamingResponse(told(), media_type="application/x-ndjson")

    assert unpacked(await asked(streamed, accepted)) == b"".join(parts)
