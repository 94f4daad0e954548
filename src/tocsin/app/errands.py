"""Who does what is due? One loop per node: claim what there is room for (`errand_room`), let the
handler of its kind do it, note the end.

At least once: a node that dies between doing and noting leaves a claim that ends, and another does
it again. Handlers make that harmless by keys of their own (a message's, a channel's).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping

import msgspec

from tocsin.app.errand_room import Running
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Permanent, Temporary
from tocsin.model.errands import NOTHING, Again, Errand, Handler, Outcome, Plan
from tocsin.state.errands import DONE, FAILED, ClaimLost, ErrandTable, Room

_log = log.get("errands")
_ended = gauge.counter("errands", "Errands that came to an end.", ("kind", "state"))
_open = gauge.gauge("errands_running", "Errands that are being tried now.", ("kind",))
_retried = gauge.counter("errand_retries", "Attempts that failed for now.", ("kind",))
_LEASE_MS = 60_000
_LIMIT_SECONDS = 45.0
_SPARE_SECONDS = 5.0
"""Before a claim ends, and another node may begin, an attempt is over."""
_FIRST_PAUSE_MS = 5_000
_LONGEST_PAUSE_MS = 300_000
_IDLE_SECONDS = 15.0
"""How long another node's new errand may lie before this one looks."""
_LEAST_SECONDS = 0.05
_AWAY_SECONDS = 5.0
_TIDY_MS = 3_600_000
_KEPT_MS = 400 * 86_400_000


