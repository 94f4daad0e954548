"""The engine's child process: `python -m tocsin.store.embedded`, started by `store.child`."""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from tocsin.kit.fault import Permanent, Temporary
from tocsin.store import folder_lock
from tocsin.store.embedded_http import EngineProtocol
from tocsin.store.endpoint import EngineOptions
from tocsin.store.engine_config import connection_string, query_defaults
from tocsin.store.lanes import EngineError, Lanes, Session
from tocsin.store.statement import Statement

_DRAIN_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
EXIT_HELD = 75
"""The exit status when another process holds the folder (EX_TEMPFAIL of sysexits.h)."""


def main() -> int:
    """Serve until SIGTERM or until the parent goes; returns the exit status."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0  # the parent died before it could say what to do
    options = msgspec.json.decode(line, type=EngineOptions)
    _die_with_parent()
    try:
        folder_lock.hold(Path(options.data_dir))
    except Permanent as held:
        say("held", message=str(held))
        return EXIT_HELD
    asyncio.run(_serve(options))
    # The engine's own threads and destructors take long and have nothing left to do: every
    # acknowledged insert is on disk already.
    os._exit(0)


def say(event: str, **facts: str | int | float) -> None:
    """Tell the parent something, one JSON line; it logs what it does not know."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def _die_with_parent() -> None:
    # SIGKILL: also a child that hangs must go, and a kill loses nothing that was acknowledged.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


async def _serve(options: EngineOptions) -> None:
    where = connection_string(options)
    connect = _engine()
    lanes = Lanes(lambda: connect(where), query_defaults(options))
    await lanes.run(Statement("SELECT 1", "control"))
    open_: set[EngineProtocol] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: EngineProtocol(lanes.run, options.password, options.body_limit, open_),
        sock=socket.socket(fileno=options.listen_fd),
    )
    trimming = asyncio.create_task(_trim_often(lanes, options.purge_seconds), name="trim")
    ended = _end_events(loop)
    say("ready", pid=os.getpid())
    await ended.wait()
    server.close()
    await _drain(open_)
    trimming.cancel()
    await lanes.close()


def _engine() -> Callable[[str], Session]:
    # The extension alone, without its package: what that imports for other uses (Arrow, numpy, a
    # first connection) costs 46 MiB and half a second. Loaded first with RTLD_DEEPBIND, as the
    # package does, so that its own allocator serves it. Its classes are not typed.
    spec = importlib.util.find_spec("chdb")
    if spec is None or not spec.submodule_search_locations:
        raise Permanent("the telemetry engine is not installed; pip install chdb-core-lite")
    sys.modules["chdb"] = importlib.util.module_from_spec(spec)
    extension = Path(spec.submodule_search_locations[0]) / "_chdb.abi3.so"
    ctypes.CDLL(str(extension), mode=sys.getdlopenflags() | os.RTLD_DEEPBIND)
    connect: Callable[[str], Session] = importlib.import_module("chdb._chdb").connect
    return connect


def _end_events(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Set by SIGTERM or the end of standard input, which is the parent's end."""
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    for number in (signal.SIGINT, signal.SIGHUP):
        # Ctrl-C and a closed terminal reach the whole group; the parent drains first, then says.
        signal.signal(number, signal.SIG_IGN)

    def on_input() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            ended.set()

    loop.add_reader(sys.stdin.fileno(), on_input)
    return ended


async def _trim_often(lanes: Lanes, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await lanes.trim()
        except (EngineError, Temporary) as error:
            say("trim_failed", error=str(error))


async def _drain(open_: set[EngineProtocol]) -> None:
    """Let requests that have begun end, at most `_DRAIN_SECONDS`."""
    running = [each.task for each in open_ if each.task is not None and not each.task.done()]
    if running:
        await asyncio.wait(running, timeout=_DRAIN_SECONDS)
    for each in list(open_):
        each.transport.close()


if __name__ == "__main__":
    sys.exit(main())
