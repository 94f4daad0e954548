"""What people have said about alerts, where that is kept, and who watches over Tocsin itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from tocsin.alert.attention.acknowledge import AckChange, Acknowledgement, Acknowledgements
from tocsin.alert.attention.announce import Announcer
from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.attention.window import Window
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.delivering.heartbeat import Heartbeat
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.pulse import Evaluated, RuleWatch
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent, Temporary
from tocsin.kit.tasks import Tasks
from tocsin.model.errands import NOTHING, Plan
from tocsin.model.labels import Labels
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.http_options import HttpOptions
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ACKNOWLEDGEMENTS, MAINTENANCE

_log = log.get("attention")
_PLAIN = HttpOptions()
_LARGEST_ANSWER_BYTES = 1 << 20
_TIDY_SECONDS = 600.0
_TAKE_OVER_SECONDS = 5.0
_PAST_MS = 31 * 86_400_000
"""How far back the calendar shows windows that the configuration gives in words."""


Follow = Callable[[Sequence[AckChange]], Plan]
"""Which errands follow from acknowledgements; pure."""


class KeptAcknowledgements:
    """Acknowledgements on their shelf, together with the errands that follow from them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._shelf = Shelf(database, ACKNOWLEDGEMENTS)
        self._clock = clock
        self._follow: Follow = lambda changes: NOTHING
        self._wake: Callable[[], None] = lambda: None

    def follow(self, follow: Follow, wake: Callable[[], None]) -> None:
        """Have its plan carried out in the transaction of each change, and be woken after it."""
        self._follow, self._wake = follow, wake

    async def save(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        """Keep them, replacing those of the same alert."""
        fresh = list(acknowledgements)
        kept = {one.fingerprint: _kept(one, one.at_ms) for one in fresh}
        plan = self._follow([AckChange.of(one) for one in fresh])
        await self._shelf.save(kept, plan, now_ms=self._clock.now_ms())
        self._wake()

    async def forget(self, fingerprints: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(fingerprints)

    async def give_back(self, change: AckChange) -> None:
        """Keep that one no longer, because somebody said so."""
        plan = self._follow([change])
        await self._shelf.forget([change.fingerprint], plan, now_ms=self._clock.now_ms())
        self._wake()

    async def all(self) -> list[Acknowledgement]:
        """Every one."""
        kept = await self._shelf.all()
        return await asyncio.to_thread(
            lambda: [msgspec.json.decode(one.content, type=Acknowledgement) for one in kept]
        )

    async def mark(self) -> tuple[int, int, int]:
        """What differs as soon as any of them does."""
        return await self._shelf.mark()


class KeptWindows:
    """Maintenance windows on their shelf."""

    def __init__(self, database: Database) -> None:
        self._shelf = Shelf(database, MAINTENANCE)

    async def save(self, windows: Iterable[Window]) -> None:
        """Keep them, replacing those of the same id."""
        await self._shelf.save({one.id: _kept(one, one.updated_ms) for one in windows})

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""
        await self._shelf.forget(ids)

    async def all(self) -> list[Window]:
        """Every one."""
        return [msgspec.json.decode(one.content, type=Window) for one in await self._shelf.all()]

    async def mark(self) -> tuple[int, int, int]:
        """What differs as soon as any of them does."""
        return await self._shelf.mark()


class HttpCaller:
    """Calls the address of a heartbeat."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def call(self, method: str, url: str, body: bytes, timeout: float) -> None:
        """Raises Temporary or Permanent, without the address, when the answer is not 2xx."""
        if method == "GET":
            answer = await self._fetcher.get(
                url, _PLAIN, {}, timeout=timeout, limit_bytes=_LARGEST_ANSWER_BYTES
            )
        else:
            answer = await self._fetcher.post(
                url,
                _PLAIN,
                {},
                body,
                timeout=timeout,
                limit_bytes=_LARGEST_ANSWER_BYTES,
                method=method,
            )
        if 200 <= answer.status < 300:
            return
        words = f"the heartbeat's service answers status {answer.status}"
        raise (Temporary if answer.status in (408, 429) or answer.status >= 500 else Permanent)(
            words
        )


class Attention:
    """Who has taken on what, and what is being worked on; kept before alerts are told."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.kept = KeptAcknowledgements(database, clock)
        self.acknowledgements = Acknowledgements(self.kept, clock)
        self.maintenance = Maintenance(KeptWindows(database), clock)

    async def load(self) -> None:
        """Read what an earlier process kept; to be done before alerts are told."""
        await self.acknowledgements.load()
        await self.maintenance.load()


class Watch:
    """Tells authors of the end of their silences, raises the alarm when rules are not evaluated,
    and sends a sign of life out for as long as they are."""

    def __init__(
        self,
        attention: Attention,
        dispatcher: Dispatcher,
        rules: Callable[[], Sequence[GroupRun]],
        clock: Clock,
    ) -> None:
        self._attention = attention
        self._dispatcher = dispatcher
        self._clock = clock
        self._fetcher = Fetcher(clock, Path(), connections=4)
        self.rules = RuleWatch(lambda: [_evaluated(one) for one in rules()], dispatcher, clock)
        self.announcer = Announcer(dispatcher.silences, self._firing, dispatcher, clock)
        self.heartbeat = Heartbeat(HttpCaller(self._fetcher), lambda: self.rules.trouble, clock)

    async def apply(self, config: AlertingConfig, external_url: str, folder: Path) -> None:
        """Put a configuration in force."""
        since = self._clock.now_ms() - _PAST_MS
        windows = [one.window(since) for one in config.maintenance]
        await self._attention.maintenance.configure(windows)
        self.announcer.lead_ms = config.announce_silences.ms
        self.announcer.external_url = self.rules.external_url = external_url
        self.heartbeat.configure(config.heartbeat, folder)

    def start(self, tasks: Tasks) -> None:
        """Begin to watch; to be done once rules are evaluated."""
        tasks.start("rule_watch", self.rules.run)
        tasks.start("silence_announcer", self.announcer.run)
        tasks.start("heartbeat", self.heartbeat.run)
        tasks.start("attention", self._tidy)
        tasks.start("attention_elsewhere", self._take_over)

    async def close(self) -> None:
        """Close all connections."""
        await self._fetcher.close()

    async def _take_over(self) -> None:
        """What other nodes of the same database were told counts here too, within seconds."""
        while True:
            await self._clock.sleep(_TAKE_OVER_SECONDS)
            try:
                await self._attention.acknowledgements.take_over()
                await self._attention.maintenance.take_over()
                await self._dispatcher.silences.take_over()
            except Temporary as error:
                _log.warning("not_taken_over", error=str(error))

    async def _tidy(self) -> None:
        """Forget what is over, every ten minutes."""
        while True:
            await self._clock.sleep(_TIDY_SECONDS)
            try:
                await self._attention.acknowledgements.tidy()
                await self._attention.maintenance.tidy()
            except Temporary as error:
                _log.warning("not_tidied", error=str(error))

    def _firing(self) -> list[Labels]:
        return [one.alert.labels for one in self._dispatcher.states()]


def _evaluated(run: GroupRun) -> Evaluated:
    return Evaluated(run.group.key, run.group.interval_ms, run.evaluated_ms, run.missed)


def _kept(value: object, updated_at: int) -> Kept:
    return Kept(content=msgspec.json.encode(value), updated_at=updated_at)
