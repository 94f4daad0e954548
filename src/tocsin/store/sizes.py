"""How much does each table hold on disk?"""

from __future__ import annotations

import msgspec

from tocsin.store.client import Store

_QUESTION = """
SELECT table AS name, toUInt64(sum(rows)) AS rows, toUInt64(sum(bytes_on_disk)) AS size_bytes,
       toUInt64(count()) AS parts
FROM system.parts WHERE active AND database = currentDatabase()
GROUP BY table ORDER BY size_bytes DESC
"""


class TableSize(msgspec.Struct, frozen=True):
    """One table: its rows, what they take on disk, and in how many parts they lie."""

    name: str
    rows: int
    size_bytes: int
    parts: int

    @property
    def bytes_per_row(self) -> float | None:
        """How well it compresses; None when it is empty."""
        return self.size_bytes / self.rows if self.rows else None


async def table_sizes(store: Store) -> list[TableSize]:
    """All tables, the largest first. Raises Temporary when the engine does not answer."""
    return await store.fetch_rows(_QUESTION, None, TableSize, timeout_seconds=5)
