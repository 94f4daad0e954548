"""Fixtures that every room shares."""

from __future__ import annotations

import inspect
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.settling import settle
from tests.side_by_side import long_first
from tests.store.shelf import Shelf
from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.store.child import EngineChild
from tocsin.store.client import Store

FakeClock.settle = settle


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


@pytest.fixture(scope="session")
async def shelf(engine: EngineChild) -> AsyncIterator[Shelf]:
    """Migrated databases that nobody uses at the moment."""
    store = await Store.connect(engine.endpoint, database="default", clock=SystemClock())
    yield Shelf(store)
    await store.close()


@pytest.fixture
async def store(engine: EngineChild, shelf: Shelf) -> AsyncIterator[Store]:
    """A migrated database of the test's own, empty. Nothing expires in it: tests write old times.

    It may have been another test's before, whose rows are gone: making one takes far longer.
    """
    name = await shelf.take()
    store = await Store.connect(engine.endpoint, database=name, clock=SystemClock(), create=False)
    yield store
    await store.close()
    await shelf.put_back(name)


_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first that is there: without its own windows a page costs a third of the work."""
_CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    """What drives browsers, one for a module: its loop must end before other tests run theirs."""
    expect.set_options(timeout=30_000)  # a slow machine is no bug
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """One browser for a module."""
    with _browser(driver, *_BROWSERS) as browser:
        yield browser


@pytest.fixture(scope="module")
def whole_chromium(driver: Playwright) -> Iterator[Browser]:
    """A Chromium that shows notifications, which the small one cannot."""
    with _browser(driver, *_BROWSERS[1:]) as browser:
        yield browser


@contextmanager
def _browser(driver: Playwright, *names: str) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    browser = driver.chromium.launch(executable_path=program, args=list(_CHROMIUM))
    yield browser
    browser.close()


# Slow machines are no bugs: no example is timed. Where a result must repeat, the examples do too,
# and of those that are always the same ones fewer tell as much.
_REPEATS = "CI" in os.environ
settings.register_profile(
    "tocsin",
    deadline=None,
    derandomize=_REPEATS,
    max_examples=50 if _REPEATS else 100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tocsin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every coroutine test runs on anyio; nothing to remember. What takes long begins."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.anyio)
    long_first(items)
