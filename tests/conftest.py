"""Fixtures that every room shares."""

from __future__ import annotations

import inspect
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, expect, sync_playwright

from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.migrate import migrate


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineChild]:
    """The real engine in its child process, on a temporary folder, one for the whole session."""
    child = EngineChild(tmp_path_factory.mktemp("telemetry"), SystemClock())
    await child.start()
    yield child
    await child.stop()


@pytest.fixture
async def empty_store(engine: EngineChild) -> AsyncIterator[Store]:
    """A database of the test's own, without tables."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    store = await Store.connect(engine.endpoint, database=name, clock=SystemClock())
    yield store
    await store.command(f"DROP DATABASE IF EXISTS {name}", on="default")
    await store.close()


@pytest.fixture
async def store(empty_store: Store) -> Store:
    """A migrated database of the test's own. Nothing expires in it: tests write old times."""
    await migrate(empty_store)
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase()"
    sql += " AND create_table_query LIKE '% TTL %'"
    for name in (await empty_store.fetch_bytes(sql, fmt="TSV")).decode().split():
        await empty_store.command(f"ALTER TABLE {name} REMOVE TTL")
    return empty_store


_CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for a module: Playwright's loop must end before other tests run theirs."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine")
    expect.set_options(timeout=20_000)  # a slow machine is no bug
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_CHROMIUM))
        yield browser
        browser.close()


# Slow machines are no bugs: no example is timed. Where a result must repeat, the examples do too.
settings.register_profile(
    "tocsin",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tocsin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every coroutine test runs on anyio; nothing to remember."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.anyio)
