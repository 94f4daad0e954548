"""A real rsyslog ships to Tocsin, and every line is found again, whichever of both is hurt."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.e2e import programs
from tests.e2e.client import Client
from tests.e2e.first_login import first_login
from tests.e2e.real_rsyslog import Rsyslog, shipping
from tests.resilience.serving import Serving, serving
from tests.waiting import until

pytestmark = pytest.mark.slow

PART = 1_500
"""So many lines of each kind before, while, and after something is killed."""
STREAM, BULK = "syslog", "rsyslog"
"""The sources of the lines that came by RFC 5424 and by bulk requests."""
_FILES = {STREAM: "stream.log", BULK: "bulk.log"}
_CONFIG = """
scrape: {{host: false, itself: false}}
logs: {{syslog: {{tcp: "127.0.0.1:{port}"}}}}
"""


class Shipped:
    """Both, and who asks."""

    def __init__(self, tocsin: Serving, rsyslog: Rsyslog, read_key: str) -> None:
        self.tocsin = tocsin
        self.rsyslog = rsyslog
        self._headers = {"Authorization": f"Bearer {read_key}"}
        self.said: dict[str, list[str]] = {STREAM: [], BULK: []}

    def say(self, *sources: str) -> None:
        """More lines, of both kinds unless told."""
        for source in sources or (STREAM, BULK):
            said = self.said[source]
            start = len(said)
            said += [f"order {number:06d} was declined" for number in range(start, start + PART)]
            self.rsyslog.say(_FILES[source], said[start:])

    async def arrived(self, source: str) -> None:
        """Returns when every line that was said is there."""

        async def is_whole() -> bool:
            return set(self.said[source]) <= set(await self.messages(source))

        await until(is_whole)

    async def streams(self) -> None:
        """Returns when the first of the lines that were said last is there."""
        first = self.said[STREAM][-PART]

        async def has_begun() -> bool:
            return first in await self.messages(STREAM)

        await until(has_begun)

    async def messages(self, source: str) -> list[str]:
        """Every line's text."""
        return [one["message"] for one in await self.kept(source)]

    async def kept(self, source: str) -> list[dict[str, Any]]:
        """Every line of a source."""
        async with self.tocsin.http.get(
            f"{self.tocsin.url}/api/logs/export",
            params={"q": f"source:{source}", "from": "now-1d"},
            headers=self._headers,
        ) as response:
            body = await response.read()
            assert response.status == 200, body[:1000]
        return [msgspec.json.decode(line) for line in body.splitlines()]


@asynccontextmanager
async def shipped(folder: Path) -> AsyncIterator[Shipped]:
    """A Tocsin with login whose ports stay over a restart, and an rsyslogd that has a key."""
    programs.path_of("rsyslogd", "/usr/sbin/rsyslogd")
    http, syslog = _free_ports(2)
    flags = ("--auth", "on", "--http", f"127.0.0.1:{http}")
    async with serving(folder, *flags, config=_CONFIG.format(port=syslog)) as tocsin:
        password = re.search(r"One-time password:\s+(\S+)", tocsin.said())
        assert password, tocsin.said()
        admin = first_login(Client(tocsin.url), password[1])
        key, read_key = admin.make_key("rsyslog", "ingest"), admin.make_key("reader", "read")
        with shipping(folder / "r", http_port=http, syslog_port=syslog, key=key) as rsyslog:
            yield Shipped(tocsin, rsyslog, read_key)


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago: rsyslog's file must name those of a Tocsin that comes
    back."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


async def test_every_line_of_both_protocols_is_found_as_it_was_said(tmp_path: Path) -> None:
    async with shipped(tmp_path) as both:
        both.say()
        for source in (STREAM, BULK):
            await both.arrived(source)
            await _is_exact(both, source)
            assert {
                (one["level"], one["service"], one["host"]) for one in await both.kept(source)
            } == {("error", "checkout", socket.gethostname())}
        assert "error" not in both.rsyslog.said()


async def test_nothing_is_lost_when_rsyslog_is_killed_and_tocsin_restarted(tmp_path: Path) -> None:
    async with shipped(tmp_path) as both:
        await _rsyslog_is_killed(both)
        await _tocsin_ends_and_comes_back(both)
        await _tocsin_is_killed(both)
        await _rsyslog_is_killed_while_tocsin_is_away(both)
        assert len(await both.messages(BULK)) == len(both.said[BULK])


async def _rsyslog_is_killed(both: Shipped) -> None:
    both.say()
    await both.streams()
    both.rsyslog.kill()
    both.say()
    both.rsyslog.start()
    both.say()
    await both.arrived(BULK)
    await _is_exact(both, BULK)
    # A stream has no acknowledgement and no ids: what rsyslog is not sure of it says again.
    await both.arrived(STREAM)


async def _tocsin_ends_and_comes_back(both: Shipped) -> None:
    both.say()
    await both.streams()
    assert await both.tocsin.stop(limit=120.0) == 0
    both.say()
    await both.tocsin.start()
    await both.arrived(BULK)
    await _is_exact(both, BULK)
    await both.arrived(STREAM)


async def _tocsin_is_killed(both: Shipped) -> None:
    both.say(BULK)
    await both.tocsin.kill()
    both.say(BULK)
    await both.tocsin.start()
    await both.arrived(BULK)
    await _is_exact(both, BULK)


async def _rsyslog_is_killed_while_tocsin_is_away(both: Shipped) -> None:
    both.say()
    assert await both.tocsin.stop(limit=120.0) == 0
    both.say()
    both.rsyslog.kill()
    both.rsyslog.start()
    await both.tocsin.start()
    for source in (STREAM, BULK):
        await both.arrived(source)
        assert _hash(list(set(await both.messages(source)))) == _hash(both.said[source])


async def _is_exact(both: Shipped, source: str) -> None:
    """As many lines as were said, and the same ones."""
    found = await both.messages(source)
    assert len(found) == len(both.said[source])
    assert _hash(found) == _hash(both.said[source])


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
