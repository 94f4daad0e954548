"""How much does each table hold, and on which partitions?"""

from __future__ import annotations

import calendar
import datetime as dt
import re

import msgspec

from tocsin.store.client import Store

_PARTITION = re.compile(r"(\d{4})(\d{2})(\d{2})?")


class TableUsage(msgspec.Struct, frozen=True):
    """One table: live rows, bytes on disk and before compression, first and last day held.

    `bytes_waiting` are merged-away parts that the engine removes within a minute or two. A table
    without time partitions has no `oldest` and `newest`.
    """

    table: str
    rows: int
    bytes_on_disk: int
    bytes_uncompressed: int
    bytes_waiting: int
    oldest: dt.date | None
    newest: dt.date | None


class Partition(msgspec.Struct, frozen=True):
    """One day or month of one table."""

    table: str
    partition: str
    rows: int
    bytes_on_disk: int
    bytes_uncompressed: int
    bytes_waiting: int

    @property
    def first_day(self) -> dt.date | None:
        """Its first day; None when the table is not partitioned by time."""
        found = _PARTITION.fullmatch(self.partition)
        if found is None:
            return None
        return dt.date(int(found[1]), int(found[2]), int(found[3] or 1))

    @property
    def last_day(self) -> dt.date | None:
        """Its last day; None when the table is not partitioned by time."""
        first = self.first_day
        if first is None or len(self.partition) == 8:
            return first
        return first.replace(day=calendar.monthrange(first.year, first.month)[1])


async def partitions(store: Store) -> list[Partition]:
    """Every partition of our database that has rows or files."""
    return await store.fetch_rows(
        """
        SELECT table, partition_id AS partition,
            sumIf(parts.rows, active) AS rows,
            sumIf(parts.bytes_on_disk, active) AS bytes_on_disk,
            sumIf(data_uncompressed_bytes, active) AS bytes_uncompressed,
            sumIf(parts.bytes_on_disk, NOT active) AS bytes_waiting
        FROM system.parts AS parts
        WHERE database = currentDatabase()
        GROUP BY table, partition_id
        ORDER BY table, partition
        """,
        None,
        Partition,
        lane="short",
    )


async def usage(store: Store) -> list[TableUsage]:
    """What each table holds, by name; tables without rows are left out."""
    by_table: dict[str, list[Partition]] = {}
    for partition in await partitions(store):
        by_table.setdefault(partition.table, []).append(partition)
    return [_total(table, parts) for table, parts in by_table.items()]


def _total(table: str, parts: list[Partition]) -> TableUsage:
    live = [part for part in parts if part.rows]
    return TableUsage(
        table,
        sum(part.rows for part in parts),
        sum(part.bytes_on_disk for part in parts),
        sum(part.bytes_uncompressed for part in parts),
        sum(part.bytes_waiting for part in parts),
        min((part.first_day for part in live if part.first_day is not None), default=None),
        max((part.last_day for part in live if part.last_day is not None), default=None),
    )
