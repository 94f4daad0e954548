"""One step of an end that fails or hangs does not keep the next one from being done."""

from __future__ import annotations

import asyncio

from tocsin.kit.tasks import ended


async def _broken() -> None:
    raise OSError("no such folder")


async def test_a_step_that_is_done_says_so() -> None:
    assert await ended("quick", asyncio.sleep(0), limit_seconds=5)


async def test_a_step_that_fails_is_told_and_not_raised() -> None:
    assert not await ended("broken", _broken(), limit_seconds=5)


async def test_a_step_that_hangs_is_given_up_and_cancelled() -> None:
    hanging = asyncio.ensure_future(asyncio.Event().wait())
    assert not await ended("hanging", hanging, limit_seconds=0.01)
    await asyncio.wait([hanging], timeout=5)
    assert hanging.cancelled()
