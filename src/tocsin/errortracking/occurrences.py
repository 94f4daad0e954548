"""When and where does an issue happen? Its errors over time, by release or by environment."""

from __future__ import annotations

from typing import Literal, Protocol, TypeVar

import msgspec

from tocsin.errortracking.event_search import MOST_STEPS, Of
from tocsin.store.client import Store

By = Literal["release", "environment"]

OTHERS = "others"
"""What counts for all releases, or environments, beyond the 50 most frequent: senders name them."""
_TIMEOUT_SECONDS = 10.0
_VALUES = 50
_SETTINGS: dict[str, str | int] = {"output_format_json_quote_64bit_integers": 0}

_T = TypeVar("_T")


class Settles(Protocol):
    """What brings errors that were taken, and are not in the store yet, into it."""

    async def settle(self) -> None: ...


class _Cell(msgspec.Struct, frozen=True, array_like=True):
    value: str
    step: int
    errors: int


class _Value(msgspec.Struct, frozen=True, array_like=True):
    value: str


class Occurrences:
    """Questions about when errors happened. All raise Temporary when the store does not answer."""

    def __init__(self, store: Store, writer: Settles) -> None:
        self._store = store
        self._writer = writer

    async def over_time(self, of: Of, times: tuple[int, int, int], by: By) -> dict[str, list[int]]:
        """How many errors of an issue each release or environment had in each step of `times`,
        which are the begin, the end and the step in milliseconds; at most 500 steps. Of many, the
        most frequent; all further ones are `OTHERS`."""
        start, end, step = times
        steps = min(MOST_STEPS, -(-(end - start) // step))
        where = (
            f"{of.condition} AND ts >= fromUnixTimestamp64Milli({start})"
            f" AND ts < fromUnixTimestamp64Milli({start + steps * step})"
        )
        frequent = (
            f"SELECT toString({by}) AS name FROM errors WHERE {where}"
            f" GROUP BY name ORDER BY sum(weight) DESC, name LIMIT {_VALUES}"
        )
        sql = (
            f"SELECT if(toString({by}) IN ({frequent}), toString({by}), '{OTHERS}') AS value,"
            f" toUInt32(intDiv(toUnixTimestamp64Milli(ts) - {start}, {step})) AS step,"
            f" toUInt64(sum(weight)) FROM errors WHERE {where} GROUP BY value, step"
        )
        found: dict[str, list[int]] = {}
        for cell in await self._rows(sql, _Cell):
            found.setdefault(cell.value, [0] * steps)[cell.step] = cell.errors
        return found

    async def values(self, of: By, since_ms: int) -> list[str]:
        """The releases or environments that had errors since then, the latest first."""
        sql = (
            f"SELECT toString({of}) AS value FROM errors"
            f" WHERE ts >= fromUnixTimestamp64Milli({since_ms}) AND {of} != ''"
            f" GROUP BY value ORDER BY max(ts) DESC LIMIT {_VALUES}"
        )
        return [row.value for row in await self._rows(sql, _Value)]

    async def _rows(self, sql: str, kind: type[_T]) -> list[_T]:
        await self._writer.settle()
        body = await self._store.fetch_bytes(
            sql, fmt="JSONCompactEachRow", settings=_SETTINGS, timeout_seconds=_TIMEOUT_SECONDS
        )
        return msgspec.json.Decoder(kind).decode_lines(body)
