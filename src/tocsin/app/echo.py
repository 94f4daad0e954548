"""How do channels hear of what people said elsewhere? Slack's messages and PagerDuty's incidents
follow each acknowledgement, wherever it was made."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.alert.attention.acknowledge import AckChange
from tocsin.app.messages import KeptMessages
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.notify.conversation import Answering, KeptMessage

_log = log.get("echo")
_told = gauge.counter("channel_echoes", "Changes that a channel was told of.", ("channel",))
_lost = gauge.counter(
    "channel_echoes_failed", "Changes that a channel could not be told of.", ("channel",)
)
_GATHER_SECONDS = 0.2
_ATTEMPT_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_GIVE_UP_SECONDS = 900.0
_TIDY_SECONDS = 3600.0
_MOST_WORDS = 1000


@dataclass(frozen=True, slots=True)
class _Word:
    """Something to be said about a group."""

    group_id: str
    words: str


@dataclass(slots=True)
class _Late:
    """A message that could not be told of its change yet."""

    until: float
    at: float
    pause: float = _FIRST_PAUSE_SECONDS


class Echo:
    """Tells channels of changes: many at once become one; what fails is tried for 15 minutes."""

    def __init__(self, messages: KeptMessages, clock: Clock) -> None:
        self._messages = messages
        self._clock = clock
        self._senders: Mapping[str, Answering] = {}
        self._changed: set[str] = set()
        self._words: deque[_Word] = deque(maxlen=_MOST_WORDS)
        self._late: dict[str, _Late] = {}
        self._wake = asyncio.Event()
        self._tidied = clock.monotonic()

    def configure(self, senders: Mapping[str, Answering]) -> None:
        """The channels in force that can be told, by place ("team/slack[0]")."""
        self._senders = senders

    async def heard(self, change: AckChange) -> None:
        """An alert was taken on or given back; returns at once."""
        self._changed.add(change.fingerprint)
        self._wake.set()

    def say(self, group_id: str, words: str) -> None:
        """Have every channel with a thread say this about a group; returns at once."""
        self._words.append(_Word(group_id, words))
        self._wake.set()

    async def run(self) -> None:
        """Tell the channels, for ever."""
        while True:
            alarm = asyncio.create_task(self._ring(), name="echo_alarm")
            try:
                await self._wake.wait()
            finally:
                alarm.cancel()
            await self._clock.sleep(_GATHER_SECONDS)
            self._wake.clear()
            await self._turn()

    async def _ring(self) -> None:
        now = self._clock.monotonic()
        due = min((one.at for one in self._late.values()), default=now + _TIDY_SECONDS)
        await self._clock.sleep(max(0.0, due - now))
        self._wake.set()

    async def _turn(self) -> None:
        changed, self._changed = self._changed, set()
        now = self._clock.monotonic()
        keys = {one.key for one in self._messages.about(changed)}
        keys |= {key for key, late in self._late.items() if late.at <= now}
        for key in sorted(keys):
            await self._refresh(key)
        while self._words:
            word = self._words.popleft()
            for message in self._messages.of_group(word.group_id):
                await self._said(message, word.words)
        if now - self._tidied >= _TIDY_SECONDS:
            self._tidied = now
            await self._messages.tidy()

    async def _refresh(self, key: str) -> None:
        message = self._messages.get(key)
        sender = self._senders.get(message.place) if message else None
        if message is None or sender is None:
            self._late.pop(key, None)
            return
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                await sender.refresh(message)
        except (Temporary, TimeoutError) as error:
            self._put_off(message, error)
        except Fault as error:
            self._gave_up(message, error)
        else:
            self._late.pop(key, None)
            _told.labels(message.place).inc()

    def _put_off(self, message: KeptMessage, error: Exception) -> None:
        now = self._clock.monotonic()
        late = self._late.setdefault(message.key, _Late(now + _GIVE_UP_SECONDS, now))
        asked = error.retry_after if isinstance(error, Temporary) else None
        late.at = now + max(late.pause, asked or 0.0)
        late.pause = min(late.pause * 2, _LONGEST_PAUSE_SECONDS)
        if late.at > late.until:
            self._gave_up(message, error)

    def _gave_up(self, message: KeptMessage, error: Exception) -> None:
        self._late.pop(message.key, None)
        _lost.labels(message.place).inc()
        _log.error(
            "channel_not_told", channel=message.place, group=message.group_key, error=str(error)
        )

    async def _said(self, message: KeptMessage, words: str) -> None:
        sender = self._senders.get(message.place)
        if sender is None:
            return
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                await sender.say(message, words)
        except (Fault, TimeoutError) as error:
            _lost.labels(message.place).inc()
            _log.warning("channel_not_told", channel=message.place, error=str(error))
