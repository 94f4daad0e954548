"""What becomes of a transaction whose caller is interrupted? It ends by itself, without effect.

A driver that is interrupted inside a statement has to give its connection up. So statements run in
tasks that nobody interrupts; who was waiting for one goes on at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tocsin.kit import log

T = TypeVar("T")

_log = log.get("state")
READS = "tocsin_reads"
"""The execution option of a connection that changes nothing."""
_STATEMENT_SECONDS = 30.0
"""How long an abandoned statement may take to end by itself."""
_GIVEN_UP_SECONDS = 5.0
_TURN_SECONDS = 10.0
"""How long a writer waits for those before it."""


class Transaction(AsyncConnection):
    """One connection from `take` to `end`."""

    def __init__(self, engine: AsyncEngine, turns: asyncio.Lock | None = None) -> None:
        """Those with the same `turns` take place one after another."""
        super().__init__(engine)
        self._turns = turns
        self._has_turn = False
        self._statement: asyncio.Task[Any] | None = None  # Any: of whatever result

    async def take(self) -> None:
        """Take a connection; the first statement begins the transaction. Raises TimeoutError when
        those before it do not end."""
        if self._turns is not None:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turns.acquire()
            self._has_turn = True
        _ = await self._undisturbed(super().start())

    async def execute(self, *given: Any, **more: Any) -> Any:  # Any: SQLAlchemy's overloads
        """As SQLAlchemy's."""
        return await self._undisturbed(super().execute(*given, **more))

    async def exec_driver_sql(self, *given: Any, **more: Any) -> Any:  # Any: as above
        """As SQLAlchemy's."""
        return await self._undisturbed(super().exec_driver_sql(*given, **more))

    async def run_sync(self, *given: Any, **more: Any) -> Any:  # Any: as above
        """As SQLAlchemy's."""
        return await self._undisturbed(super().run_sync(*given, **more))

    async def _undisturbed(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work, name="state_statement")
        self._statement = task
        await asyncio.wait((task,))
        return task.result()

    async def end(self, *, is_whole: bool) -> None:
        """Commit what is whole, else undo it, after the statement that is under way."""
        try:
            await self._settled()
            if self.sync_connection is not None:
                await self._close(is_whole=is_whole)
        finally:
            if self._turns is not None and self._has_turn:
                self._turns.release()

    async def _close(self, *, is_whole: bool) -> None:
        try:
            if is_whole:
                await self.commit()
        finally:
            await self.close()

    async def _settled(self) -> None:
        task = self._statement
        if task is None:
            return
        if not task.done():
            await asyncio.wait((task,), timeout=_STATEMENT_SECONDS)
        if not task.done():
            _log.error("statement_given_up", after_seconds=_STATEMENT_SECONDS)
            task.cancel()
            await asyncio.wait((task,), timeout=_GIVEN_UP_SECONDS)
        if task.done() and not task.cancelled():
            task.exception()  # whoever waited for it has it, or is gone


class OpenTransactions:
    """Those that have not ended, also after their callers were interrupted."""

    def __init__(self) -> None:
        self._ending: set[asyncio.Task[None]] = set()
        self._open: set[Transaction] = set()
        self._none = asyncio.Event()
        self._none.set()

    def opened(self, one: Transaction) -> None:
        """It is one of them until it has ended."""
        self._open.add(one)
        self._none.clear()

    def held(self, one: Transaction) -> Held:
        """A block in which it is open: it ends as the block does."""
        return Held(self, one)

    async def end(self, one: Transaction, *, is_whole: bool) -> None:
        """Let it end; raises what its end fails with. It goes on when its caller does not."""
        task = self._begun(one, is_whole=is_whole)
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.add_done_callback(_noted)
            raise
        task.result()

    def abandon(self, one: Transaction) -> None:
        """Nobody waits for it any more: it is undone."""
        self._begun(one, is_whole=False).add_done_callback(_noted)

    def _begun(self, one: Transaction, *, is_whole: bool) -> asyncio.Task[None]:
        task = asyncio.create_task(self._end(one, is_whole=is_whole), name="state_end")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _end(self, one: Transaction, *, is_whole: bool) -> None:
        try:
            await one.end(is_whole=is_whole)
        finally:
            self._open.discard(one)
            if not self._open:
                self._none.set()

    async def drain(self, limit_seconds: float) -> None:
        """Wait until all have ended, no longer than that."""
        try:
            async with asyncio.timeout(limit_seconds):
                await self._none.wait()
        except TimeoutError:
            _log.error("transactions_left_open", transactions=len(self._open))


class Held:
    """What was done in a block is kept when the block ends well. Who is interrupted in it goes on
    at once."""

    def __init__(self, every: OpenTransactions, one: Transaction) -> None:
        self._every = every
        self._one = one

    async def __aenter__(self) -> None:
        self._every.opened(self._one)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._every.abandon(self._one)
        else:
            await self._every.end(self._one, is_whole=error is None)


def _noted(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("transaction_failed_at_its_end", error=repr(error))
