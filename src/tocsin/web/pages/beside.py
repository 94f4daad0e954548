"""What stands beside the matter of a page: where it cannot be read, the page is there all the same
and says so."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from tocsin.kit.fault import Fault

T = TypeVar("T")


async def read(asked: Awaitable[T], problems: list[str], what: str) -> T | None:
    """What is asked for; when it cannot be read, None and a sentence among the problems."""
    try:
        return await asked
    except Fault as fault:
        problems.append(f"{what} cannot be read: {fault}.")
        return None
