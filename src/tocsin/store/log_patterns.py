"""Where are the patterns of log lines kept? One row each; the newest row counts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.kit.clock import Clock
from tocsin.model.log_patterns import LogPattern
from tocsin.store.client import Store

TABLE = "log_patterns"
_COLUMNS = ("pattern", "service", "template", "example", "first_seen", "updated")
_MOST = 100_000


class _Row(msgspec.Struct, frozen=True):
    pattern: str
    service: str
    template: str
    example: str
    first_seen_ms: int


class LogPatternTable:
    """The patterns as they are kept. All methods raise Temporary when the store is away."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def all(self) -> list[LogPattern]:
        """Every pattern, the latest changed 100,000 at the most."""
        sql = (
            "SELECT toString(pattern) AS pattern, service, template, example,"
            " toUnixTimestamp64Milli(first_seen) AS first_seen_ms"
            " FROM log_patterns FINAL ORDER BY updated DESC LIMIT {most:UInt32}"
        )
        bounds = {"most": _MOST}
        rows = await self._store.fetch_rows(sql, bounds, _Row, lane="background")
        return [
            LogPattern(
                pattern=int(row.pattern),
                service=row.service,
                template=row.template,
                example=row.example,
                first_seen_ms=row.first_seen_ms,
            )
            for row in rows
        ]

    async def keep(self, patterns: Sequence[LogPattern]) -> None:
        """Keep new patterns and new forms of known ones; repeating it changes nothing."""
        if not patterns:
            return
        now = _seconds(self._clock.now_ms())
        lines = (
            msgspec.json.encode(
                {
                    "pattern": one.pattern,
                    "service": one.service,
                    "template": one.template,
                    "example": one.example,
                    "first_seen": _seconds(one.first_seen_ms),
                    "updated": now,
                }
            )
            for one in patterns
        )
        await self._store.insert(TABLE, _COLUMNS, b"\n".join(lines), "JSONEachRow")


def _seconds(at_ms: int) -> str:
    """Seconds with a fraction, as text: a number would lose digits on its way through a float."""
    at_ms = max(at_ms, 0)
    return f"{at_ms // 1000}.{at_ms % 1000:03d}"
