"""Where do things survive that only their owner understands? Bytes under a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, Table, func, select

from tocsin.model.errands import NOTHING, Plan
from tocsin.state.database import Database, replacing
from tocsin.state.errands import carry_out
from tocsin.state.sessions import hash_of
from tocsin.state.tables import SHARED

_Row = TypeVar("_Row", bound=tuple[Any, ...])  # Any: a row of whatever is asked for
_AT_ONCE = 500
_HASH_LENGTH = 64


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One thing: its content means what its writer says it means."""

    content: bytes
    updated_at: int


class Shelf:
    """One table of a key (hashed), a content and a time; a second `save` replaces the first.

    A table that several write to (`tables.SHARED`) has a shelf for each: `kind` names what is on
    it, and nobody meets what is of another kind.
    """

    def __init__(self, database: Database, table: Table, *, kind: str = "") -> None:
        if bool(kind) != bool(table.info.get(SHARED)):
            raise ValueError(f"a shelf in {table.name} has a kind exactly when others write there")
        self._database = database
        self._table = table
        self._kind = kind

    async def save(
        self, things: Mapping[str, Kept], plan: Plan = NOTHING, *, now_ms: int = 0
    ) -> None:
        """Keep all or none of these, together with the errands that follow from them, put at
        `now_ms`. Raises Temporary when the database does not answer."""
        rows = [
            {"hash": self._hash(key), "content": kept.content, "updated_at": kept.updated_at}
            for key, kept in things.items()
        ]
        if not rows and plan == NOTHING:
            return
        async with self._database.transaction() as connection:
            others = ("content", "updated_at")
            change = replacing(connection.dialect.name, self._table, ("hash",), others)
            for start in range(0, len(rows), _AT_ONCE):
                await connection.execute(change, rows[start : start + _AT_ONCE])
            await carry_out(connection, plan, now_ms)

    async def forget(self, keys: Iterable[str], plan: Plan = NOTHING, *, now_ms: int = 0) -> None:
        """Keep these no longer; harmless when they are not there. Errands as for `save`."""
        hashes = [self._hash(key) for key in keys]
        async with self._database.transaction() as connection:
            for start in range(0, len(hashes), _AT_ONCE):
                is_it = self._table.c.hash.in_(hashes[start : start + _AT_ONCE])
                await connection.execute(self._table.delete().where(is_it))
            await carry_out(connection, plan, now_ms)

    async def all(self) -> list[Kept]:
        """Everything, the oldest first."""
        question = self._ours(select(self._table).order_by(self._table.c.updated_at))
        async with self._database.reading() as connection:
            return [
                Kept(content=bytes(row.content), updated_at=row.updated_at)
                for row in await connection.execute(question)
            ]

    async def some(self, keys: Iterable[str]) -> dict[str, Kept]:
        """Those of these keys that are there."""
        by_hash = {self._hash(key): key for key in keys}
        hashes, found = list(by_hash), {}
        async with self._database.reading() as connection:
            for start in range(0, len(hashes), _AT_ONCE):
                is_it = self._table.c.hash.in_(hashes[start : start + _AT_ONCE])
                for row in await connection.execute(select(self._table).where(is_it)):
                    kept = Kept(content=bytes(row.content), updated_at=row.updated_at)
                    found[by_hash[row.hash]] = kept
        return found

    async def mark(self) -> tuple[int, int, int]:
        """How many things there are, and the latest and the sum of their times: what differs once
        anybody has changed one. Raises Temporary when the database does not answer."""
        times = self._table.c.updated_at
        latest, total = func.coalesce(func.max(times), 0), func.coalesce(func.sum(times), 0)
        question = self._ours(select(func.count(), latest, total).select_from(self._table))
        async with self._database.reading() as connection:
            count, last, in_sum = (await connection.execute(question)).one()
        return int(count), int(last), int(in_sum)

    def _ours(self, question: Select[_Row]) -> Select[_Row]:
        if not self._kind:
            return question
        return question.where(self._table.c.hash.startswith(f"{self._kind}:", autoescape=True))

    def _hash(self, key: str) -> str:
        if not self._kind:
            return hash_of(key)
        return f"{self._kind}:{hash_of(key)}"[:_HASH_LENGTH]
