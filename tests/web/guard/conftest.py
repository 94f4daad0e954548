"""A site with somebody of each role, and one without login."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.site import Site, open_site
from tocsin.kit.clock import FakeClock
from tocsin.state.users import Role


@pytest.fixture
async def site(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    roles = {"ann": Role.ADMIN, "bo": Role.MEMBER, "vi": Role.VIEWER}
    async with open_site(tmp_path, clock, users=roles) as site:
        yield site


@pytest.fixture
async def open_door(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    async with open_site(tmp_path, clock, auth="off") as site:
        yield site
