"""Alerts that are kept, routed and told: what the rooms `alert`, `notify` and `state` come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tocsin.alert.attention.silence import Silence, Silences
from tocsin.alert.deciding.book import Known
from tocsin.alert.deciding.circumstances import Beyond
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.deciding.notification_log import LogEntry, NotificationLog
from tocsin.alert.deciding.turns import in_turns
from tocsin.alert.routing.fallback import Fallbacks
from tocsin.app.alert_calls import AlertCalls
from tocsin.app.answering import AnsweredChannels
from tocsin.app.attention import Attention
from tocsin.app.config import Loaded
from tocsin.app.notifications import Notifications
from tocsin.app.receipts import KeptFlaps, KeptReceipts
from tocsin.app.receivers import receivers_alone, receivers_of
from tocsin.kit.clock import Clock
from tocsin.kit.tasks import Tasks
from tocsin.model.labels import Labels
from tocsin.scrape.fetch import Fetcher
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ALERTS, NOTIFICATION_LOG, SILENCES

_DRAIN_SECONDS = 2.0


class KeptAlerts:
    """Alerts on their shelf."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, ALERTS)

    async def save(self, known: Iterable[Known]) -> None:
        """Keep them, replacing those of the same labels."""
        await self._shelf.save(
            {
                _key(one.alert.labels): _kept(one, one.alert.updated_ms)
                async for one in in_turns(known)
            }
        )

    async def forget(self, labels: Iterable[Labels]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(_key(one) for one in labels)

    async def of(self, labels: Iterable[Labels]) -> dict[Labels, Known]:
        """Those of these labels that are kept, by whichever node."""
        keys = {_key(one): one for one in labels}
        found = await self._shelf.some(keys)
        return {
            keys[key]: msgspec.json.decode(kept.content, type=Known) for key, kept in found.items()
        }

    async def all(self) -> list[Known]:
        """Every one."""
        return [msgspec.json.decode(one.content, type=Known) for one in await self._shelf.all()]


class KeptSilences:
    """Silences on their shelf."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, SILENCES)

    async def save(self, silences: Iterable[Silence]) -> None:
        """Keep them, replacing those of the same id."""
        await self._shelf.save({one.id: _kept(one, one.updated_ms) for one in silences})

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(ids)

    async def all(self) -> list[Silence]:
        """Every one."""
        return [msgspec.json.decode(one.content, type=Silence) for one in await self._shelf.all()]

    async def mark(self) -> tuple[int, int, int]:
        """What differs as soon as any of them does."""
        return await self._shelf.mark()


class KeptLog:
    """The notification log on its shelf."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, NOTIFICATION_LOG)

    async def save(self, entries: Iterable[LogEntry]) -> None:
        """Keep them, replacing those of the same key."""
        await self._shelf.save({one.key: _kept(one, one.sent_ms) for one in entries})

    async def forget(self, keys: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(keys)

    async def all(self) -> list[LogEntry]:
        """Every one."""
        return [msgspec.json.decode(one.content, type=LogEntry) for one in await self._shelf.all()]


def _key(labels: Labels) -> str:
    return msgspec.json.encode(labels).decode()


def _kept(value: object, updated_at: int) -> Kept:
    return Kept(content=msgspec.json.encode(value), updated_at=updated_at)


class Alerting:
    """The dispatcher with its senders; `start`, `apply` for each configuration, `stop`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.attention = Attention(database, clock)
        self.notifications = Notifications(database, clock)
        self.receipts = KeptReceipts(database, clock)
        self.kept = KeptAlerts(database)
        self.dispatcher = Dispatcher(
            clock,
            self.kept,
            NotificationLog(KeptLog(database)),
            Silences(KeptSilences(database), clock),
            Beyond(
                acknowledgements=self.attention.acknowledgements,
                maintenance=self.attention.maintenance,
                flaps=KeptFlaps(database),
                receipts=self.receipts,
            ),
        )
        self.answered = AnsweredChannels(
            database, clock, self.dispatcher, self.attention.acknowledgements
        )
        self.notifications.raise_alerts_at(self.dispatcher)
        self._clock = clock
        self._fetcher = Fetcher(clock, Path(), connections=64)
        self.doors = self.answered.doors(self._fetcher)
        self._warnings: Sequence[str] = ()
        self.calls: AlertCalls | None = None
        """Calls people whom severities name."""

    @property
    def warnings(self) -> Sequence[str]:
        """What the author of routes and receivers should know."""
        return self._warnings

    async def start(self, loaded: Loaded, external_url: str, tasks: Tasks) -> None:
        """Read what is kept, and begin to tell."""
        await self.attention.load()
        await self.answered.load()
        await self.notifications.load(tasks)
        await self.dispatcher.load()
        await self.apply(loaded, external_url)
        tasks.start("dispatch", self.dispatcher.run)
        self.receipts.start(tasks)
        self.notifications.start(tasks)
        tasks.start("acknowledgements", self.attention.acknowledgements.run)
        self.answered.start(tasks)

    async def apply(self, loaded: Loaded, external_url: str) -> None:
        """Put a configuration in force; raises ConfigError before anything has changed."""
        talk = self.answered.conversation(loaded.config)
        found = receivers_of(
            loaded, self._fetcher, self._clock, external_url, talk, lambda: self.calls
        )
        self._fetcher.folder = loaded.alertmanager_folder
        config = loaded.config.alerting
        if found is None:
            alone = receivers_alone(loaded, self._fetcher, self._clock, external_url, talk)
            self.answered.apply(loaded.config, alone.senders)
            self._warnings = ()
            self.notifications.configure(alone.integrations, Fallbacks(), config, external_url)
            self.dispatcher.configure(None, {}, config)
            return
        self.answered.apply(loaded.config, found.senders)
        self._warnings = found.warnings
        fallbacks = found.plan.fallbacks
        self.notifications.configure(found.integrations, fallbacks, config, external_url)
        self.dispatcher.configure(found.plan, found.integrations, config)

    async def stop(self) -> None:
        """Let what is on its way arrive, for 2 s; what does not is told after the next start."""
        await self.dispatcher.drain(_DRAIN_SECONDS)
        await self.notifications.history.flush()
        self.dispatcher.receipts.close()
        await self.receipts.flush()

    async def close(self) -> None:
        """Close all connections; to be done once nothing is told any more."""
        await self._fetcher.close()
