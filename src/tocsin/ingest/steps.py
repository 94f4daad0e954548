"""How does a long piece of decoding leave room for others on the event loop?

Decoders whose requests may name thousands of new series are generators: they yield now and then,
between two series, and return their batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")

Steps = Generator[None, None, Result]

SLOW_SERIES = 400
"""After so many series that were not known a decoder yields: about ten milliseconds."""


def finish(steps: Steps[Result]) -> Result:
    """All steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result


async def finish_politely(steps: Steps[Result]) -> Result:
    """All steps, letting others run in between."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result
        await asyncio.sleep(0)
