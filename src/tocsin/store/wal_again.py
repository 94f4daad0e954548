"""Are rows in the store whose insert was repeated because nobody knew how the first one ended?

The engine notes a token just before it adds the part: killed in between, it takes the repetition
for a double and drops it. So one row of each part that must be there is looked for. What views make
of a part is written apart from it, so counts by minute are compared with the lines.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Protocol

import msgspec
import numpy as np

from tocsin.kit import log
from tocsin.kit.fault import Fault, Temporary
from tocsin.store import log_rollup, span_rollup
from tocsin.store.client import quoted
from tocsin.store.native_block import Block
from tocsin.store.wal_insert import KEYED, Sink, insert_all, inserts_of
from tocsin.store.wal_record import Rows

_DAY_SECONDS = 86_400
_DAY_NS = _DAY_SECONDS * 1_000_000_000
_ASKED_AT_ONCE = 2_000
_TOLD_APART_BY = ("name", "user_id", "session_id", "trace_id", "span_id")
_log = log.get("store.flush")

_Pair = tuple[int, int]


class Asked(Sink, Protocol):
    """A store that can also be asked."""

    async def fetch_bytes(self, sql: str, params: Mapping[str, str] | None = None) -> bytes: ...
    async def command(self, sql: str, params: Mapping[str, int] | None = None) -> None: ...


class _Row(msgspec.Struct):
    ts: str = ""


async def insert_again(
    store: Asked, rows: Sequence[Rows], *, token: str, timeout_seconds: float
) -> None:
    """Insert rows that may be in the store already, and make sure that they are there once."""
    await insert_all(store, rows, token=token, timeout_seconds=timeout_seconds)
    for insert in inserts_of(rows):
        first = insert.rows[0]
        if first.format == "Native":
            await _insert_lost(store, insert.rows, timeout_seconds)
            continue
        if first.table in KEYED or first.format != "JSONEachRow" or "ts" not in first.columns:
            continue
        for part in _parts(insert.data()):
            if await _is_there(store, first.table, part[0]):
                continue
            lost = Rows(first.table, first.columns, first.format, len(part), b"".join(part))
            _log.warning("token_without_rows", table=first.table, rows=len(part))
            await insert_all(
                store, [lost], token=secrets.token_hex(8), timeout_seconds=timeout_seconds
            )
    await log_rollup.recount(store, [one for one in rows if one.table == log_rollup.TABLE])
    await span_rollup.recount(store, [one for one in rows if one.table == span_rollup.TABLE])


async def _insert_lost(store: Asked, rows: Sequence[Rows], timeout_seconds: float) -> None:
    """Insert the lines of batches of which the store has none of a day: one part or none of it."""
    pairs = await asyncio.to_thread(_batches_and_days, rows)
    lost = set().union(*pairs) - await _there(store, rows[0].table, set().union(*pairs))
    if not lost:
        return
    again = await asyncio.to_thread(_chosen, rows, pairs, lost)
    _log.warning("token_without_rows", table=rows[0].table, rows=sum(one.count for one in again))
    await insert_all(store, again, token=secrets.token_hex(8), timeout_seconds=timeout_seconds)


def _batches_and_days(rows: Sequence[Rows]) -> list[list[_Pair]]:
    """The batch and the day, since 1970, of each line of each block."""
    blocks = (Block(one.data) for one in rows)
    return [
        list(
            zip(
                block.numbers("batch").tolist(),
                (block.numbers("ts") // _DAY_NS).tolist(),
                strict=True,
            )
        )
        for block in blocks
    ]


def _chosen(
    rows: Sequence[Rows], pairs: Sequence[Sequence[_Pair]], lost: AbstractSet[_Pair]
) -> list[Rows]:
    found: list[Rows] = []
    for one, of_lines in zip(rows, pairs, strict=True):
        places = [place for place, pair in enumerate(of_lines) if pair in lost]
        if places:
            data = Block(one.data).taken(places)
            found.append(Rows(one.table, one.columns, one.format, len(places), data))
    return found


async def _there(store: Asked, table: str, wanted: AbstractSet[_Pair]) -> set[_Pair]:
    """Which batches have lines of which days (since 1970) in the store."""
    first, last = min(day for _, day in wanted), max(day for _, day in wanted)
    keys = sorted({key for key, _ in wanted})
    found: set[_Pair] = set()
    for at in range(0, len(keys), _ASKED_AT_ONCE):
        listed = ",".join(map(str, keys[at : at + _ASKED_AT_ONCE]))
        sql = (
            f"SELECT batch, toUInt64(intDiv(toUnixTimestamp64Nano(ts), {_DAY_NS})) AS day"
            f" FROM {quoted(table)} WHERE batch IN ({listed})"
            f" AND ts >= fromUnixTimestamp64Nano({first * _DAY_NS}, 'UTC')"
            f" AND ts < fromUnixTimestamp64Nano({(last + 1) * _DAY_NS}, 'UTC') GROUP BY batch, day"
        )
        try:
            body = await store.fetch_bytes(sql)
        except Fault as error:
            raise Temporary(f"whether {table} has the rows cannot be told: {error}", 1.0) from error
        found.update(map(tuple, np.frombuffer(body, "<u8").reshape(-1, 2).tolist()))
    return found


def _parts(data: bytes) -> list[list[bytes]]:
    """The lines by day: the engine makes one part of each, whole or not at all.

    None when their times are no seconds in a text, as those of events are.
    """
    decoder = msgspec.json.Decoder(_Row)
    days: dict[int, list[bytes]] = {}
    for line in data.splitlines(keepends=True):
        try:
            day = int(float(decoder.decode(line).ts)) // _DAY_SECONDS
        except (msgspec.MsgspecError, ValueError, OverflowError):
            return []
        days.setdefault(day, []).append(line)
    return list(days.values())


async def _is_there(store: Asked, table: str, line: bytes) -> bool:
    row = msgspec.json.decode(line, type=dict[str, object])
    nanoseconds = int(Decimal(str(row["ts"])) * 1_000_000_000)
    known = {name: str(row[name]) for name in _TOLD_APART_BY if name in row}
    sql = f"SELECT count() FROM {quoted(table)}"
    sql += " WHERE ts = fromUnixTimestamp64Nano({ts:Int64}, 'UTC')"
    sql += "".join(f" AND {name} = {{{name}:String}}" for name in known)
    try:
        # One row of fixed width, a UInt64.
        found = await store.fetch_bytes(sql, known | {"ts": str(nanoseconds)})
    except Fault as error:
        raise Temporary(f"whether {table} has the rows cannot be told: {error}", 1.0) from error
    return any(found)
