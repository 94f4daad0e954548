"""Do the counts by minute (`spans_1m`) agree with the spans? After an insert whose outcome nobody
knew they may not, see `log_rollup`. What is written is what the counts lack, so that a second run
finds nothing to do. When each trace was (`traces`) is a least and a greatest time: it is written
again whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tocsin.kit import log
from tocsin.kit.fault import Fault, Temporary
from tocsin.store.log_rollup import Commanded, minutes_of
from tocsin.store.wal_record import Rows

TABLE = "spans"
_log = log.get("store.flush")

_WITHIN = (
    "WHERE ts >= toDateTime64({first:UInt32} * 60, 9, 'UTC')"
    " AND ts < toDateTime64({end:UInt32} * 60, 9, 'UTC')"
)
_KEY = "minute, service, environment, name, kind, bucket"
_CORRECTED = f"""
INSERT INTO spans_1m ({_KEY}, requests, failures, total_ns)
SELECT {_KEY}, toUInt64(sum(more)), toUInt64(sum(more_failures)), toUInt64(sum(more_ns)) FROM (
    SELECT toStartOfMinute(toDateTime(ts)) AS minute, service, environment, name, kind,
        toUInt16(floor(log2(greatest(duration_ns, 1)) * 4)) AS bucket,
        toInt64(sum(weight)) AS more, toInt64(sumIf(weight, status = 2)) AS more_failures,
        toInt64(sum(duration_ns * weight)) AS more_ns
    FROM spans {_WITHIN}
    GROUP BY {_KEY}
    UNION ALL
    SELECT {_KEY}, -toInt64(sum(requests)) AS more, -toInt64(sum(failures)) AS more_failures,
        -toInt64(sum(total_ns)) AS more_ns
    FROM spans_1m
    WHERE minute >= toDateTime({{first:UInt32}} * 60, 'UTC')
        AND minute < toDateTime({{end:UInt32}} * 60, 'UTC')
    GROUP BY {_KEY}
) GROUP BY {_KEY} HAVING sum(more) != 0 OR sum(more_failures) != 0 OR sum(more_ns) != 0
"""
"""What is too much is a number below zero, which sums of UInt64 take away as they wrap around."""
_TIMES = f"""
INSERT INTO traces (trace_id, began, ended, day)
SELECT trace_id, min(ts), max(ts + toIntervalNanosecond(duration_ns)), toDate(ts) AS day
FROM spans {_WITHIN} GROUP BY trace_id, day
"""


async def recount(store: Commanded, rows: Sequence[Rows]) -> None:
    """Make what views keep of all minutes that these spans lie in agree with the spans there.

    Nobody else may insert spans meanwhile. Raises Temporary when the store does not answer.
    """
    for first, end in await asyncio.to_thread(minutes_of, rows):
        try:
            await store.command(_CORRECTED, {"first": first, "end": end})
            await store.command(_TIMES, {"first": first, "end": end})
        except Fault as error:
            raise Temporary(f"minutes cannot be counted again: {error}", 1.0) from error
        _log.info("span_minutes_recounted", first=first * 60, minutes=end - first)
