"""How is one message brought to its receiver: tried again until it arrives or its time is over?"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from tocsin.alert.delivering.history import (
    FAILED,
    RETRYING,
    SENT,
    UNKNOWN,
    Attempt,
    History,
    Record,
)
from tocsin.alert.routing.fallback import Channel
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.model.notices import Notice
from tocsin.model.outbox import Outbox, watch

if TYPE_CHECKING:
    from tocsin.alert.delivering.desk import Desk

T = TypeVar("T")

_log = log.get("notify")
_sent = gauge.counter(
    "notifications", "Messages that a receiver took.", ("receiver", "integration")
)
_failed = gauge.counter(
    "notifications_failed",
    "Messages that a receiver did not take, by why no more was tried.",
    ("receiver", "integration", "reason"),
)
_retried = gauge.counter(
    "notification_retries", "Attempts that failed and were repeated.", ("receiver", "integration")
)
_took = gauge.histogram(
    "notification_latency_seconds", "How long a receiver took to answer.", ("integration",)
)
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
_SEND_SECONDS = 60.0
_AT_ONCE = 16


class Sender(Protocol):
    """Brings one message to one receiver, once."""

    async def send(self, notice: Notice) -> None:
        """Raises Temporary (try again), Rejected or Permanent (the same message fails again).
        What it sends and is answered it tells `model.outbox`."""


@dataclass(slots=True)
class Failure:
    """The last thing that went wrong with an integration; `error` is empty when all is well."""

    error: str = ""
    at_ms: int = 0
    since_ms: int = 0
    """The first failure since a message arrived."""
    is_refused: bool = False
    """Whether trying the same message again is of no use."""

    arrived_ms: int = 0
    """When a message arrived last."""

    def arrived(self, now_ms: int) -> None:
        """All is well."""
        self.error, self.at_ms, self.since_ms, self.is_refused = "", 0, 0, False
        self.arrived_ms = now_ms


class Story:
    """What becomes of one message, told to the history as it happens."""

    def __init__(self, history: History, record: Record) -> None:
        self.record = record
        self._history = history

    def attempted(self, attempt: Attempt, state: str, body: str) -> None:
        """Another attempt is over."""
        self.record = self.record.attempted(attempt, state, body)
        self._history.update(self.record)

    def given_up(self) -> None:
        """No more is tried until the group's next turn."""
        self.record = msgspec.structs.replace(self.record, state=FAILED)
        self._history.update(self.record)


class Integration:
    """One way in which a receiver is told. At most 16 messages are on their way at once.

    With a desk its messages are recorded, capped, and told to others while it fails.
    """

    def __init__(
        self,
        receiver: str,
        kind: str,
        index: int,
        sender: Sender,
        *,
        sends_resolved: bool,
    ) -> None:
        self.receiver = receiver
        self.kind = kind
        self.index = index
        self.sends_resolved = sends_resolved
        self.failure = Failure()
        self._sender = sender
        self._desk: Desk | None = None
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._not_before = 0.0
        _sent.labels(receiver, kind)  # so that a rate over it begins at zero

    @property
    def name(self) -> str:
        """ "slack[0]"."""
        return f"{self.kind}[{self.index}]"

    @property
    def channel(self) -> Channel:
        """What names it beyond its receiver."""
        return Channel(self.receiver, self.name)

    def attended(self, desk: Desk, failure: Failure) -> None:
        """From now on the desk sees to its messages; `failure` outlives this object."""
        self._desk, self.failure = desk, failure

    async def deliver(self, notice: Notice, clock: Clock, limit_seconds: float) -> bool:
        """Bring it, or see to it that it is not lost: whether the dispatcher may call it told."""
        if self._desk is None:
            return await self.bring(notice, clock, limit_seconds)
        return await self._desk.deliver(self, notice, clock, limit_seconds)

    async def bring(
        self,
        notice: Notice,
        clock: Clock,
        limit_seconds: float,
        story: Story | None = None,
        *,
        answer_seconds: float = _SEND_SECONDS,
    ) -> bool:
        """Try until the message is taken, it is refused, or the limit is over."""
        end = clock.monotonic() + limit_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._wait_for_leave(clock, end)
                await self._attempt(notice, clock, story, answer_seconds)
            except (Rejected, Permanent) as error:
                self.failure.is_refused = True
                return self._gave_up(notice, clock, story, "refused", str(error))
            except Temporary as error:
                self.failure.is_refused = False
                self._failed(str(error), clock)
                wait = max(pause, error.retry_after or 0.0)
                if error.retry_after:
                    self._not_before = clock.monotonic() + error.retry_after
                if clock.monotonic() + wait >= end:
                    return self._gave_up(notice, clock, story, "timeout", str(error))
                _retried.labels(self.receiver, self.kind).inc()
                await clock.sleep(wait)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                self.failure.arrived(clock.now_ms())
                _sent.labels(self.receiver, self.kind).inc()
                return True

    async def _wait_for_leave(self, clock: Clock, end: float) -> None:
        """The receiver asked everybody to wait (Retry-After), not only the message before."""
        wait = self._not_before - clock.monotonic()
        if wait <= 0:
            return
        if clock.monotonic() + wait >= end:
            raise Temporary("the receiver asked to wait longer than this message has time", wait)
        await clock.sleep(wait)

    async def _attempt(
        self, notice: Notice, clock: Clock, story: Story | None, answer_seconds: float
    ) -> None:
        async with self._turns:
            began, at_ms = clock.monotonic(), clock.now_ms()
            with watch() as outbox:
                state, why = SENT, ""
                try:
                    await within(clock, answer_seconds, self._sender.send(notice))
                except TimeoutError as error:
                    state, why = RETRYING, f"no answer within {answer_seconds:g} s"
                    raise Temporary(why) from error
                except (Rejected, Permanent) as error:
                    state, why = FAILED, outbox.mask(str(error))
                    raise
                except Temporary as error:
                    state, why = RETRYING, outbox.mask(str(error))
                    raise
                except asyncio.CancelledError:
                    state, why = UNKNOWN, "interrupted: the configuration changed, or Tocsin ended"
                    raise
                finally:
                    took = clock.monotonic() - began
                    _took.labels(self.kind).observe(took)
                    if story is not None:
                        story.attempted(_attempt_of(at_ms, took, outbox, why), state, outbox.body)

    def _failed(self, error: str, clock: Clock) -> None:
        now = clock.now_ms()
        self.failure.error, self.failure.at_ms = error, now
        self.failure.since_ms = self.failure.since_ms or now

    def _gave_up(
        self, notice: Notice, clock: Clock, story: Story | None, reason: str, error: str
    ) -> bool:
        self._failed(error, clock)
        if story is not None:
            story.given_up()
        _failed.labels(self.receiver, self.kind, reason).inc()
        _log.error(
            "notification_failed",
            receiver=self.receiver,
            integration=self.name,
            group=notice.group_key,
            reason=reason,
            error=error,
        )
        return False


def _attempt_of(at_ms: int, took_seconds: float, outbox: Outbox, error: str) -> Attempt:
    return Attempt(
        at_ms=at_ms, took_ms=round(took_seconds * 1000), answer=outbox.answer, error=error
    )


async def within(clock: Clock, seconds: float, work: Coroutine[None, None, T]) -> T:
    """The result of the work; raises TimeoutError, and cancels it, after so long by this clock."""
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        alarm.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=1.0)
