"""How are messages recorded so that neither a storm nor a database in trouble stops them?

What waits is written as one transaction: while one is on its way, the next one gathers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tocsin.alert.config import AlertingConfig
from tocsin.alert.delivering.canary import Canaries
from tocsin.alert.delivering.channel_notes import CanaryNote, ChannelNote
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.delivering.desk import Desk
from tocsin.alert.delivering.history import (
    RETRYING,
    SENDING,
    SENT,
    UNKNOWN,
    HistoryConfig,
    Record,
    Wanted,
)
from tocsin.alert.routing.fallback import Channel, Fallbacks
from tocsin.alert.rules.ports import AlertSink
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Temporary
from tocsin.kit.tasks import Tasks
from tocsin.state.database import Database
from tocsin.state.notifications import Asked, Batch, NotificationTable, Row
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import CHANNEL_STATES

_log = log.get("notifications")
_unrecorded = gauge.counter(
    "notifications_not_recorded", "Messages that went out before they could be recorded."
)
_RECORD_SECONDS = 2.0
_RETRY_SECONDS = 5.0
_MOST_WAITING = 20_000
_NUMBERS = 5000
"""Ids that are taken at a time."""
_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000
_TIDY_SECONDS = 3600.0
_SCANNED = 2000


@dataclass(slots=True)
class _Waiting:
    """What is written next, before it is put into bytes."""

    new: list[tuple[Record, tuple[str, ...]]] = field(default_factory=list)
    changed: dict[int, Record] = field(default_factory=dict)
    settled: list[tuple[tuple[int, ...], str]] = field(default_factory=list)

    def rows(self) -> Batch:
        """As the table takes it."""
        return Batch(
            new=[(_row(record), prints) for record, prints in self.new],
            changed={key: _row(record) for key, record in self.changed.items()},
            settled=self.settled,
        )


class KeptHistory:
    """The history in the state database; `run` writes it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.config = HistoryConfig()
        self._table = NotificationTable(database)
        self._clock = clock
        self._next_id, self._last_id = 1, 0
        self._numbering = asyncio.Lock()
        self._batch = _Waiting()
        self._recorded: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def load(self) -> list[tuple[Channel, int]]:
        """Settle what an earlier process left open; the messages of the last hour, oldest first."""
        await self._number()
        await self._table.interrupted((SENDING, RETRYING), UNKNOWN)
        since = self._clock.now_ms() - _HOUR_MS
        return [
            (Channel(receiver, integration), at)
            for receiver, integration, at in await self._table.arrived(since, SENT)
        ]

    async def begin(self, record: Record, fingerprints: tuple[str, ...]) -> Record:
        """As `alert.history.History`; waits 2 s at the most."""
        if len(self._batch.new) >= _MOST_WAITING:
            _unrecorded.inc()
            return record
        try:
            async with asyncio.timeout(_RECORD_SECONDS):
                record = msgspec.structs.replace(record, id=await self._id())
                self._batch.new.append((record, fingerprints))
                if self._recorded is None:
                    self._recorded = asyncio.get_running_loop().create_future()
                self._wake.set()
                await asyncio.shield(self._recorded)
        except (TimeoutError, Temporary):
            # A page that is not recorded is better than one that is not sent.
            _unrecorded.inc()
        return record

    async def _id(self) -> int:
        async with self._numbering:
            if self._next_id > self._last_id:
                await self._number()
            self._next_id += 1
            return self._next_id - 1

    async def _number(self) -> None:
        first = await self._table.numbers(_NUMBERS, after=self._last_id)
        self._next_id, self._last_id = first, first + _NUMBERS - 1

    def update(self, record: Record) -> None:
        """As `alert.history.History`."""
        if record.id and len(self._batch.changed) < _MOST_WAITING:
            self._batch.changed[record.id] = record
            self._wake.set()

    def settle(self, ids: tuple[int, ...], state: str) -> None:
        """As `alert.history.History`."""
        if ids and len(self._batch.settled) < _MOST_WAITING:
            self._batch.settled.append((ids, state))
            self._wake.set()

    async def find(self, wanted: Wanted) -> list[Record]:
        """As `alert.history.History`; by name the newest 2,000 are looked through."""
        asked = Asked(
            receiver=wanted.receiver,
            states=wanted.states,
            fingerprint=wanted.fingerprint,
            since=wanted.since_ms,
            until=wanted.until_ms,
            before_id=wanted.before_id,
            limit=_SCANNED if wanted.name else wanted.limit,
        )
        rows = await self._table.find(asked)
        records = await asyncio.to_thread(lambda: [_record(row) for row in rows])
        if wanted.name:
            part = wanted.name.lower()
            records = [one for one in records if part in one.names.lower()]
        return records[: wanted.limit]

    async def get(self, record_id: int) -> Record:
        """Raises NotFound."""
        row = await self._table.get(record_id) if record_id < 1 << 31 else None
        if row is None:
            raise NotFound(f"there is no message {record_id} (any more)")
        return _record(row)

    async def run(self) -> None:
        """Write what waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits now, after what is being written; an interruption loses nothing."""
        self._writing = asyncio.create_task(self._write_after(self._writing), name="notifications")
        await asyncio.shield(self._writing)

    async def _write_after(self, other: asyncio.Task[None] | None) -> None:
        if other is not None and not other.done():
            await asyncio.wait((other,))
        batch, recorded = self._batch, self._recorded
        self._batch, self._recorded = _Waiting(), None
        try:
            await self._table.write(await asyncio.to_thread(batch.rows))
        except Temporary as error:
            _log.error("notifications_not_recorded", messages=len(batch.new), error=str(error))
            self._put_back(batch)
            is_written = False
        else:
            is_written = True
        finally:
            if recorded is not None and not recorded.done():
                recorded.set_result(None)
        if not is_written:
            self._wake.set()
            await self._clock.sleep(_RETRY_SECONDS)

    def _put_back(self, batch: _Waiting) -> None:
        later = self._batch
        room = _MOST_WAITING - len(later.new)
        later.new = batch.new[:room] + later.new
        later.changed = {**batch.changed, **later.changed}
        later.settled = batch.settled + later.settled

    async def tidy(self) -> None:
        """Forget what is too old or too much, each hour."""
        while True:
            before = self._clock.now_ms() - self.config.days * _DAY_MS
            try:
                gone = await self._table.drop(before=before, keep=self.config.rows)
            except Temporary as error:
                _log.warning("notifications_not_tidied", error=str(error))
            else:
                if gone:
                    _log.info("notifications_forgotten", messages=gone)
            await self._clock.sleep(_TIDY_SECONDS)


