"""What have other processes of the same database changed since this one read it?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")

Mark = tuple[int, ...]
"""Differs whenever what is kept does."""


class Kept(Protocol[T]):
    """Where things are kept that several processes may change."""

    async def mark(self) -> Mark:
        """What differs as soon as anything kept does; cheap. Raises Temporary."""

    async def all(self) -> list[T]:
        """Every one. Raises Temporary."""


class HeldCopy(Generic[T]):
    """Watches over what a process holds in memory of what is kept.

    A reading that began before a change of this process's own was over could lack it, and is
    dropped: the next look has both.
    """

    def __init__(self, kept: Kept[T]) -> None:
        self._kept = kept
        self._mark: Mark = ()
        self._changes = 0
        self._open_changes = 0

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around each change of one's own: of what is kept and of the copy."""
        self._changes += 1
        self._open_changes += 1
        try:
            yield
        finally:
            self._open_changes -= 1

    async def news(self, made: Callable[[list[T]], R]) -> R | None:
        """What `made`, in a thread, makes of everything that is kept; None when it is as at the
        last look, or not certain yet. Raises Temporary when it cannot be read.

        Whoever takes it over must not await before it has."""
        if self._open_changes:
            return None
        changes = self._changes
        mark = await self._kept.mark()
        if mark == self._mark:
            return None
        found = await asyncio.to_thread(made, await self._kept.all())
        if changes != self._changes:
            return None
        self._mark = mark
        return found
