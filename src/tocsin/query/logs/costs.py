"""Which lines take the room? Bytes and lines by service, level and pattern, by the minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from tocsin.kit.clock import Clock
from tocsin.store.client import Store
from tocsin.store.literal import literal

_T = TypeVar("_T")
_DAY = 86_400
_MOST = 500
_TIMEOUT_SECONDS = 20.0
_SETTINGS: dict[str, str | int] = {"output_format_json_quote_64bit_integers": 0}


class Cost(msgspec.Struct, frozen=True, array_like=True):
    """What lines of one kind take: `size_bytes` as they were kept, `lines` as they were said.
    `before_bytes` is of a time as long, just before."""

    name: str
    size_bytes: int
    lines: int
    before_bytes: int


class Point(msgspec.Struct, frozen=True, array_like=True):
    """Bytes of a service from `start_s` on, seconds since the epoch."""

    service: str
    start_s: int
    size_bytes: int


class LogCosts:
    """Sums over the counts by the minute."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def today(self) -> dict[str, int]:
        """Bytes since midnight UTC, by service."""
        now = int(self._clock.now())
        sql = (
            "SELECT service, sum(bytes) FROM logs_1m"
            f" WHERE minute >= toDateTime({now - now % _DAY}, 'UTC') GROUP BY service"
        )
        return dict(await self._rows(sql, tuple[str, int]))

    async def by_service(self, start_s: int, end_s: int) -> Sequence[Cost]:
        """The most expensive first."""
        return await self._by("service", start_s, end_s, "")

    async def by_level(self, start_s: int, end_s: int, service: str = "") -> Sequence[Cost]:
        """By the number of the level, of one service or of all."""
        return await self._by("toString(level)", start_s, end_s, service)

    async def by_pattern(self, start_s: int, end_s: int, service: str = "") -> Sequence[Cost]:
        """By the number of the pattern, of one service or of all."""
        return await self._by("toString(pattern)", start_s, end_s, service, most=20)

    async def templates(self, patterns: Sequence[str]) -> dict[str, str]:
        """What the lines of a pattern look like, by its number; unknown ones are left out."""
        numbers = [one for one in patterns if one.isdecimal() and one != "0"]
        if not numbers:
            return {}
        sql = (
            "SELECT toString(pattern), argMax(template, updated) FROM log_patterns"
            f" WHERE pattern IN ({', '.join(numbers)}) GROUP BY pattern"
        )
        return dict(await self._rows(sql, tuple[str, str]))

    async def over_time(self, start_s: int, end_s: int, step_s: int) -> Sequence[Point]:
        """Bytes of each service by step."""
        sql = (
            f"SELECT service, intDiv(toUnixTimestamp(minute), {step_s}) * {step_s} AS at,"
            f" sum(bytes) FROM logs_1m WHERE {_within(start_s, end_s)}"
            " GROUP BY service, at ORDER BY service, at LIMIT 100000"
        )
        return await self._rows(sql, Point)

    async def _by(
        self, name: str, start_s: int, end_s: int, service: str, most: int = _MOST
    ) -> Sequence[Cost]:
        since = f"minute >= toDateTime({start_s}, 'UTC')"
        of_one = f" AND service = {literal(service)}" if service else ""
        sql = (
            f"SELECT {name} AS name, sumIf(bytes, {since}) AS size, sumIf(lines, {since}),"
            f" sumIf(bytes, NOT {since}) AS before FROM logs_1m"
            f" WHERE {_within(2 * start_s - end_s, end_s)}{of_one}"
            f" GROUP BY name HAVING size > 0 OR before > 0"
            f" ORDER BY size DESC, name LIMIT {most}"
        )
        return await self._rows(sql, Cost)

    async def _rows(self, sql: str, kind: type[_T]) -> list[_T]:
        body = await self._store.fetch_bytes(
            sql,
            fmt="JSONCompactEachRow",
            settings=_SETTINGS,
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        return msgspec.json.Decoder(kind).decode_lines(body)


def _within(start_s: int, end_s: int) -> str:
    return f"minute >= toDateTime({start_s}, 'UTC') AND minute < toDateTime({end_s}, 'UTC')"
