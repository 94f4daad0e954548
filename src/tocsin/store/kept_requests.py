"""Which requests were kept in the last minutes? One that is sent again is recognised."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol, TypeVar

from tocsin.store.client import Store

_REMEMBERED_SECONDS = 900
_REMEMBERED = 100_000


class Keyed(Protocol):
    """What came in one request, which `key` names."""

    @property
    def key(self) -> int: ...


Batch = TypeVar("Batch", bound=Keyed)


class KeptRequests:
    """The keys of the last 100,000 requests whose rows are in a table, or in the log before it."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._known: OrderedDict[int, bool] = OrderedDict()
        # Whether somebody was told that a request is new, as only one of two senders is.

    async def recall(self, store: Store) -> None:
        """Know what the table says of the last quarter of an hour; an earlier process kept it.

        Raises Temporary when the store is away.
        """
        sql = (
            f"SELECT DISTINCT toString(batch) FROM {self._table}"
            " WHERE taken > now() - {seconds:UInt32} LIMIT {most:UInt32}"
        )
        bounds = {"seconds": _REMEMBERED_SECONDS, "most": _REMEMBERED}
        body = await store.fetch_bytes(sql, bounds, fmt="TSV", lane="background")
        for text in body.split():
            self.remember(int(text), is_told=True)

    def __contains__(self, key: int) -> bool:
        return key in self._known

    def was_told(self, key: int) -> bool:
        """Whether a sender was told that the request is kept."""
        return self._known.get(key, False)

    def remember(self, key: int, *, is_told: bool) -> None:
        """The request was kept."""
        self._known[key] = is_told
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def new_of(self, batches: Sequence[Batch]) -> list[Batch]:
        """Each request once, without those that were kept: of two senders of the same one at a
        time, the second finds the first's here, or kept by the commit before this one."""
        return [one for one in {one.key: one for one in batches}.values() if one.key not in self]
