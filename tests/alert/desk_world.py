"""A desk on a fake clock: channels that fail as told to, and what was recorded of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from tocsin.alert.delivering.canary import Canaries
from tocsin.alert.delivering.channel_notes import ChannelNote
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.delivering.desk import Desk
from tocsin.alert.delivering.history import Record, Wanted
from tocsin.alert.routing.fallback import Channel, Fallbacks
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound
from tocsin.model import outbox
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import Notice, NoticeAlert, fingerprint


class Memory:
    """A history in memory."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}

    async def begin(self, record: Record, fingerprints: tuple[str, ...]) -> Record:
        record = msgspec.structs.replace(record, id=len(self.records) + 1)
        self.records[record.id] = record
        return record

    def update(self, record: Record) -> None:
        self.records[record.id] = record

    def settle(self, ids: tuple[int, ...], state: str) -> None:
        for one in ids:
            self.records[one] = msgspec.structs.replace(self.records[one], state=state)

    async def find(self, wanted: Wanted) -> list[Record]:
        return sorted(self.records.values(), key=lambda one: -one.id)

    async def get(self, record_id: int) -> Record:
        if record_id not in self.records:
            raise NotFound("no such message")
        return self.records[record_id]


class Notes:
    """Notes that outlive a desk."""

    def __init__(self) -> None:
        self.kept: dict[str, ChannelNote] = {}

    async def save(self, notes: Iterable[ChannelNote]) -> None:
        self.kept.update({note.key: note for note in notes})

    async def forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.kept.pop(key, None)

    async def all(self) -> list[ChannelNote]:
        return list(self.kept.values())


class Sink:
    """Takes alerts about channels; `firing` are those that are not over."""

    def __init__(self, clock: FakeClock) -> None:
        self.alerts: dict[Labels, Alert] = {}
        self._clock = clock

    async def put(self, alerts: Sequence[Alert]) -> None:
        self.alerts.update({alert.labels: alert for alert in alerts})

    @property
    def firing(self) -> list[dict[str, str]]:
        now = self._clock.now_ms()
        return [dict(one.labels) for one in self.alerts.values() if not one.is_resolved(now)]


class Service:
    """A receiver. `fails` gives what it raises, `asyncio.Event` to hang on, or None."""

    def __init__(self, clock: FakeClock) -> None:
        self.taken: list[tuple[float, Notice]] = []
        self.fails: Callable[[], Exception | asyncio.Event | None] = lambda: None
        self._clock = clock

    async def send(self, notice: Notice) -> None:
        outbox.sending(f"about {len(notice.alerts)}")
        found = self.fails()
        if isinstance(found, asyncio.Event):
            await found.wait()
        elif found is not None:
            raise found
        outbox.answered("ok")
        self.taken.append((self._clock.monotonic(), notice))

    @property
    def at(self) -> list[float]:
        return [at for at, _ in self.taken]


class DeskWorld:
    """Receivers `slack`, `sms` and `mail`, one channel each; slack falls back to the others."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.history = Memory()
        self.notes = Notes()
        self.sink = Sink(clock)
        self.services = {name: Service(clock) for name in ("slack", "sms", "mail")}
        self.fallbacks = Fallbacks({Channel("slack"): (Channel("sms"),)}, always=("mail",))
        self.desk = Desk(clock, self.history, self.notes)
        self.canaries = Canaries(self.desk, clock)

    async def start(self) -> None:
        """As a new process would, on the same notes."""
        self.desk = Desk(self.clock, self.history, self.notes)
        self.canaries = Canaries(self.desk, self.clock)
        self.desk.alarms.sink = self.canaries.sink = self.sink
        self.canaries.load(await self.desk.load())
        integrations = {
            name: (Integration(name, name, 0, service, sends_resolved=True),)
            for name, service in self.services.items()
        }
        self.desk.configure(integrations, self.fallbacks)

    def channel(self, name: str) -> Integration:
        return self.desk.integrations[Channel(name, f"{name}[0]")]

    async def tell(self, notice: Notice, limit_seconds: float = 300.0, to: str = "slack") -> bool:
        return await self.channel(to).deliver(notice, self.clock, limit_seconds)

    def notice(
        self,
        name: str = "Down",
        *,
        group: str = "",
        ends: bool = False,
        to: str = "slack",
        **labels: str,
    ) -> Notice:
        now = self.clock.now_ms()
        found = from_mapping({"alertname": name, **labels})
        alert = NoticeAlert(
            labels=found,
            starts_ms=now - 1000,
            ends_ms=now if ends else 0,
            fingerprint=fingerprint(found),
        )
        return Notice(
            receiver=to,
            group_key=f"{{}}:{{{group or name}}}",
            group_labels=(("alertname", name),),
            alerts=(alert,),
            at_ms=now,
        )
