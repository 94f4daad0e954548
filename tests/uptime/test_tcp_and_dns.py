"""Ports take connections and say what they should; names have the records that they should have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.scrape.test_discovery import FakeDns
from tocsin.kit.clock import SystemClock
from tocsin.kit.typed import decode
from tocsin.kit.yaml import loads
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.finding import Finding
from tocsin.uptime.prober import Prober


async def ask(text: str) -> Finding:
    monitor = decode(loads(f"{{name: it, retries: 0, {text}}}"), MonitorConfig)
    return await Prober(SystemClock()).ask(monitor)


@asynccontextmanager
async def speaking(greeting: bytes) -> AsyncIterator[str]:
    """`host:port` of a server that greets, then answers what it is told."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while said := await reader.read(100):
            writer.write(b"+" + said)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        yield f"{host}:{port}"


@pytest.mark.parametrize(
    ("greeting", "more", "reason"),
    [
        pytest.param(b"", "", "", id="it connects"),
        pytest.param(b"220 mail ESMTP\r\n", "matches: '^220 '", "", id="it greets"),
        pytest.param(b"", 'send: "PING\\r\\n", matches: "\\\\+PING"', "", id="it answers"),
        pytest.param(
            b"554 no\r\n", "matches: '^220 ', timeout: 200ms", "timeout", id="it does not"
        ),
        pytest.param(b"x" * 70_000, "matches: '^220 '", "content", id="it never stops"),
    ],
)
async def test_a_port_is_asked(greeting: bytes, more: str, reason: str) -> None:
    async with speaking(greeting) as address:
        found = await ask(f"tcp: '{address}'{', ' + more if more else ''}")
    assert (found.is_up, found.reason) == (not reason, reason)


async def test_a_port_that_nobody_listens_on_is_down() -> None:
    async with speaking(b"") as address:
        pass
    found = await ask(f"tcp: '{address}'")
    assert (found.reason, address in found.words) == ("connect", True)


async def test_a_port_without_tls_is_said() -> None:
    async with speaking(b"220 plain\r\n") as address:
        found = await ask(f"tcp: '{address}', tls: true")
    assert found.reason == "tls"


@pytest.fixture
async def name_server() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(FakeDns, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    yield f"{host}:{port}"
    transport.close()


@pytest.mark.parametrize(
    ("question", "reason", "words"),
    [
        pytest.param("dns: web.example", "", "", id="it is there"),
        pytest.param("dns: web.example, answers: [10.0.0.1]", "", "", id="with the right record"),
        pytest.param(
            "dns: web.example, answers: [10.0.0.9]",
            "content",
            "A of web.example lacks 10.0.0.9; it has 10.0.0.1, 10.0.0.2",
            id="with others",
        ),
        pytest.param(
            "dns: example, record: MX, answers: ['10 Mail.example.']", "", "", id="a mail server"
        ),
        pytest.param("dns: gone.example", "answer", "there is no name", id="it is not there"),
        pytest.param("dns: broken.example", "resolve", "broken.example", id="the server fails"),
    ],
)
async def test_a_name_is_looked_up(
    name_server: str, question: str, reason: str, words: str
) -> None:
    found = await ask(f"{question}, server: '{name_server}'")
    assert (found.is_up, found.reason) == (not reason, reason)
    assert words in found.words