class ErrandRunner:
    """`register` every kind, then `run`; `wake` when something was put."""

    def __init__(self, table: ErrandTable, clock: Clock, *, node: str) -> None:
        self.table = table
        self._clock = clock
        self._node = node
        self._handlers: dict[str, Handler] = {}
        self._wake = asyncio.Event()
        self._tidied_ms = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = Running()

    def register(self, kind: str, handler: Handler, *, is_urgent: bool = False) -> None:
        """Errands of that kind are its; urgent ones, which call people, have room of their own.
        Raises ValueError for a second one."""
        if kind in self._handlers:
            raise ValueError(f"errands of the kind {kind} have a handler already")
        self._handlers[kind] = handler
        if is_urgent:
            self._running.urgent.add(kind)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By kind."""
        return self._handlers

    def wake(self) -> None:
        """Something new may be due."""
        self._wake.set()

    async def put(self, plan: Plan) -> None:
        """Carry it out by itself, and look whether something is due."""
        await self.table.carry_out(plan, self._clock.now_ms())
        self.wake()

    async def load(self) -> None:
        """What an earlier process of this node was doing may be done again at once."""
        await self.table.release(self._node)

    async def run(self) -> None:
        """Do what is due, for ever."""
        try:
            while True:
                try:
                    next_ms = await self._begin_due()
                    await self._tidy()
                except Temporary as error:
                    _log.warning("errands_wait", error=str(error))
                    await self._clock.sleep(_AWAY_SECONDS)
                    continue
                await self._rest(next_ms)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _begin_due(self) -> int:
        """Nobody waits for one that hangs: each has a task of its own, and each kind room of its
        own."""
        for room in (self._running.urgent_room, self._running.usual_room):
            for errand in await self._claimed(room()):
                self._begin(errand)
        return await self.table.next_due_ms(self._running.room())

    async def _claimed(self, room: Room) -> list[Errand]:
        return await self.table.claim(self._node, self._clock.now_ms(), _LEASE_MS, room=room)

    def _begin(self, errand: Errand) -> None:
        task = asyncio.create_task(self._do(errand), name=f"errand {errand.key}")
        self._tasks.add(task)
        self._running.began(errand.kind)
        _open.labels(errand.kind).inc()
        task.add_done_callback(functools.partial(self._over, errand.kind))

    def _over(self, kind: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._running.ended(kind)
        _open.labels(kind).dec()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # Its claim ends by itself, and it is done again.
            _log.warning("errand_end_not_noted", errand=task.get_name(), error=repr(error))
        self._wake.set()

    async def _rest(self, next_ms: int) -> None:
        seconds = _IDLE_SECONDS
        if next_ms:
            seconds = min(seconds, max(_LEAST_SECONDS, (next_ms - self._clock.now_ms()) / 1000))
        woken = asyncio.create_task(self._wake.wait(), name="errands_woken")
        slept = asyncio.create_task(self._rested(seconds), name="errands_rest")
        try:
            await asyncio.wait((woken, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            slept.cancel()
        self._wake.clear()

    async def _rested(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def turn(self) -> int:
        """Do everything that is due now and wait for it, also for what follows at once; returns
        when the next is due, in ms since the epoch, 0 when there is none. For who owns the time."""
        while True:
            errands = await self._claimed(self._running.urgent_room())
            errands += await self._claimed(self._running.usual_room())
            if not errands:
                return await self.table.next_due_ms()
            async with asyncio.TaskGroup() as group:
                for errand in errands:
                    group.create_task(self._do(errand), name=f"errand {errand.key}")

    async def _do(self, errand: Errand) -> None:
        handler = self._handlers.get(errand.kind)
        try:
            if handler is None:
                await self._failed(None, errand, Permanent(f"nobody does {errand.kind!r}"))
                return
            outcome = await self._attempt(handler, errand)
            if isinstance(outcome, Fault):
                await self._judge(handler, errand, outcome)
            else:
                await self._finish(errand, outcome)
        except ClaimLost as error:
            _log.info("errand_not_ours", key=errand.key, why=str(error))

    async def _attempt(self, handler: Handler, errand: Errand) -> Outcome | Fault:
        """A handler that has a bug or hangs fails for now: others must not wait for its mending.
        Raises ClaimLost where so much time has passed that another node may do it."""
        left = (errand.claimed_until_ms - self._clock.now_ms()) / 1000 - _SPARE_SECONDS
        if left <= 0:
            raise ClaimLost(f"the claim of {errand.key} ends before it could be tried")
        seconds = min(_LIMIT_SECONDS, left)
        task = asyncio.create_task(handler.attempt(errand), name=f"attempt {errand.key}")
        limit = asyncio.create_task(self._rested(seconds), name="errand_limit")
        try:
            await asyncio.wait((task, limit), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            limit.cancel()
        if not task.done():
            task.cancel()
            return Temporary(f"it took longer than {seconds:.0f} s")
        if task.cancelled():
            return Temporary("it was interrupted")
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, Fault):
            return error
        _log.error("errand_crashed", key=errand.key, error=repr(error), exc_info=error)
        return Temporary(f"a bug: {error!r}")

    async def _finish(self, errand: Errand, outcome: Outcome) -> None:
        now = self._clock.now_ms()
        if isinstance(outcome, Again):
            await self.table.again(errand, outcome.due_ms, outcome.content, outcome.plan, now)
            return
        await self.table.finish(errand, outcome.plan, now)
        _ended.labels(errand.kind, DONE).inc()

    async def _judge(self, handler: Handler, errand: Errand, error: Fault) -> None:
        now = self._clock.now_ms()
        pause = min(_FIRST_PAUSE_MS << min(errand.attempts - 1, 16), _LONGEST_PAUSE_MS)
        if isinstance(error, Temporary):
            pause = max(pause, round((error.retry_after or 0.0) * 1000))
            if now + pause <= errand.due_ms + handler.give_up_ms(errand):
                _retried.labels(errand.kind).inc()
                await self.table.retry(errand, now + pause, str(error), now)
                return
        await self._failed(handler, errand, error)

    async def _failed(self, handler: Handler | None, errand: Errand, error: Fault) -> None:
        plan = NOTHING if handler is None else await handler.failed(errand, error)
        told = msgspec.structs.replace(errand, error=str(error))
        await self.table.finish(told, plan, self._clock.now_ms(), state=FAILED)
        _ended.labels(errand.kind, FAILED).inc()
        _log.error("errand_failed", key=errand.key, error=str(error), attempts=errand.attempts)

    async def _tidy(self) -> None:
        now = self._clock.now_ms()
        if now - self._tidied_ms >= _TIDY_MS:
            self._tidied_ms = now
            await self.table.drop(now - _KEPT_MS)