class KeptNotes:
    """What is known of channels, on a shelf of the table that flapping alerts are in too."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._shelf = Shelf(database, CHANNEL_STATES, kind="channel")
        self._clock = clock

    async def save(self, notes: Iterable[ChannelNote]) -> None:
        """As `alert.channel_notes.ChannelNotes`."""
        now = self._clock.now_ms()
        await self._shelf.save(
            {one.key: Kept(content=msgspec.json.encode(one), updated_at=now) for one in notes}
        )

    async def forget(self, keys: Iterable[str]) -> None:
        """As `alert.channel_notes.ChannelNotes`."""
        await self._shelf.forget(keys)

    async def all(self) -> list[ChannelNote]:
        """Every one."""
        return [
            msgspec.json.decode(kept.content, type=ChannelNote) for kept in await self._shelf.all()
        ]


class Notifications:
    """The desk with what it keeps, and the canaries; `start` before the dispatcher's first turn."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.history = KeptHistory(database, clock)
        self.desk = Desk(clock, self.history, KeptNotes(database, clock))
        self.canaries = Canaries(self.desk, clock)

    async def load(self, tasks: Tasks) -> None:
        """Read what is kept, and begin to record."""
        sent = await self.history.load()
        canaries: Sequence[CanaryNote] = await self.desk.load(sent)
        self.canaries.load(canaries)
        tasks.start("notification_history", self.history.run)
        tasks.start("notification_history_tidy", self.history.tidy)

    def configure(
        self,
        integrations: Mapping[str, Sequence[Integration]],
        fallbacks: Fallbacks,
        config: AlertingConfig,
        external_url: str,
    ) -> None:
        """Put a configuration in force; `fallbacks` is what the severities say."""
        self.history.config = config.history
        self.desk.caps.config = config.caps
        self.desk.configure(integrations, Fallbacks(fallbacks.after, config.fallback))
        self.canaries.configure(config.canary, external_url)

    def raise_alerts_at(self, sink: AlertSink) -> None:
        """Where alerts about channels and canaries go."""
        self.desk.alarms.sink = self.canaries.sink = sink

    def start(self, tasks: Tasks) -> None:
        """Begin what happens by itself: digests, canaries, alerts about channels."""
        tasks.start("notification_desk", self.desk.run)
        tasks.start("canaries", self.canaries.run)


def _row(record: Record) -> Row:
    return Row(
        id=record.id,
        at=record.at_ms,
        receiver=record.receiver[:200],
        integration=record.integration[:100],
        state=record.state,
        content=msgspec.json.encode(record),
        updated_at=record.updated_ms,
    )


def _record(row: Row) -> Record:
    """The row's state is newer than what its content says, when it was settled later."""
    record = msgspec.json.decode(row.content, type=Record)
    return msgspec.structs.replace(record, id=row.id, state=row.state)
