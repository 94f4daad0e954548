"""Shelves in memory, and a receiver that remembers what it was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from tocsin.alert.attention.acknowledge import AckChange, Acknowledgement
from tocsin.alert.attention.silence import Silence, Silences
from tocsin.alert.deciding.book import Known
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.deciding.notification_log import LogEntry, NotificationLog
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import RoutingPlan, read_routing
from tocsin.kit.clock import FakeClock
from tocsin.kit.yaml import loads
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import Notice

V = TypeVar("V")
K = TypeVar("K")


class Shelf(Generic[K, V]):
    """What survives a restart."""

    def __init__(self, key: Callable[[V], K]) -> None:
        self.things: dict[K, V] = {}
        self._key = key
        self._changes = 0

    async def mark(self) -> tuple[int, ...]:
        return (self._changes,)

    def touch(self) -> None:
        """As when somebody else has changed something."""
        self._changes += 1

    async def save(self, values: Iterable[V]) -> None:
        self._changes += 1
        self.things.update({self._key(value): value for value in values})

    async def forget(self, keys: Iterable[K]) -> None:
        self._changes += 1
        for key in keys:
            self.things.pop(key, None)

    async def all(self) -> list[V]:
        return list(self.things.values())


class AckShelf(Shelf[str, Acknowledgement]):
    """Acknowledgements that survive a restart."""

    def __init__(self) -> None:
        super().__init__(lambda one: one.fingerprint)

    async def give_back(self, change: AckChange) -> None:
        await self.forget([change.fingerprint])


class Recorder:
    """A receiver; raises the first of `faults` instead, when there is one."""

    def __init__(self, clock: FakeClock) -> None:
        self.taken: list[tuple[float, Notice]] = []
        self.faults: list[Exception] = []
        self.is_broken: Callable[[], Exception | None] = lambda: None
        self._clock = clock

    async def send(self, notice: Notice) -> None:
        if self.faults:
            raise self.faults.pop(0)
        fault = self.is_broken()
        if fault is not None:
            raise fault
        self.taken.append((self._clock.monotonic(), notice))

    @property
    def told(self) -> list[tuple[float, str, list[str]]]:
        """When, the status, and the alerts' `instance`, `alertname` without one."""
        return [
            (
                at,
                notice.status,
                [
                    f"{'-' if alert.ends_ms else '+'}"
                    f"{dict(alert.labels).get('instance') or dict(alert.labels)['alertname']}"
                    for alert in notice.alerts
                ],
            )
            for at, notice in self.taken
        ]


class World:
    """A dispatcher that can be restarted, as after kill -9, on what it kept."""

    def __init__(self, clock: FakeClock, text: str) -> None:
        self.clock = clock
        self.plan: RoutingPlan = read_routing(loads(text, "alertmanager.yml"))
        self.alerts: Shelf[Labels, Known] = Shelf(lambda known: known.alert.labels)
        self.silences: Shelf[str, Silence] = Shelf(lambda silence: silence.id)
        self.log: Shelf[str, LogEntry] = Shelf(lambda entry: entry.key)
        self.recorders = {name: Recorder(clock) for name in self.plan.receivers}
        self.dispatcher = self._made()

    def _made(self) -> Dispatcher:
        silences = Silences(self.silences, self.clock)
        return Dispatcher(self.clock, self.alerts, NotificationLog(self.log), silences)

    async def start(self) -> None:
        """As a new process would."""
        self.dispatcher = self._made()
        await self.dispatcher.load()
        integrations = {
            name: (Integration(name, "test", 0, recorder, sends_resolved=True),)
            for name, recorder in self.recorders.items()
        }
        self.dispatcher.configure(self.plan, integrations)

    async def tell(self, *, ends: bool = False, timeout: int = 0, **labels: str) -> None:
        """An alert from outside; `timeout` seconds until its end when that is told."""
        now = self.clock.now_ms()
        ends_ms = now if ends else now + timeout * 1000 if timeout else 0
        alert = Alert(labels=from_mapping(labels), starts_ms=now, ends_ms=ends_ms, source="api")
        await self.dispatcher.put([alert])
