"""How is the store asked about spans? Whatever was taken is in it before it answers."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

import msgspec

from tocsin.store.client import Store

_ON_LOOP_BYTES = 256 << 10
_SETTINGS: dict[str, str | int] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_named_tuples_as_objects": 0,
}

T = TypeVar("T")


class Settles(Protocol):
    """What brings spans that were taken, and are not in the store yet, into it."""

    async def settle(self) -> None: ...


class Asking:
    """Statements over the tables of spans, each answered within `timeout_seconds`."""

    def __init__(self, store: Store, writer: Settles, timeout_seconds: float) -> None:
        self._store = store
        self._writer = writer
        self._timeout = timeout_seconds

    async def rows(self, sql: str, kind: type[T]) -> list[T]:
        """The rows of a statement, each an array-like struct."""
        await self._writer.settle()
        body = await self._store.fetch_bytes(
            sql, fmt="JSONCompactEachRow", settings=_SETTINGS, timeout_seconds=self._timeout
        )
        if len(body) < _ON_LOOP_BYTES:
            return _decoded(body, kind)
        return await asyncio.to_thread(_decoded, body, kind)


def _decoded(body: bytes, kind: type[T]) -> list[T]:
    return msgspec.json.Decoder(kind).decode_lines(body)
