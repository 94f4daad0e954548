"""Where do decisions about alerts survive? Bytes that their writer understands, newest first."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select

from tocsin.state.database import Database, replacing
from tocsin.state.ids import reserve
from tocsin.state.tables import RECEIPTS

_AT_ONCE = 200


class ReceiptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row; the ids of what is not about an alert are negative."""

    id: int
    at: int
    fingerprint: str
    content: bytes


class ReceiptTable:
    """The table of decisions. All raise Temporary when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def numbers(self, count: int, *, after: int) -> int:
        """The first of so many ids that nobody else gives."""
        return await reserve(self._database, RECEIPTS, count, after=after)

    async def save(self, rows: Sequence[ReceiptRow]) -> None:
        """Keep all or none of these, replacing those of the same ids."""
        if not rows:
            return
        async with self._database.transaction() as connection:
            others = ("at", "fingerprint", "content")
            change = replacing(connection.dialect.name, RECEIPTS, ("id",), others)
            for start in range(0, len(rows), _AT_ONCE):
                part = [msgspec.structs.asdict(one) for one in rows[start : start + _AT_ONCE]]
                await connection.execute(change, part)

    async def get(self, row_id: int) -> ReceiptRow | None:
        """None when it is not there."""
        async with self._database.reading() as connection:
            row = (
                await connection.execute(select(RECEIPTS).where(RECEIPTS.c.id == row_id))
            ).first()
        return None if row is None else _row(row)

    async def find(self, fingerprints: Sequence[str], limit: int) -> list[ReceiptRow]:
        """The newest about these alerts, about any when none is named."""
        question = select(RECEIPTS).where(RECEIPTS.c.id > 0)
        if fingerprints:
            question = question.where(RECEIPTS.c.fingerprint.in_(fingerprints))
        question = question.order_by(RECEIPTS.c.id.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [_row(row) for row in await connection.execute(question)]

    async def drop(self, before: int, keep: int) -> int:
        """Forget those of before that time, and all but the newest `keep`; returns how many."""
        async with self._database.transaction() as connection:
            newest = await connection.scalar(select(func.max(RECEIPTS.c.id))) or 0
            is_old = RECEIPTS.c.at < before
            is_too_many = (RECEIPTS.c.id > 0) & (RECEIPTS.c.id <= newest - keep)
            gone = await connection.execute(RECEIPTS.delete().where(is_old | is_too_many))
        return gone.rowcount


def _row(row: object) -> ReceiptRow:
    return ReceiptRow(
        id=row.id,  # type: ignore[attr-defined]  # SQLAlchemy's rows have their columns' names
        at=row.at,  # type: ignore[attr-defined]  # as above
        fingerprint=row.fingerprint,  # type: ignore[attr-defined]  # as above
        content=bytes(row.content),  # type: ignore[attr-defined]  # as above
    )
