"""Receipts in memory, and what else a dispatcher works with that Alertmanager does not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.alert.memory import Recorder, Shelf
from tocsin.alert.attention.silence import Silence, SilenceMatcher, Silences
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.book import Known
from tocsin.alert.deciding.circumstances import Beyond
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.deciding.flap import FlapState
from tocsin.alert.deciding.holding import Acked
from tocsin.alert.deciding.notification_log import LogEntry, NotificationLog
from tocsin.alert.deciding.receipt import (
    Draft,
    Receipt,
    ReceiptKeeper,
    basis_of_bytes,
    encoded,
    receipt_of,
    replay,
)
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import read_routing
from tocsin.kit.clock import Clock, FakeClock
from tocsin.kit.yaml import decode, loads
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping, get
from tocsin.model.notices import Notice


class Receipted:
    """Keeps receipts as bytes, as a database does."""

    def __init__(self) -> None:
        self.rows: dict[int, bytes] = {}
        self.bases: dict[str, bytes] = {}

    def keep(self, draft: Draft) -> None:
        self.rows[draft.id] = encoded(draft.receipt())

    def keep_basis(self, basis: str, content: bytes) -> None:
        self.bases[basis] = content

    async def numbers(self, count: int, *, after: int) -> int:
        return max(after, *self.rows, 0) + 1

    def all(self) -> list[Receipt]:
        return [receipt_of(content) for content in self.rows.values()]

    def of(self, alertname: str) -> list[Receipt]:
        return [
            one
            for one in self.all()
            if get(one.inputs.facts.alert.labels, "alertname") == alertname
        ]

    def check(self) -> int:
        """Every decision is made again and found equal; returns how many there are."""
        for receipt in self.all():
            basis = basis_of_bytes(self.bases[receipt.basis])
            assert replay(receipt, basis) == receipt.decision
        return len(self.rows)


class Acks:
    """Who has taken on what."""

    def __init__(self) -> None:
        self.known: dict[str, Acked] = {}

    def of(self, fingerprint: str, now_ms: int) -> Acked | None:
        return self.known.get(fingerprint)

    async def forget(self, fingerprints: Iterable[str]) -> None:
        for one in fingerprints:
            self.known.pop(one, None)


class Windows:
    """Maintenance of everything of a service."""

    def __init__(self) -> None:
        self.services: set[str] = set()

    def covering(self, labels: Labels, now_ms: int) -> Sequence[str]:
        service = get(labels, "service")
        return (f"work on {service}",) if service in self.services else ()


class Way(Integration):
    """An integration that remembers every message it was asked to bring."""

    def __init__(self, receiver: str, index: int, sender: Recorder, *, deaf: bool) -> None:
        super().__init__(receiver, "test", index, sender, sends_resolved=not deaf)
        self.asked: list[Notice] = []

    async def deliver(self, notice: Notice, clock: Clock, limit_seconds: float) -> bool:
        self.asked.append(notice)
        return await super().deliver(notice, clock, limit_seconds)


@dataclass
class Deciding:
    """A dispatcher with everything, that can be restarted on what it kept."""

    clock: FakeClock
    routing: str
    alerting: str = "{}"
    ways: int = 1
    deaf: frozenset[str] = frozenset()
    """Integrations, as "team/test[0]", that are not told of ends."""
    receipts: Receipted = field(default_factory=Receipted)
    acks: Acks = field(default_factory=Acks)
    windows: Windows = field(default_factory=Windows)
    keeper: ReceiptKeeper | None = None
    """Where receipts are kept instead of in `receipts`."""

    def __post_init__(self) -> None:
        self.plan = read_routing(loads(self.routing, "alertmanager.yml"))
        self.config = decode(loads(self.alerting, "tocsin.yaml"), AlertingConfig)
        self.alerts: Shelf[Labels, Known] = Shelf(lambda known: known.alert.labels)
        self.silences: Shelf[str, Silence] = Shelf(lambda silence: silence.id)
        self.log: Shelf[str, LogEntry] = Shelf(lambda entry: entry.key)
        self.flaps: Shelf[str, FlapState] = Shelf(lambda state: state.fingerprint)
        self.recorders = {
            f"{name}/test[{index}]": Recorder(self.clock)
            for name in self.plan.receivers
            for index in range(self.ways)
        }
        self.integrations = {
            way: Way(way.partition("/")[0], int(way[-2]), recorder, deaf=way in self.deaf)
            for way, recorder in self.recorders.items()
        }
        self.dispatcher = self._made()

    def _made(self) -> Dispatcher:
        beyond = Beyond(self.acks, self.windows, self.flaps, self.keeper or self.receipts)
        silences = Silences(self.silences, self.clock)
        log = NotificationLog(self.log)
        return Dispatcher(self.clock, self.alerts, log, silences, beyond)

    async def start(self) -> None:
        """As a new process would."""
        self.dispatcher = self._made()
        await self.dispatcher.load()
        self.dispatcher.configure(
            self.plan,
            {
                name: tuple(one for one in self.integrations.values() if one.receiver == name)
                for name in self.plan.receivers
            },
            self.config,
        )

    @property
    def team(self) -> Recorder:
        """The first way of the receiver `team`."""
        return self.recorders["team/test[0]"]

    async def tell(self, *, ends: bool = False, timeout: int = 86_400, **labels: str) -> str:
        """An alert from outside; `timeout` seconds until its end. Returns its fingerprint."""
        now = self.clock.now_ms()
        ends_ms = now if ends else now + timeout * 1000
        alert = Alert(labels=from_mapping(labels), starts_ms=now, ends_ms=ends_ms, source="api")
        await self.dispatcher.put([alert])
        return alert.fingerprint

    async def silence(self, name: str, value: str, seconds: int) -> str:
        """Silence alerts by one label; returns the silence's id."""
        now = self.clock.now_ms()
        made = await self.dispatcher.silences.set(
            Silence(
                matchers=(SilenceMatcher(name=name, op="=", value=value),),
                starts_ms=now,
                ends_ms=now + seconds * 1000,
                created_by="me",
                comment="work",
            )
        )
        return made.id
