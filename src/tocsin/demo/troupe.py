"""Which processes make up the demo's application, and how are they started and ended?"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tocsin.kit import log
from tocsin.kit.fault import Permanent

_log = log.get("demo")
_READY_SECONDS = 60.0
_END_SECONDS = 3.0


class _Ready(msgspec.Struct):
    name: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Player:
    """One running process of the demo; `port` is 0 when it serves nothing."""

    name: str
    port: int
    process: asyncio.subprocess.Process

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class Troupe:
    """The demo's processes. Each holds the other end of a pipe, so none outlives this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._players: list[Player] = []

    async def open(
        self, tocsin_url: str = "", key: str = "", *, shop_port: int = 0
    ) -> Mapping[str, str]:
        """Start the partner, the shop and the worker; returns the address of each by job name.

        What they say goes to Tocsin with `key`; nowhere without its address. The shop takes a free
        port when none is given.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        given = (str(self._folder), tocsin_url)
        partner = await self._start("partner", *given, first_line=key)
        beside = (f"http://{partner.address}", str(shop_port))
        shop = await self._start("shop", *given, *beside, first_line=key)
        worker = await self._start("worker", *given, first_line=key)
        return {player.name: player.address for player in (shop, worker, partner)}

    async def open_inbox(self, port: int) -> None:
        """Start what takes the messages to people, on that port."""
        await self._start("inbox", str(self._folder), str(port))

    async def send_people(self, shop: str, tocsin_url: str, key: str) -> None:
        """Let people visit the shop; their browsers report to Tocsin with `key`."""
        await self._start("load", str(self._folder), f"http://{shop}", tocsin_url, first_line=key)

    async def close(self) -> None:
        """End every process, the youngest first."""
        for player in reversed(self._players):
            await _end(player.process)
        self._players.clear()

    async def _start(self, name: str, *arguments: str, first_line: str | None = None) -> Player:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"tocsin.demo.{name}",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        if process.stdin is None or process.stdout is None:
            raise Permanent(f"the demo's {name} started without pipes")
        if first_line is not None:
            process.stdin.write(first_line.encode() + b"\n")
            await process.stdin.drain()
        try:
            async with asyncio.timeout(_READY_SECONDS):
                line = await process.stdout.readline()
            ready = msgspec.json.decode(line, type=_Ready)
        except (TimeoutError, msgspec.DecodeError) as error:
            words = f"the demo's {name} did not start within {_READY_SECONDS:.0f} s"
            # Said before everything is closed, which a slow machine may not live to see.
            _log.error("demo_process_missing", name=name, error=words)
            await _end(process)
            raise Permanent(f"{words}; its messages are above") from error
        player = Player(name, ready.port, process)
        self._players.append(player)
        _log.info("demo_process_started", name=name, port=ready.port, pid=process.pid)
        return player


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    # It may end by itself at any moment, as its parent's pipe closes.
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
