"""What people have said about alerts: taken on, or being worked on; and where that is kept."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tocsin.alert.acknowledge import Acknowledgement, Acknowledgements
from tocsin.alert.maintenance import Maintenance
from tocsin.alert.window import Window
from tocsin.kit.clock import Clock
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ACKNOWLEDGEMENTS, MAINTENANCE


class KeptAcknowledgements:
    """Acknowledgements on their shelf."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, ACKNOWLEDGEMENTS)

    async def save(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        """Keep them, replacing those of the same alert."""
        await self._shelf.save({one.fingerprint: _kept(one, one.at_ms) for one in acknowledgements})

    async def forget(self, fingerprints: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(fingerprints)

    async def all(self) -> list[Acknowledgement]:
        """Every one."""
        kept = await self._shelf.all()
        return [msgspec.json.decode(one.content, type=Acknowledgement) for one in kept]


class KeptWindows:
    """Maintenance windows on their shelf."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, MAINTENANCE)

    async def save(self, windows: Iterable[Window]) -> None:
        """Keep them, replacing those of the same id."""
        await self._shelf.save({one.id: _kept(one, one.updated_ms) for one in windows})

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(ids)

    async def all(self) -> list[Window]:
        """Every one."""
        return [msgspec.json.decode(one.content, type=Window) for one in await self._shelf.all()]


class Attention:
    """Who has taken on what, and what is being worked on."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.acknowledgements = Acknowledgements(KeptAcknowledgements(database), clock)
        self.maintenance = Maintenance(KeptWindows(database), clock)

    async def load(self) -> None:
        """Read what an earlier process kept; to be done before alerts are told."""
        await self.acknowledgements.load()
        await self.maintenance.load()


def _kept(value: object, updated_at: int) -> Kept:
    return Kept(content=msgspec.json.encode(value), updated_at=updated_at)
