"""How is one message brought to its receiver: tried again until it arrives or its time is over?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.model.notices import Notice

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
        """Raises Temporary (try again), Rejected or Permanent (the same message fails again)."""


@dataclass(slots=True)
class Failure:
    """The last thing that went wrong with an integration; `error` is empty when all is well."""

    error: str = ""
    at_ms: int = 0


class Integration:
    """One way in which a receiver is told. At most 16 messages are on their way at once."""

    def __init__(
        self, receiver: str, kind: str, index: int, sender: Sender, *, sends_resolved: bool
    ) -> None:
        self.receiver = receiver
        self.kind = kind
        self.index = index
        self.sends_resolved = sends_resolved
        self.failure = Failure()
        self._sender = sender
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._not_before = 0.0
        _sent.labels(receiver, kind)  # so that a rate over it begins at zero

    @property
    def name(self) -> str:
        """ "slack[0]"."""
        return f"{self.kind}[{self.index}]"

    async def deliver(self, notice: Notice, clock: Clock, limit_seconds: float) -> bool:
        """Try until the message is taken, it is refused, or the limit is over."""
        end = clock.monotonic() + limit_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._wait_for_leave(clock, end)
                await self._attempt(notice, clock)
            except (Rejected, Permanent) as error:
                return self._gave_up(notice, clock, "refused", str(error))
            except Temporary as error:
                self.failure = Failure(str(error), clock.now_ms())
                wait = max(pause, error.retry_after or 0.0)
                if error.retry_after:
                    self._not_before = clock.monotonic() + error.retry_after
                if clock.monotonic() + wait >= end:
                    return self._gave_up(notice, clock, "timeout", str(error))
                _retried.labels(self.receiver, self.kind).inc()
                await clock.sleep(wait)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                self.failure = Failure()
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

    async def _attempt(self, notice: Notice, clock: Clock) -> None:
        async with self._turns:
            began = clock.monotonic()
            try:
                async with asyncio.timeout(_SEND_SECONDS):
                    await self._sender.send(notice)
            except TimeoutError as error:
                raise Temporary(f"no answer within {_SEND_SECONDS:g} s") from error
            finally:
                _took.labels(self.kind).observe(clock.monotonic() - began)

    def _gave_up(self, notice: Notice, clock: Clock, reason: str, error: str) -> bool:
        self.failure = Failure(error, clock.now_ms())
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
