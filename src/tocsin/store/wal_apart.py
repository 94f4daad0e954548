"""What becomes of rows that the store refuses? A file keeps them; the others are inserted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tocsin.kit import gauge, log
from tocsin.kit.fault import Fault, Permanent, Temporary
from tocsin.store.native_block import Block
from tocsin.store.wal import WriteAheadLog
from tocsin.store.wal_insert import Insert, Sink, insert_one, inserts_of
from tocsin.store.wal_record import Rows

_HALVINGS = 100
"""How often one record is cut in two: several rows of thousands are found, and a record of which
the store takes none does not cost as many statements as it has rows."""

_log = log.get("store.flush")
_aside = gauge.counter("wal_refused_rows", "Rows that the store refuses, kept in a file.")


async def separated(
    store: Sink, wal: WriteAheadLog, rows: Sequence[Rows], token: str, limit_seconds: float
) -> bool:
    """Insert what the store takes of a refused group, and set aside the rows that it refuses.

    Returns False when the store, or the disk for the file, went away meanwhile: then all of it is
    to be done again, under the same token.
    """
    try:
        for number, insert in enumerate(inserts_of(rows)):
            # Under the group's tokens: what the store took of it before is not doubled.
            own = f"{token}-{number}"
            try:
                await insert_one(store, insert, token=own, timeout_seconds=limit_seconds)
            except (Temporary, Permanent):
                raise
            except Fault as fault:
                _log.warning("insert_refused", table=insert.rows[0].table, reason=str(fault))
                for place, one in enumerate(insert.rows):
                    await _searched(store, wal, one, f"{own}/{place}", limit_seconds)
    except (Temporary, Permanent):
        return False
    return True


async def _searched(
    store: Sink, wal: WriteAheadLog, record: Rows, token: str, limit_seconds: float
) -> None:
    """Halve a record until what is refused is a row: one sender's mistake costs no other's rows."""
    left = _HALVINGS
    waiting = [(record, token)]
    while waiting:
        rows, own = waiting.pop()
        try:
            await insert_one(store, Insert((rows,)), token=own, timeout_seconds=limit_seconds)
        except (Temporary, Permanent):
            raise
        except Fault as fault:
            halves = _halves(rows) if left else ()
            left -= len(halves) // 2
            if not halves:
                await asyncio.to_thread(wal.quarantine, rows, str(fault))
                _aside.inc(rows.count)
            # The first half is the next one: of equal keys the last one counts.
            waiting += [(half, f"{own}.{n}") for n, half in reversed(list(enumerate(halves)))]


def _halves(rows: Rows) -> Sequence[Rows]:
    """Two parts of whole rows; none of a single row, and of formats that cannot be parted."""
    if rows.count >= 2 and rows.format == "Native":
        block, middle = Block(rows.data), rows.count // 2
        places = (range(middle), range(middle, rows.count))
        return [
            Rows(rows.table, rows.columns, rows.format, len(part), block.taken(part))
            for part in places
        ]
    if rows.format != "JSONEachRow" or rows.count < 2:
        return ()
    data = bytes(rows.data)
    middle = len(data) // 2
    cut = data.find(b"\n", middle) + 1
    if cut in (0, len(data)):
        cut = data.rfind(b"\n", 0, middle) + 1
    parts = [part for part in (data[:cut], data[cut:]) if part]
    if len(parts) < 2:
        return ()
    return [Rows(rows.table, rows.columns, rows.format, part.count(b"\n"), part) for part in parts]
