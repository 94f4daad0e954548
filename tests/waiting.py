"""How tests wait: for the very thing, as long as a slow machine may need, and never for a time.

This is the only place that asks again and again; a test says what it waits for. What is waited for
must be false before it happens, whatever other tests of the module did.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar, overload

T = TypeVar("T")

_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.05
_LONG_PATIENCE_SECONDS = 300.0
_SHORT_PAUSE_SECONDS = 0.02


def eventually(look: Callable[[], T], seconds: float = _PATIENCE_SECONDS) -> T:
    """What `look` finds once it is something; fails when it finds nothing for so long."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing came within {seconds:g} s: {found!r}"
        time.sleep(_PAUSE_SECONDS)


@overload
async def until(look: Callable[[], Awaitable[T]], seconds: float = ...) -> T: ...
@overload
async def until(look: Callable[[], T], seconds: float = ...) -> T: ...
async def until(
    look: Callable[[], Awaitable[T]] | Callable[[], T], seconds: float = _LONG_PATIENCE_SECONDS
) -> T:
    """The same among other tasks, which go on meanwhile; what `look` finds may be awaited."""
    deadline = time.monotonic() + seconds
    while True:
        asked = look()
        found = await asked if inspect.isawaitable(asked) else asked
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing came within {seconds:g} s: {found!r}"
        await asyncio.sleep(_SHORT_PAUSE_SECONDS)


def stays(holds: Callable[[], bool], seconds: float) -> bool:
    """For what must not happen: whether it holds all that while. A slow machine cannot break it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not holds():
            return False
        time.sleep(_PAUSE_SECONDS)
    return holds()


async def some_moment(chance: Random, *, least: float = 0.0, most: float) -> None:
    """For tests that hurt something at any moment: that it is chosen by chance is the test."""
    await asyncio.sleep(chance.uniform(least, most))


async def turns(count: int = 20) -> None:
    """Let the other tasks of this program go on as far as they can without any outside."""
    for _ in range(count):
        await asyncio.sleep(0)
