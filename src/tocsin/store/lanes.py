"""How do heavy queries never hold up the others? Each kind has engine connections of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from tocsin.kit.fault import Fault, Temporary
from tocsin.store.statement import Statement

SIZES = {"short": 2, "query": 4, "insert": 2, "background": 2, "control": 1}
"""Engine connections a lane; one connection runs one query at a time."""

_WAITERS_LIMIT = 256
_QUEUE_SECONDS = 20.0
_KILL_EVERY_SECONDS = 0.1
_CODE = re.compile(r"Code: (\d+)\.")
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EngineError(Fault):
    """The engine's own error with its ClickHouse code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """The result in the asked format, and what reading it took."""

    body: memoryview
    rows_read: int
    bytes_read: int
    elapsed_seconds: float
    owner: object = None
    """Owns the memory that `body` shows: chDB frees it with this object, views or not."""


class Session(Protocol):
    """One connection of the embedded engine (`chdb`)."""

    def query(self, sql: str, fmt: str, *, params: dict[str, str]) -> Any:
        """Run one statement; raises RuntimeError with ClickHouse's text."""

    def close(self) -> None: ...


class Connection:
    """An engine connection that remembers its database and settings, to send only what changes."""

    def __init__(self, session: Session, name: str, defaults: dict[str, str]) -> None:
        self._session = session
        self.name = name
        self._defaults = defaults | {"log_comment": name}
        self._database = "default"
        self._changed: dict[str, str] = {}
        self._set(self._defaults)

    def execute(self, statement: Statement) -> Answer:
        """Run a statement; raises EngineError."""
        self._prepare(statement)
        try:
            return self._work(statement)
        except EngineError:
            # A failed query stays in system.processes, with its memory, until the next one begins.
            self._run("SELECT 1", "TabSeparated", {})
            raise

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def _work(self, statement: Statement) -> Answer:
        if statement.data is None:
            return self._run(statement.sql, statement.format, statement.params)
        file = os.memfd_create("insert")
        try:
            _write_whole(file, statement.data)
            sql = statement.reading(f"/proc/self/fd/{file}")
            return self._run(sql, "TabSeparated", statement.params)
        finally:
            os.close(file)

    def _prepare(self, statement: Statement) -> None:
        database = statement.database or "default"
        if database != self._database:
            name = database.replace("\\", "\\\\").replace("`", "\\`")
            self._run(f"USE `{name}`", "TabSeparated", {})
            self._database = database
        if statement.settings == self._changed:
            return
        back = {name: self._defaults.get(name, "") for name in self._changed}
        # Only what was set is remembered: a refused setting leaves the others as they were.
        self._set(back | statement.settings)
        self._changed = dict(statement.settings)

    def _set(self, settings: dict[str, str]) -> None:
        parts = [f"{name} = {_literal(value)}" for name, value in settings.items() if _valid(name)]
        self._run("SET " + ", ".join(parts), "TabSeparated", {})

    def _run(self, sql: str, fmt: str, params: dict[str, str]) -> Answer:
        try:
            result = self._session.query(sql, fmt, params=params)
        except RuntimeError as error:
            text = str(error)
            found = _CODE.search(text)
            raise EngineError(text, int(found.group(1)) if found else 1002) from error
        owner = result.get_memview() if result.size() else None
        return Answer(
            memoryview(b"") if owner is None else memoryview(owner.view()),
            result.rows_read(),
            result.bytes_read(),
            result.elapsed(),
            owner,
        )


def _valid(name: str) -> bool:
    if _SIMPLE.fullmatch(name) is None:
        raise EngineError(f"Code: 115. DB::Exception: Unknown setting {name!r}", 115)
    return True


def _literal(value: str) -> str:
    if value == "":
        return "DEFAULT"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _write_whole(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


class Lanes:
    """The pool: a free connection of the right lane, or a bounded wait for one."""

    def __init__(self, connect: Callable[[], Session], defaults: dict[str, str]) -> None:
        self._free: dict[str, asyncio.LifoQueue[Connection]] = {}
        self._all: list[Connection] = []
        self._waiting = 0
        self._ending: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(sum(SIZES.values()), thread_name_prefix="engine")
        for lane, size in SIZES.items():
            self._free[lane] = asyncio.LifoQueue(size)
            for number in range(size):
                connection = Connection(connect(), f"tocsin-{lane}-{number}", defaults)
                self._all.append(connection)
                self._free[lane].put_nowait(connection)

    async def run(self, statement: Statement) -> Answer:
        """Run it in its lane; cancelling kills the query in the engine.

        Raises Temporary when too many wait already, EngineError when the engine refuses.
        """
        lane, connection = await self._take(statement.lane)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, connection.execute, statement)
        try:
            return await asyncio.shield(work)
        finally:
            if work.done():
                self._free[lane].put_nowait(connection)
            else:
                task = asyncio.create_task(self._kill(lane, connection, work), name="kill")
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def trim(self) -> None:
        """Give freed memory back to the system: the engine's allocator, then the C library's."""
        await self.run(Statement("SYSTEM JEMALLOC PURGE", "control"))
        await asyncio.get_running_loop().run_in_executor(self._threads, _malloc_trim)

    async def close(self) -> None:
        """Wait for killed queries to end, then close every connection."""
        if self._ending:
            await asyncio.wait(self._ending, timeout=2.0)
        self._threads.shutdown(wait=False)
        for connection in self._all:
            connection.close()

    async def _take(self, lane: str) -> tuple[str, Connection]:
        for own in (lane, "query") if lane == "short" else (lane,):
            if not self._free[own].empty():
                return own, self._free[own].get_nowait()
        if self._waiting >= _WAITERS_LIMIT:
            raise Temporary(f"{self._waiting} queries wait for the engine already", 1.0)
        self._waiting += 1
        try:
            async with asyncio.timeout(_QUEUE_SECONDS):
                return lane, await self._free[lane].get()
        except TimeoutError as error:
            raise Temporary(
                f"no {lane} connection of the engine became free in {_QUEUE_SECONDS:g} s", 2.0
            ) from error
        finally:
            self._waiting -= 1

    async def _kill(self, lane: str, connection: Connection, work: asyncio.Future[Answer]) -> None:
        sql = f"KILL QUERY WHERE Settings['log_comment'] = '{connection.name}' ASYNC"
        while not work.done():
            with contextlib.suppress(EngineError, Temporary):
                await self.run(Statement(sql, "control"))
            await asyncio.wait([work], timeout=_KILL_EVERY_SECONDS)
        work.exception()  # a killed query ends in an error that nobody waits for
        self._free[lane].put_nowait(connection)


def _malloc_trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
