"""How are decisions kept and found again? A bounded queue, written in batches beside the paging."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from tocsin.alert.deciding.flap import FlapState
from tocsin.alert.deciding.holding import Basis
from tocsin.alert.deciding.receipt import Draft, Receipt, basis_of_bytes, encoded, receipt_of
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Temporary
from tocsin.kit.tasks import Tasks
from tocsin.model.labels import get
from tocsin.state.database import Database
from tocsin.state.receipts import ReceiptRow, ReceiptTable
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import CHANNEL_STATES

_log = log.get("receipts")
_written = gauge.counter("receipts_written", "Decisions about alerts that were kept.")
_dropped = gauge.counter(
    "receipts_dropped", "Decisions that were not kept, as too many waited for the database."
)
_waiting = gauge.gauge("receipts_waiting", "Decisions that wait to be kept.")

KEPT_DAYS = 30
_KEPT_ROWS = 500_000
_MOST_WAITING = 50_000
_BATCH = 500
_PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 5.0
_TIDY_SECONDS = 3600.0
_SCANNED = 5000
_DAY_MS = 86_400_000
_BASIS = "basis:"


class KeptReceipts:
    """Receipts in the state database. `keep` only puts them in a queue; `run` writes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._table = ReceiptTable(database)
        self._clock = clock
        self._queue: dict[int, Draft] = {}
        self._bases: dict[str, bytes] = {}
        self._unwritten: set[str] = set()
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        _waiting.set_function(lambda: float(len(self._queue)))

    def keep(self, draft: Draft) -> None:
        """As `alert.receipt.ReceiptKeeper`; the oldest that waits makes room when there is none."""
        if len(self._queue) >= _MOST_WAITING and draft.id not in self._queue:
            del self._queue[next(iter(self._queue))]
            _dropped.inc()
        self._queue[draft.id] = draft
        self._wake.set()

    def keep_basis(self, basis: str, content: bytes) -> None:
        """As `alert.receipt.ReceiptKeeper`."""
        self._bases = {basis: content}
        self._unwritten.add(basis)
        self._wake.set()

    async def numbers(self, count: int, *, after: int) -> int:
        """As `alert.receipt.ReceiptKeeper`."""
        return await self._table.numbers(count, after=after)

    def start(self, tasks: Tasks) -> None:
        """Begin to write, and to forget what is too old."""
        tasks.start("receipts", self.run)
        tasks.start("receipts_tidy", self.tidy)

    async def run(self) -> None:
        """Write what waits, at most once a second, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
            except Temporary as error:
                _log.warning("receipts_not_kept", waiting=len(self._queue), error=str(error))
                self._wake.set()
                await self._clock.sleep(_RETRY_SECONDS)
            else:
                await self._clock.sleep(_PAUSE_SECONDS)

    async def flush(self) -> None:
        """Write all that waits; raises Temporary when the database does not take it."""
        async with self._writing:
            await self._write_bases()
            while self._queue:
                batch = [self._queue[key] for key in list(self._queue)[:_BATCH]]
                rows = await asyncio.to_thread(_rows, batch)
                await self._table.save(rows)
                _written.inc(len(batch))
                for one in batch:
                    if self._queue.get(one.id) is one:
                        del self._queue[one.id]

    async def _write_bases(self) -> None:
        now = self._clock.now_ms()
        for name in list(self._unwritten):
            content = self._bases.get(name)
            if content is not None:
                await self._table.save([_basis_row(name, content, now)])
            self._unwritten.discard(name)

    async def tidy(self) -> None:
        """Forget what is older than 30 days or too much, each hour."""
        while True:
            try:
                # What is in force stays young: the receipts of today are made again by it.
                self._unwritten.update(self._bases)
                await self._write_bases()
                before = self._clock.now_ms() - KEPT_DAYS * _DAY_MS
                gone = await self._table.drop(before, _KEPT_ROWS)
                if gone:
                    _log.info("receipts_forgotten", receipts=gone)
            except Temporary as error:
                _log.warning("receipts_not_tidied", error=str(error))
            await self._clock.sleep(_TIDY_SECONDS)

    async def get(self, receipt_id: int) -> Receipt:
        """Raises NotFound."""
        if receipt_id in self._queue:
            return self._queue[receipt_id].receipt()
        row = await self._table.get(receipt_id) if 0 < receipt_id < 1 << 31 else None
        found = await asyncio.to_thread(_read, [row] if row else [])
        if not found:
            raise NotFound(f"there is no receipt {receipt_id} (any more)")
        return found[0]

    async def find(self, fingerprints: Sequence[str] = (), limit: int = 100) -> list[Receipt]:
        """The newest about these alerts, about any when none is named."""
        rows = await self._table.find(fingerprints, limit)
        kept = {one.id: one for one in await asyncio.to_thread(_read, rows)}
        wanted = frozenset(fingerprints)
        waiting = [one for one in self._queue.values() if not wanted or one.fingerprint in wanted]
        newest = sorted(waiting, key=lambda one: -one.id)[:limit]
        kept.update({one.id: one for one in await asyncio.to_thread(_worded, newest)})
        return sorted(kept.values(), key=lambda one: -one.id)[:limit]

    async def named(self, alertname: str, limit: int = 100) -> list[Receipt]:
        """The newest about alerts of that name, among the newest 5,000 receipts."""
        found = await self.find(limit=_SCANNED)
        return [
            one for one in found if get(one.inputs.facts.alert.labels, "alertname") == alertname
        ][:limit]

    async def basis(self, name: str) -> Basis:
        """The configuration of that name. Raises NotFound."""
        content = self._bases.get(name)
        if content is None:
            row = await self._table.get(_basis_id(name))
            if row is None or row.fingerprint != _BASIS + name:
                raise NotFound(f"the configuration {name} of that receipt is not kept any more")
            content = row.content
        return basis_of_bytes(content)


class KeptFlaps:
    """What alerts did, on a shelf beside those of channels."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, CHANNEL_STATES, kind="flap")

    async def save(self, states: Iterable[FlapState]) -> None:
        """As `alert.flap.FlapKeeper`."""
        await self._shelf.save(
            {
                one.fingerprint: Kept(content=msgspec.json.encode(one), updated_at=one.changes[-1])
                for one in states
            }
        )

    async def forget(self, fingerprints: Iterable[str]) -> None:
        """As `alert.flap.FlapKeeper`."""
        await self._shelf.forget(fingerprints)

    async def all(self) -> list[FlapState]:
        """Every one."""
        return [msgspec.json.decode(one.content, type=FlapState) for one in await self._shelf.all()]


def _rows(batch: Sequence[Draft]) -> list[ReceiptRow]:
    return [
        ReceiptRow(
            id=one.id, at=one.last_ms, fingerprint=one.fingerprint, content=encoded(one.receipt())
        )
        for one in batch
    ]


def _worded(drafts: Sequence[Draft]) -> list[Receipt]:
    return [one.receipt() for one in drafts]


def _read(rows: Sequence[ReceiptRow]) -> list[Receipt]:
    """What this version can read of them."""
    found = []
    for row in rows:
        try:
            found.append(receipt_of(row.content))
        except msgspec.DecodeError as error:
            _log.warning("receipt_not_read", id=row.id, error=str(error))
    return found


def _basis_id(name: str) -> int:
    """Below zero, so that it is never a receipt's; the name settles which one it is."""
    return -1 - int(name[:7], 16)


def _basis_row(name: str, content: bytes, now_ms: int) -> ReceiptRow:
    return ReceiptRow(id=_basis_id(name), at=now_ms, fingerprint=_BASIS + name, content=content)
