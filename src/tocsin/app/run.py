"""How does the process start, what makes it read its configuration again, how does it end?"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop

from tocsin.app.build import build
from tocsin.app.config import Loaded
from tocsin.app.memory import bound_arenas, trim_often
from tocsin.app.product import Tocsin
from tocsin.app.reload import Reloader
from tocsin.app.settings_tree import Config
from tocsin.kit import log
from tocsin.kit.clock import Clock, SystemClock
from tocsin.kit.fault import Permanent
from tocsin.kit.tasks import ended

_log = log.get("tocsin")
_END_SECONDS = 9.9
"""How long ending may take at most."""


class Addresses(msgspec.Struct, frozen=True):
    """Where a running Tocsin answers; the content of the ready file. Empty texts are off."""

    http: str
    otlp_http: str
    otlp_grpc: str
    pid: int


@dataclass(frozen=True, slots=True)
class Running:
    """A Tocsin that answers on all its ports."""

    tocsin: Tocsin
    addresses: Addresses


Beside = Callable[[Running], AbstractAsyncContextManager[None]]
"""What else runs while Tocsin answers: entered once it does, left before it stops."""


def run(
    loaded: Loaded,
    *,
    config_path: Path | None = None,
    flags: Mapping[str, str] | None = None,
    ready_file: Path | None = None,
    beside: Beside | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises a Fault when it cannot start."""
    bound_arenas()
    settings = loaded.config.log
    log.configure(as_json=settings.format == "json", level=settings.level)
    uvloop.run(serve(loaded, SystemClock(), config_path, flags or {}, ready_file, beside))


async def serve(
    loaded: Loaded,
    clock: Clock,
    config_path: Path | None,
    flags: Mapping[str, str],
    ready_file: Path | None,
    beside: Beside | None,
) -> None:
    """Start everything, wait for the signal to end, drain, and stop everything in reverse."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGUSR1, _tell_tasks)
    tocsin = await build(loaded, clock)
    try:
        reloader = Reloader(tocsin, config_path, flags, clock)
        loop.add_signal_handler(signal.SIGHUP, reloader.request)
        await tocsin.start()
        tocsin.tasks.start("reload", reloader.run)
        tocsin.tasks.start("trim", lambda: trim_often(clock))
        addresses = _addresses(tocsin)
        await asyncio.to_thread(_write_ready, running_file(loaded.config), addresses)
        _log.info("ready", http=addresses.http, pid=addresses.pid)
        if beside is None:
            _welcome(tocsin, addresses)
        if ready_file is not None:  # whoever waits for it finds the password told
            await asyncio.to_thread(_write_ready, ready_file, addresses)
        running = Running(tocsin, addresses)
        async with beside(running) if beside else contextlib.nullcontext():
            await end.wait()
            _log.info("stopping")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            loop.remove_signal_handler(number)
        # Whatever hangs, in a thread too, where nothing can be cancelled: what was answered is in
        # the log. It tells where everything stood.
        faulthandler.dump_traceback_later(_END_SECONDS, exit=True)
        await ended("running_file", _forget_running(loaded.config), limit_seconds=0.5)
        await tocsin.stop()
        _log.info("stopped")


async def _forget_running(config: Config) -> None:
    await asyncio.to_thread(running_file(config).unlink, missing_ok=True)


def running_file(config: Config) -> Path:
    """Where the commands of this machine find the Tocsin that runs on a data folder."""
    return Path(config.data) / "running.json"


def running_on(config: Config) -> Addresses | None:
    """The addresses of the Tocsin that runs on the data folder; None when none does."""
    try:
        found = msgspec.json.decode(running_file(config).read_bytes(), type=Addresses)
        os.kill(found.pid, 0)
    except (FileNotFoundError, ProcessLookupError, msgspec.DecodeError):
        return None
    except PermissionError:
        raise Permanent(
            f"{running_file(config)} belongs to another user; run this as the one Tocsin runs as"
        ) from None
    return found


def _welcome(tocsin: Tocsin, addresses: Addresses) -> None:
    """Tell the person at the terminal where to go; a first start's password is told only here."""
    words = f"\n  Tocsin is ready:   {addresses.http}\n"
    if first := tocsin.one_time_password:
        words += (
            f"  Log in as:         {first.user}\n"
            f"  One-time password: {first.password}\n"
            "  It is shown this once and works until you set another.\n"
        )
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _tell_tasks() -> None:
    """Write where every task waits to standard error: for finding out why something hangs."""
    for task in asyncio.all_tasks():
        places = []
        waits: object = task.get_coro()
        while (
            frame := getattr(waits, "cr_frame", None) or getattr(waits, "ag_frame", None)
        ) is not None:
            places.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
            waits = getattr(waits, "cr_await", None) or getattr(waits, "ag_await", None)
        sys.stderr.write(f"{task.get_name()}: {' > '.join(places)} > {waits!r}\n")
    sys.stderr.flush()


def _addresses(tocsin: Tocsin) -> Addresses:
    return Addresses(
        http=tocsin.http.url,
        otlp_http=tocsin.otlp_http.url if tocsin.otlp_http else "",
        otlp_grpc=tocsin.otlp_grpc_url,
        pid=os.getpid(),
    )


def _write_ready(path: Path, addresses: Addresses) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(msgspec.json.encode(addresses))
    fresh.replace(path)
