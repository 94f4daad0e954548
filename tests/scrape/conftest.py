"""A manager of targets, and what it keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.scrape.servers import Kept
from tocsin.kit.clock import FakeClock
from tocsin.scrape.manager import ScrapeManager


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def manager(kept: Kept, clock: FakeClock) -> AsyncIterator[ScrapeManager]:
    manager = ScrapeManager(kept, kept, clock)
    yield manager
    await manager.stop()
