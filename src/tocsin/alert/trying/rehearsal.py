"""Who would have been told? The dispatcher that runs live, on virtual time, over nothing kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from tocsin.alert.attention.silence import Silence, Silences
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.book import Known
from tocsin.alert.deciding.circumstances import Beyond, Maintenance
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.deciding.notification_log import LogEntry, NotificationLog
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.kit.clock import Clock
from tocsin.model.labels import Labels
from tocsin.model.notices import Notice

V = TypeVar("V")
K = TypeVar("K")

MOST_TOLD = 500_000
"""Alerts within all messages of one rehearsal."""


class Unkept(Generic[K, V]):
    """A shelf of given things; what is saved on it is not kept."""

    def __init__(self, things: Sequence[V] = ()) -> None:
        self._things = tuple(things)

    async def save(self, values: Iterable[V]) -> None:
        """Nothing."""

    async def forget(self, keys: Iterable[K]) -> None:
        """Nothing."""

    async def all(self) -> list[V]:
        """What was given."""
        return list(self._things)

    async def mark(self) -> tuple[int, ...]:
        """Nobody else changes them."""
        return ()


class Told:
    """The messages of a rehearsal in their order, until they name too many alerts together."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Notice]] = []
        self.is_too_much = False
        self._alerts = 0

    def add(self, name: str, notice: Notice) -> None:
        """Keep one more; beyond what memory should hold nothing is kept, and that is noted."""
        self._alerts += len(notice.alerts)
        self.is_too_much = self.is_too_much or self._alerts > MOST_TOLD
        if not self.is_too_much:
            self.messages.append((name, notice))


class Recorder:
    """A sender that writes down what it would have sent."""

    def __init__(self, name: str, told: Told) -> None:
        self._name = name
        self._told = told

    async def send(self, notice: Notice) -> None:
        """As Sender; never fails."""
        self._told.add(self._name, notice)


class Rehearsal:
    """A dispatcher whose messages are written down as ("slack[0]", message) pairs.

    `live` is how receivers are told in earnest: it gives the number of integrations and whether
    each hears of ends. Nothing is sent.
    """

    def __init__(
        self,
        clock: Clock,
        plan: RoutingPlan | None,
        live: Mapping[str, Sequence[Integration]],
        silences: Sequence[Silence] = (),
        config: AlertingConfig | None = None,
        maintenance: Maintenance | None = None,
    ) -> None:
        self.told = Told()
        alerts: Unkept[Labels, Known] = Unkept()
        log: Unkept[str, LogEntry] = Unkept()
        kept: Unkept[str, Silence] = Unkept(silences)
        self.dispatcher = Dispatcher(
            clock,
            alerts,
            NotificationLog(log),
            Silences(kept, clock),
            Beyond(maintenance=maintenance),
        )
        self._plan, self._config = plan, config
        self._integrations = {
            name: tuple(
                Integration(
                    name,
                    one.kind,
                    one.index,
                    Recorder(one.name, self.told),
                    sends_resolved=one.sends_resolved,
                )
                for one in ways
            )
            for name, ways in live.items()
        }

    async def open(self) -> None:
        """Take over the silences, and put the routes in force."""
        await self.dispatcher.load()
        self.dispatcher.configure(self._plan, self._integrations, self._config)
