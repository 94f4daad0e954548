"""What did people set while the program ran?"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from sqlalchemy import select

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.state.database import Database, upsert
from tocsin.state.tables import SETTINGS

T = TypeVar("T")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it is kept: JSON, and who set it when (milliseconds since the epoch)."""

    key: str
    value: msgspec.Raw
    updated_at: int
    updated_by: str


class Settings:
    """Values by key, kept as JSON: drop rules and the like."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, key: str, kind: type[T], default: T) -> T:
        """The value, `default` when nobody set it; raises Permanent when it is of another type."""
        question = select(SETTINGS.c.value).where(SETTINGS.c.key == key)
        async with self._database.reading() as connection:
            content = await connection.scalar(question)
        if content is None:
            return default
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError as error:
            raise Permanent(
                f"the setting {key} in the state database is damaged: {error}"
            ) from error

    async def set(self, key: str, value: object, *, by: str) -> None:
        """Keep a value (structs, lists, numbers …), replacing the one before."""
        row = {
            "value": msgspec.json.encode(value),
            "updated_at": self._clock.now_ms(),
            "updated_by": by[:200],
        }
        async with self._database.transaction() as connection:
            await upsert(connection, SETTINGS, {"key": key}, row)

    async def delete(self, key: str) -> None:
        """Back to the default; harmless when nobody set it."""
        async with self._database.transaction() as connection:
            await connection.execute(SETTINGS.delete().where(SETTINGS.c.key == key))

    async def all(self) -> list[Setting]:
        """Everything that was set, by key."""
        question = select(SETTINGS).order_by(SETTINGS.c.key)
        async with self._database.reading() as connection:
            return [
                Setting(
                    key=row.key,
                    value=msgspec.Raw(row.value),
                    updated_at=row.updated_at,
                    updated_by=row.updated_by,
                )
                for row in await connection.execute(question)
            ]
