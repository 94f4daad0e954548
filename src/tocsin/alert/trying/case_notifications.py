"""Who is notified in a rule test, when, and with what text? By the dispatcher that runs live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from tocsin.alert.attention.silence import Silence, Silences
from tocsin.alert.deciding.book import Known
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.alert.deciding.notification_log import LogEntry, NotificationLog
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.trying.case_file import ExpectedNotification, NotificationTest
from tocsin.alert.trying.rehearsal import Unkept
from tocsin.kit.clock import Clock, FakeClock
from tocsin.kit.document import nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.model import labels as model
from tocsin.model.labels import Labels
from tocsin.model.notices import Notice

_SHOWN = 1_000
_STEP_MS = 10_000
_DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Told:
    """A message that would have gone out: `text` is its body; `error` why it could not be made."""

    integration: str
    notice: Notice
    text: str
    error: str = ""


class Teller(Protocol):
    """Makes the routes and ways of telling of an `alertmanager.yml`."""

    def __call__(
        self, file: Path, clock: Clock, external_url: str, told: list[Told]
    ) -> tuple[RoutingPlan, Mapping[str, Sequence[Integration]]]:
        """Senders that write what they would send into `told`. Raises Rejected."""


class CaseNotifications:
    """The notifications of one test; a context within which its dispatcher runs.

    Raises Rejected when the `alertmanager.yml` is wrong.
    """

    def __init__(self, file: Path, teller: Teller, external_url: str, start_ms: int = 0) -> None:
        """`start_ms` is the moment from which the test counts."""
        self._start_ms = start_ms
        self._clock = FakeClock(start_ms / 1000)
        self._told: list[Told] = []
        self._plan, self._integrations = teller(file, self._clock, external_url, self._told)
        alerts: Unkept[Labels, Known] = Unkept()
        log: Unkept[str, LogEntry] = Unkept()
        silences: Unkept[str, Silence] = Unkept()
        self.dispatcher = Dispatcher(
            self._clock, alerts, NotificationLog(log), Silences(silences, self._clock)
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> CaseNotifications:
        await self.dispatcher.load()
        self.dispatcher.configure(self._plan, self._integrations)
        self._running = asyncio.create_task(self.dispatcher.run(), name="tested dispatch")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def until(self, at_ms: int) -> None:
        """Let time pass up to that many milliseconds after the start."""
        while (ahead_ms := self._start_ms + at_ms - self._clock.now_ms()) > 0:
            # Mails are made in threads: no message may run out of time while virtual time passes.
            await self._clock.advance(min(ahead_ms, _STEP_MS) / 1000)
            await self.dispatcher.drain(_DRAIN_SECONDS)

    async def checked(self, test: NotificationTest) -> list[str]:
        """What was not as the test expects."""
        if test.receiver not in self._plan.receivers:
            near = nearest(test.receiver, self._plan.receivers)
            hint = f'; did you mean "{near}"?' if near else ""
            raise Rejected(f"there is no receiver {test.receiver!r}{hint}")
        await self.until(test.eval_time.ms)
        since_ms = self._start_ms + (-1 if test.since is None else test.since.ms)
        got = [
            told
            for told in self._told
            if told.notice.receiver == test.receiver and told.notice.at_ms > since_ms
        ]
        where = f"receiver: {test.receiver}, time: {test.eval_time}"
        if len(got) != len(test.exp_notifications):
            said = "\n            ".join(map(self._words, got)) or "none"
            count = len(test.exp_notifications)
            return [f"{where}\n  expected: {count} notifications\n  got:      {said}"]
        return [
            f"{where}, notification {number}\n  {problem}"
            for number, (one, told) in enumerate(zip(test.exp_notifications, got, strict=True), 1)
            for problem in _problems(one, told, self._after(told))
        ]

    def _after(self, told: Told) -> str:
        """How long after the start it was told."""
        return str(Duration((told.notice.at_ms - self._start_ms) / 1000))

    def _words(self, told: Told) -> str:
        alerts = _labels([alert.labels for alert in told.notice.alerts])
        return f"at {self._after(told)} {told.integration} {told.notice.status}: {alerts}"


def _problems(one: ExpectedNotification, told: Told, after: str) -> Iterator[str]:
    notice = told.notice
    if told.error:
        yield f"{told.integration} could not make it: {told.error}"
    for name, expected, got in (
        ("at", str(one.exp_at) if one.exp_at is not None else "", after),
        ("status", one.exp_status, notice.status),
        ("integration", one.exp_integration, told.integration),
    ):
        if expected and expected != got:
            yield f"expected {name}: {expected}\n  got {name}:      {got}"
    if one.exp_alerts is not None:
        wanted = sorted(model.from_mapping(alert.exp_labels) for alert in one.exp_alerts)
        found = sorted(alert.labels for alert in notice.alerts)
        if wanted != found:
            yield f"expected alerts: {_labels(wanted)}\n  got alerts:      {_labels(found)}"
    for text in one.exp_text:
        if text not in told.text:
            yield f"expected text: {text}\n  got text:      {told.text[:_SHOWN]}"


def _labels(found: Sequence[Labels]) -> str:
    texts = (", ".join(f'{name}="{value}"' for name, value in one) for one in found)
    return "; ".join(f"{{{text}}}" for text in texts) or "none"
