"""Peers that never finish, send too much, or are very many: each is answered, others go on."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from tests.resilience.serving import Serving, serving

pytestmark = pytest.mark.slow

_CONFIG = "scrape: {host: false, itself: false}\ningest: {body: {timeout: 2s}}\n"
_ANSWER_SECONDS = 90.0
_HEAD = b"POST /api/v1/write HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
async def tocsin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    async with serving(tmp_path_factory.mktemp("peers"), config=_CONFIG) as one:
        yield one


async def _opened(tocsin: Serving) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(tocsin.url)
    assert address.hostname is not None
    return await asyncio.open_connection(address.hostname, address.port)


async def _answer(tocsin: Serving, sent: bytes) -> bytes:
    """Everything that is answered until the server closes the connection."""
    reader, writer = await _opened(tocsin)
    try:
        writer.write(sent)
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await reader.read()
    finally:
        writer.close()


async def test_a_head_that_never_ends_is_answered_408_and_closed(tocsin: Serving) -> None:
    said = await _answer(tocsin, _HEAD)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in said.lower()


async def test_a_body_that_never_ends_is_answered_408(tocsin: Serving) -> None:
    reader, writer = await _opened(tocsin)
    writer.write(_HEAD + b"Content-Length: 100\r\n\r\nsome")
    async with asyncio.timeout(_ANSWER_SECONDS):
        said = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert said.startswith(b"HTTP/1.1 408 ")


async def test_a_huge_head_is_answered_431_and_closed(tocsin: Serving) -> None:
    said = await _answer(tocsin, _HEAD + b"X-Much: " + b"a" * (200 << 10))
    assert said.startswith(b"HTTP/1.1 431 ")


async def test_what_is_no_http_is_answered_400_and_closed(tocsin: Serving) -> None:
    said = await _answer(tocsin, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10)
    assert said.startswith(b"HTTP/1.1 400 ")


async def test_a_body_larger_than_the_limit_is_refused_before_it_is_sent(tocsin: Serving) -> None:
    reader, writer = await _opened(tocsin)
    writer.write(_HEAD + b"Content-Length: 99999999999\r\n\r\n")
    async with asyncio.timeout(_ANSWER_SECONDS):
        said = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert said.startswith(b"HTTP/1.1 413 ")


async def test_a_thousand_idle_connections_disturb_nobody(tocsin: Serving) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        pytest.skip(f"a process may have {hard} files open here, too few for this test")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    idle = [await _opened(tocsin) for _ in range(1000)]
    try:
        now = time.time_ns() // 1_000_000
        assert (await tocsin.write({"beside": (now, 1.0)}))[0] < 300
        assert (await tocsin.samples("kept[10m]"))["beside"] == [(now, 1.0)]
        assert (await tocsin.get("/-/ready"))[0] == 200
    finally:
        for _, writer in idle:
            writer.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_thousand_clients_at_once_are_all_answered(tocsin: Serving) -> None:
    now = time.time_ns() // 1_000_000
    assert (await tocsin.write({"x": (now, 1.0)}))[0] < 300
    questions = ("kept", "sum(rate(kept[5m]))", "count(kept)", "up")
    asked = [tocsin.get("/api/v1/query", query=questions[n % 4]) for n in range(1000)]
    answers = await asyncio.gather(*asked)
    assert {status for status, _ in answers} == {200}
