"""How does work on thousands of things leave the loop free for others in between?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

_TURN_SECONDS = 0.005
"""How long others wait for their turn, messages and rules above all."""


async def in_turns(things: Iterable[T]) -> AsyncIterator[T]:
    """Each of them; others have their turn whenever work on these has taken 5 ms.

    Real time, whatever clock the caller goes by: it is about this processor.
    """
    since = perf_counter()
    for one in things:
        yield one
        if perf_counter() - since >= _TURN_SECONDS:
            await asyncio.sleep(0)
            since = perf_counter()
