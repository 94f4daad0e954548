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
from tests.resilience.serving import Serving, eventually, serving

pytestmark = pytest.mark.slow

PART = 400
"""So many lines of each kind before, while, and after something is killed."""
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
        self.said: list[str] = []

    def say(self) -> None:
        """More lines, of both kinds."""
        start = len(self.said)
        self.said += [f"order {number:06d} was declined" for number in range(start, start + PART)]
        for file in ("stream.log", "bulk.log"):
            self.rsyslog.say(file, self.said[start:])

    async def arrived(self, source: str) -> None:
        """Returns when every line that was said is there."""

        async def is_whole() -> bool:
            return set(self.said) <= {one["message"] for one in await self.kept(source)}

        await eventually(is_whole, limit=180.0)

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
        for source in ("syslog", "rsyslog"):
            await both.arrived(source)
            found = await both.kept(source)
            assert _hash([one["message"] for one in found]) == _hash(both.said)
            assert {(one["level"], one["service"], one["host"]) for one in found} == {
                ("error", "checkout", socket.gethostname())
            }
        assert "error" not in both.rsyslog.said()


async def test_nothing_is_lost_when_rsyslog_is_killed_and_tocsin_restarted(tmp_path: Path) -> None:
    async with shipped(tmp_path) as both:
        tocsin, rsyslog = both.tocsin, both.rsyslog
        both.say()
        rsyslog.kill()
        both.say()
        rsyslog.start()
        both.say()
        assert await tocsin.stop() == 0
        both.say()
        rsyslog.kill()
        rsyslog.start()
        await tocsin.start()
        await both.arrived("syslog")
        both.say()
        await both.arrived("syslog")
        await tocsin.kill()
        await tocsin.start()
        await both.arrived("rsyslog")
        documents = [one["message"] for one in await both.kept("rsyslog")]
        assert len(documents) == len(both.said)
        assert _hash(documents) == _hash(both.said)
        # A stream has no acknowledgement: what rsyslog is not sure of it says again.
        messages = {one["message"] for one in await both.kept("syslog")}
        assert _hash(list(messages)) == _hash(both.said)


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
