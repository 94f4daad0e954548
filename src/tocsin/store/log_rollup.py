"""Do the counts by minute (`logs_1m`) agree with the lines? After an insert whose outcome nobody
knew they may not: a process can die between a part of lines and what the view makes of it.

Not the sums are written then, but what they lack: whatever was counted before, they agree
afterwards, and a second run finds nothing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from tocsin.kit import log
from tocsin.kit.fault import Fault, Temporary
from tocsin.store.native_block import Block
from tocsin.store.wal_record import Rows

TABLE = "logs"
_MINUTE_NS = 60_000_000_000
_MINUTES_A_DAY = 1_440
_log = log.get("store.flush")

_KEY = "minute, service, environment, level, pattern"
_CORRECTED = f"""
INSERT INTO logs_1m ({_KEY}, lines, bytes)
SELECT {_KEY}, toUInt64(sum(more_lines)), toUInt64(sum(more_bytes)) FROM (
    SELECT toStartOfMinute(toDateTime(ts)) AS minute, service, environment, level, pattern,
        toInt64(sum(weight)) AS more_lines,
        toInt64(sum(length(body) + length(original))) AS more_bytes
    FROM logs
    WHERE ts >= toDateTime64({{first:UInt32}} * 60, 9, 'UTC')
        AND ts < toDateTime64({{end:UInt32}} * 60, 9, 'UTC')
    GROUP BY {_KEY}
    UNION ALL
    SELECT {_KEY}, -toInt64(sum(lines)) AS more_lines, -toInt64(sum(bytes)) AS more_bytes
    FROM logs_1m
    WHERE minute >= toDateTime({{first:UInt32}} * 60, 'UTC')
        AND minute < toDateTime({{end:UInt32}} * 60, 'UTC')
    GROUP BY {_KEY}
) GROUP BY {_KEY} HAVING sum(more_lines) != 0 OR sum(more_bytes) != 0
"""
"""What is too much is a number below zero, which sums of UInt64 take away as they wrap around."""


class Commanded(Protocol):
    """A store that runs statements."""

    async def command(self, sql: str, params: Mapping[str, int] | None = None) -> None: ...


async def recount(store: Commanded, rows: Sequence[Rows]) -> None:
    """Make the counts of all minutes that these lines lie in agree with the lines that are there.

    Nobody else may insert lines meanwhile. Raises Temporary when the store does not answer.
    """
    for first, end in await asyncio.to_thread(minutes_of, rows):
        try:
            await store.command(_CORRECTED, {"first": first, "end": end})
        except Fault as error:
            raise Temporary(f"minutes cannot be counted again: {error}", 1.0) from error
        _log.info("minutes_recounted", first=first * 60, minutes=end - first)


def minutes_of(rows: Sequence[Rows]) -> list[tuple[int, int]]:
    """From which minute on and up to which, since 1970, a range for each day that has lines."""
    found: dict[int, tuple[int, int]] = {}
    for one in rows:
        for minute in np.unique(Block(one.data).numbers("ts") // _MINUTE_NS).tolist():
            first, end = found.get(minute // _MINUTES_A_DAY, (minute, minute + 1))
            found[minute // _MINUTES_A_DAY] = min(first, minute), max(end, minute + 1)
    return sorted(found.values())
