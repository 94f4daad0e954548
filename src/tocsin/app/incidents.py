"""How are incidents wired in, with everything that follows from them?"""

from __future__ import annotations

import socket
import uuid
from pathlib import Path
from typing import Protocol

from tocsin.app.config import Loaded
from tocsin.app.errands import ErrandRunner
from tocsin.incident.book import IncidentBook
from tocsin.kit.clock import Clock
from tocsin.kit.tasks import Tasks, ended
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import IncidentTable

_CLOSE_SECONDS = 0.5
_NODE_FILE = "node-id"


class Part(Protocol):
    """Something that follows incidents: it registers what it does with `Incidents.runner` and
    `Incidents.book` when it is made, reads what is kept, takes each configuration, and runs."""

    async def load(self) -> None:
        """Read what an earlier process kept."""

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Put a configuration in force. Raises ConfigError before anything has changed."""

    def start(self, tasks: Tasks) -> None:
        """Begin what runs for ever."""

    async def close(self) -> None:
        """Close all connections."""


class Incidents:
    """Incidents, and the errands that follow from them; `load` and `apply`, then `start`."""

    def __init__(self, database: Database, loaded: Loaded, clock: Clock) -> None:
        self.table = IncidentTable(database)
        self.errands = ErrandTable(database)
        self.runner = ErrandRunner(self.errands, clock, node=_node(loaded))
        self._loaded = loaded
        self.book = IncidentBook(
            self.table, lambda: self._loaded.config.incidents, clock, wake=self.runner.wake
        )
        self._parts: list[Part] = []

    def add(self, part: Part) -> None:
        """Have it loaded, configured, started and closed with the others, in this order."""
        self._parts.append(part)

    async def load(self) -> None:
        """Read what an earlier process kept."""
        await self.runner.load()
        for part in self._parts:
            await part.load()

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Put a configuration in force."""
        self._loaded = loaded
        for part in self._parts:
            await part.apply(loaded, external_url)

    def start(self, tasks: Tasks) -> None:
        """Begin to do what is due."""
        for part in self._parts:
            part.start(tasks)
        tasks.start("errands", self.runner.run)

    async def close(self) -> None:
        """Close all connections; to be done once nothing runs any more."""
        for part in self._parts:
            await ended(type(part).__name__, part.close(), limit_seconds=_CLOSE_SECONDS)


def _node(loaded: Loaded) -> str:
    """What this process is called by whoever shares its database: the same after a restart, also
    in another container, and never that of another node, however machines are called. It stands in
    the data folder, which one process holds at a time."""
    folder = Path(loaded.config.data)
    if not folder.is_dir():
        return f"{socket.gethostname()[:80]}/{uuid.uuid4().hex[:8]}"
    file = folder / _NODE_FILE
    known = file.read_text().strip() if file.exists() else ""
    if not known:  # the first start, or one that died while it wrote this
        known = uuid.uuid4().hex
        file.write_text(f"{known}\n")
    return known
