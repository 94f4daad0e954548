"""Which background work runs, and what becomes of it when it fails?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock

_log = log.get("tasks")
_restarts = gauge.counter("task_restarts", "Background tasks restarted after a bug.", ("task",))


async def ended(name: str, work: Awaitable[object], *, limit_seconds: float) -> bool:
    """Do one step of an end; whether it was done. One that fails or takes longer than the limit
    (which then is cancelled) is logged, so that the steps after it are done all the same."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task], timeout=limit_seconds)
    if not done:
        task.cancel()
        _log.error("step_took_too_long", step=name, limit_seconds=limit_seconds)
        return False
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("step_failed", step=name, error=repr(error))
    return error is None


class Tasks:
    """Named, supervised tasks; one that crashes is logged and started again after a pause."""

    def __init__(self, clock: Clock, *, pause_seconds: float = 1.0) -> None:
        self._clock = clock
        self._pause = pause_seconds
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns or `stop` is called. A name can be used once at a time."""
        if name in self._running and not self._running[name].done():
            raise RuntimeError(f"task {name} runs already")
        self._running[name] = asyncio.create_task(self._supervise(name, work), name=name)

    async def stop(self, name: str, *, limit_seconds: float = 5.0) -> None:
        """Cancel one task and wait for its end, at most `limit_seconds`."""
        task = self._running.pop(name, None)
        if task is None:
            return
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=limit_seconds)
        if not done:
            _log.error("task_would_not_stop", task=name, waited_seconds=limit_seconds)

    async def stop_all(self, *, limit_seconds: float = 5.0) -> None:
        """Stop every task, the youngest first."""
        for name in reversed(list(self._running)):
            await self.stop(name, limit_seconds=limit_seconds)

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - the one place that survives a bug
                _restarts.labels(name).inc()
                _log.exception("task_crashed", task=name, error=repr(error))
                await self._clock.sleep(self._pause)
            else:
                return
