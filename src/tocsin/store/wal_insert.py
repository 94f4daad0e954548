"""How do records become few and large inserts, the same ones for the same records?"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.kit.fault import Temporary
from tocsin.store.errors import QueryTimeout
from tocsin.store.wal_record import Rows

_INSERT_BYTES = 32 << 20
KEYED = {"series": 0, "samples": 1, "exemplars": 2, "metric_metadata": 3}
"""Tables that replace equal keys, and their turn: a sample's series comes before the sample."""


class Sink(Protocol):
    """What inserting needs of the store (`client.Store`)."""

    async def insert(
        self,
        table: str,
        columns: Sequence[str],
        data: bytes,
        fmt: str,
        *,
        token: str = "",
        timeout_seconds: float,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Insert:
    """One statement: rows of one table, of several records."""

    rows: tuple[Rows, ...]

    def data(self) -> bytes:
        """All of it in a row."""
        first = self.rows[0].data
        if len(self.rows) == 1 and isinstance(first, bytes):
            return first
        return b"".join(one.data for one in self.rows)


def inserts_of(rows: Sequence[Rows]) -> list[Insert]:
    """The statements for these rows, the same ones for the same rows, series before samples."""
    by_table: dict[tuple[int, str, tuple[str, ...], str], list[Rows]] = {}
    for one in rows:
        key = (KEYED.get(one.table, len(KEYED)), one.table, one.columns, one.format)
        by_table.setdefault(key, []).append(one)
    found = []
    for key in sorted(by_table):
        gathered: list[Rows] = []
        size = 0
        for one in by_table[key]:
            if gathered and size + len(one.data) > _INSERT_BYTES:
                found.append(Insert(tuple(gathered)))
                gathered, size = [], 0
            gathered.append(one)
            size += len(one.data)
        found.append(Insert(tuple(gathered)))
    return found


async def insert_all(
    store: Sink, rows: Sequence[Rows], *, token: str = "", timeout_seconds: float
) -> None:
    """Insert rows; with a token, repeating the same rows under it doubles nothing."""
    # Without one the engine would take equal rows of another insert for a repetition.
    token = token or secrets.token_hex(8)
    for number, one in enumerate(inserts_of(rows)):
        await insert_one(store, one, token=f"{token}-{number}", timeout_seconds=timeout_seconds)


async def insert_one(store: Sink, insert: Insert, *, token: str, timeout_seconds: float) -> None:
    """Run one statement; a time-out is no fault of who sent the data."""
    first = insert.rows[0]
    try:
        await store.insert(
            first.table,
            first.columns,
            insert.data(),
            first.format,
            token=token,
            timeout_seconds=timeout_seconds,
        )
    except QueryTimeout as error:
        raise Temporary(f"the store did not take rows for {first.table}: {error}", 1.0) from error
