"""Starts the engine's child process, watches it, and starts it again when it dies or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.kit.tasks import Tasks
from tocsin.store.endpoint import Endpoint, EngineOptions

_log = log.get("engine")
_restarts = gauge.counter("engine_restarts", "Times the engine was started again.", ("why",))
_up = gauge.gauge("engine_up", "Whether the engine's child process is ready.")

_START_SECONDS = 120.0
_STOP_SECONDS = 8.0
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class _Said(msgspec.Struct, frozen=True):
    event: str
    message: str = ""
    error: str = ""


class EngineChild:
    """One child that serves the engine on loopback.

    The listening socket is the parent's, so the address stays the same and connections wait
    instead of failing while the child is started again. A child whose `SELECT 1` does not come
    back within `hang_seconds` is killed.
    """

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        *,
        options: EngineOptions | None = None,
        on_restart: Callable[[], Awaitable[None]] | None = None,
        ping_seconds: float = 5.0,
        hang_seconds: float = 20.0,
    ) -> None:
        self._clock = clock
        self._on_restart = on_restart
        self._ping_seconds = ping_seconds
        self._hang_seconds = hang_seconds
        self._tasks = Tasks(clock)
        self._process: asyncio.subprocess.Process | None = None
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self._options = msgspec.structs.replace(
            options or EngineOptions(),
            data_dir=str(data_dir.absolute()),
            listen_fd=self._listener.fileno(),
        )
        self.endpoint = Endpoint(
            url=f"http://127.0.0.1:{self._listener.getsockname()[1]}",
            password=self._options.password,
            embedded=True,
        )
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The child's process id while one runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def start(self) -> Endpoint:
        """Start the child and wait until it answers.

        Raises Permanent when another process holds the folder or the engine cannot open it.
        """
        await self._spawn()
        self._tasks.start("engine_watch", self._watch)
        return self.endpoint

    async def stop(self, *, limit_seconds: float = _STOP_SECONDS) -> None:
        """Let running queries end (at most a few seconds), then end the child."""
        await self._tasks.stop_all()
        _up.set(0)
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(limit_seconds):
                    await process.wait()
            except TimeoutError:
                _log.warning("engine_would_not_stop", pid=process.pid)
                await self._kill(process)
        self._listener.close()

    async def _spawn(self) -> None:
        began = self._clock.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tocsin.store.embedded",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(self._listener.fileno(),),
            env=os.environ | _ENVIRONMENT,
        )
        self._process = process
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(self._options) + b"\n")
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._until_ready(process)
        except (TimeoutError, asyncio.CancelledError):
            await self._kill(process)
            raise
        self._tasks.start(f"engine_output_{process.pid}", lambda: self._relay(process))
        _up.set(1)
        seconds = round(self._clock.monotonic() - began, 3)
        _log.info("engine_ready", pid=process.pid, took_seconds=seconds)

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            said = _said(line)
            if said.event == "ready":
                return
            if said.event == "held":
                await process.wait()
                raise Permanent(said.message)
        status = await process.wait()
        raise Permanent(
            f"the engine did not start on {self._options.data_dir} (exit status {status}); what it "
            "wrote above says why: often too little memory, a damaged folder, or no write access"
        )

    async def _relay(self, process: asyncio.subprocess.Process) -> None:
        """Log what the child says; reading also keeps its pipe from filling up."""
        assert process.stdout is not None
        async for line in process.stdout:
            said = _said(line)
            _log.warning("engine_said", about=said.event, message=said.message or said.error)

    async def _watch(self) -> None:
        while True:
            why = await self._until_bad()
            _up.set(0)
            _restarts.labels(why).inc()
            self.restarts += 1
            _log.error("engine_restarting", why=why, restarts=self.restarts)
            await self._restart()
            if self._on_restart is not None:
                await self._on_restart()

    async def _until_bad(self) -> str:
        """Wait until the child is dead ("died") or had to be killed ("hung")."""
        assert self._process is not None
        process = self._process
        ended = asyncio.create_task(process.wait(), name="engine_wait")
        try:
            while True:
                pause = asyncio.create_task(self._pause_and_ping(), name="engine_ping")
                await asyncio.wait([ended, pause], return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    pause.cancel()
                    return "died"
                if not pause.result():
                    await self._kill(process)
                    return "hung"
        finally:
            ended.cancel()

    async def _pause_and_ping(self) -> bool:
        await self._clock.sleep(self._ping_seconds)
        return await ping(self.endpoint, self._hang_seconds)

    async def _restart(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._spawn()
            except (Permanent, TimeoutError) as error:
                _log.error("engine_start_failed", error=str(error), again_in_seconds=pause)
                await self._clock.sleep(pause)
                pause = min(pause * 2, 30.0)
            else:
                return

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _said(line: bytes) -> _Said:
    try:
        return msgspec.json.decode(line, type=_Said)
    except msgspec.DecodeError:
        return _Said("output", line.decode(errors="replace").strip())


async def ping(endpoint: Endpoint, limit_seconds: float) -> bool:
    """Whether the engine itself (not only its HTTP side) answers within the limit."""
    timeout = aiohttp.ClientTimeout(total=limit_seconds)
    params = {"query": "SELECT 1", "log_comment": "control"}
    headers = {"X-ClickHouse-User": endpoint.user, "X-ClickHouse-Key": endpoint.password}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(endpoint.url, params=params) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
