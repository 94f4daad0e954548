"""How does the main process stay small? Freed memory goes back to the system."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Final

from tocsin.kit.clock import Clock

_TRIM_SECONDS = 20.0
_M_ARENA_MAX: Final = -8
"""glibc's malloc.h; mallopt(3)."""
_ARENAS = 2
_COLLECTED_AT = (5_000, 5, 50)
"""New objects until the youngest are looked through, and how often that is done until the older
ones are: looking through all there are holds up everything else, a fifth of a second in a storm."""


def bound_arenas() -> None:
    """Let threads share two of the C library's heaps instead of having up to eight times the
    processors, each with free memory of its own. To be called before threads start."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and one heap
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


async def trim_often(clock: Clock) -> None:
    """Give back what the start left over, then what large queries and writes leave, for ever."""
    gc.collect()
    # What is alive now stays so: the collector need not walk it again and again.
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AT)
    while True:
        await asyncio.to_thread(_trim)
        await clock.sleep(_TRIM_SECONDS)


def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
