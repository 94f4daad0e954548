"""Who may try a rule now? One at a time, so that the rules that run live keep their rhythm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tocsin.kit.fault import Temporary

_PATIENCE_SECONDS = 10.0


class TrialRoom:
    """Lets one trial run and others wait for ten seconds."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises Temporary when another trial takes longer than one can wait."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            raise Temporary(
                "another rule is being tried; try again when that is done", _PATIENCE_SECONDS
            ) from error
        try:
            yield
        finally:
            self._turn.release()
