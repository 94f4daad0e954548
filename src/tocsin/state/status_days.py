"""Where is kept how each part of the service was on each day?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import select

from tocsin.state.database import Database, replacing
from tocsin.state.tables import STATUS_DAYS

_AT_ONCE = 500


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One component on one day (days since 1970, UTC); the content means what its writer says."""

    component: str
    day: int
    content: bytes
    updated_at: int


class StatusDays:
    """The table of days. All raise Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, rows: Sequence[DayRow]) -> None:
        """Keep all or none of these, replacing those of the same component and day."""
        if not rows:
            return
        async with self._database.transaction() as connection:
            key, others = ("component", "day"), ("content", "updated_at")
            change = replacing(connection.dialect.name, STATUS_DAYS, key, others)
            for start in range(0, len(rows), _AT_ONCE):
                part = [msgspec.structs.asdict(one) for one in rows[start : start + _AT_ONCE]]
                await connection.execute(change, part)

    async def since(self, day: int) -> list[DayRow]:
        """All of that day and later ones, by component and day."""
        table = STATUS_DAYS.c
        question = select(STATUS_DAYS).where(table.day >= day).order_by(table.component, table.day)
        async with self._database.reading() as connection:
            return [
                DayRow(
                    component=row.component,
                    day=row.day,
                    content=bytes(row.content),
                    updated_at=row.updated_at,
                )
                for row in await connection.execute(question)
            ]

    async def forget(self, components: Iterable[str]) -> None:
        """Keep nothing of these any more."""
        is_one = STATUS_DAYS.c.component.in_(list(components))
        async with self._database.transaction() as connection:
            await connection.execute(STATUS_DAYS.delete().where(is_one))
