"""Virtual time passes when what a moment set off is over: in threads, too, slow as they may be."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from tocsin.kit.clock import let_others_run

_HANGS_SECONDS = 5.0
"""A thread that takes longer is one that waits for something: a test's own hang, or the outside."""


async def settle() -> None:
    """Returns when no task is ready to run and no thread of this loop works for one."""
    deadline = time.monotonic() + _HANGS_SECONDS
    while True:
        is_calm = not _threads_work()
        await let_others_run()
        if (is_calm and not _threads_work()) or time.monotonic() > deadline:
            return
        await asyncio.sleep(0.001)


def _threads_work() -> bool:
    """A thread tells its result before it is idle: who sees none at work sees all results."""
    executor = getattr(asyncio.get_running_loop(), "_default_executor", None)
    if not isinstance(executor, ThreadPoolExecutor):
        return False
    idle = executor._idle_semaphore._value  # nothing public tells it
    return len(executor._threads) > idle or executor._work_queue.qsize() > 0
