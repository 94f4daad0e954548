"""How does one process of the demo live? It opens a port, says which, and ends with its parent."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web


async def serve(app: web.Application, name: str, port: int = 0) -> None:
    """Serve on a loopback port, a free one without any, print `{"name", "port"}`, and return when
    told to end.

    The end is SIGTERM, SIGINT, or the closing of standard input, which the parent holds open: so
    no process of the demo outlives it.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, found = runner.addresses[0][:2]
    announce(name, port=found, host=host)
    await until_told_to_end()
    await runner.cleanup()


def announce(name: str, **facts: object) -> None:
    """Tell the parent that this process is ready."""
    sys.stdout.write(json.dumps({"name": name, **facts}) + "\n")
    sys.stdout.flush()


async def until_told_to_end() -> None:
    """Return on SIGTERM, SIGINT, or when the parent has gone."""
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    waits = [asyncio.create_task(end.wait()), asyncio.create_task(reader.read())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def main(work: Callable[[Path], Awaitable[None]]) -> None:
    """Run a demo process; its one argument is the demo's folder."""

    async def run() -> None:
        await work(Path(sys.argv[1]))

    asyncio.run(run())
