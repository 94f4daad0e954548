"""Who said when that it ran? Kept before it is answered; asked of as a scrape."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Permanent, TooMuch
from tocsin.scrape.fetch import Answer
from tocsin.scrape.http_options import HttpOptions
from tocsin.state.settings import Settings
from tocsin.uptime.heartbeats.config import HeartbeatConfig
from tocsin.uptime.heartbeats.exposed import exposition
from tocsin.uptime.heartbeats.pulse import Pulse, Signal

BUILT_IN: Final = "heartbeats"
"""What stands for all of them in `scrape.target.BUILT_IN`."""

NOBODYS: Final = "no program has this address; the page Uptime tells that of each"

_SETTING: Final = "heartbeat:"
_SECRET: Final = "heartbeats.secret"
_MOST_A_MINUTE = 60
_MINUTE_SECONDS = 60.0
_KEY_LENGTH = 22
_heard = gauge.counter("pings", "Signals of programs that say when they run.", ("signal",))


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One program, and what is known of it."""

    config: HeartbeatConfig
    key: str
    """The last part of its address."""
    pulse: Pulse


class HeartbeatBook:
    """All programs by their keys. Implements `scrape.loop.Getter`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._secret = ""
        self._configs: dict[str, HeartbeatConfig] = {}
        self._recent: dict[str, deque[float]] = {}
        self._hearing = asyncio.Lock()

    async def configure(self, configs: Iterable[HeartbeatConfig]) -> None:
        """Listen for these from now on. The past of those that are gone is kept."""
        wanted = tuple(configs)
        if wanted and not self._secret:
            self._secret = await self._settings.get(_SECRET, str, "")
            if not self._secret:
                self._secret = secrets.token_hex(32)
                await self._settings.set(_SECRET, self._secret, by="tocsin")
        self._configs = {self._key_of(one): one for one in wanted}
        self._recent = {key: self._recent.get(key, deque()) for key in self._configs}

    def __len__(self) -> int:
        return len(self._configs)

    def knows(self, key: str) -> bool:
        """Whether it is a program's."""
        return key in self._configs

    async def all(self) -> list[Heartbeat]:
        """Every program, in the order of the configuration. Raises Temporary when it cannot be
        read."""
        kept = {one.key: one.value for one in await self._settings.all()}
        return [
            Heartbeat(config, key, _pulse(kept.get(_SETTING + config.name), config.name))
            for key, config in self._configs.items()
        ]

    async def hear(self, key: str, signal: Signal, *, exit_code: int = 0, words: str = "") -> None:
        """Take a signal; it is kept when this returns. Raises NotFound for a key of nobody, TooMuch
        beyond 60 a minute, Temporary when it cannot be kept."""
        config = self._configs.get(key)
        if config is None:
            raise NotFound(NOBODYS)
        self._limit(key)
        name = _SETTING + config.name
        async with self._hearing:  # what comes at once must not undo each other
            before = await self._settings.get(name, Pulse, Pulse())
            now = self._clock.now_ms()
            after = before.heard(signal, now, exit_code=exit_code, words=words)
            await self._settings.set(name, after, by="ping")
        _heard.labels(signal.value).inc()

    async def get(
        self,
        url: str,
        options: HttpOptions,
        headers: Mapping[str, str],
        *,
        timeout: float,
        limit_bytes: int,
    ) -> Answer:
        """How all of them are, as text 0.0.4. Raises Temporary when it cannot be read."""
        found = [(one.config, one.pulse) for one in await self.all()]
        body = exposition(found, self._clock.now_ms())
        return Answer(200, "text/plain; version=0.0.4", body, len(body))

    def _key_of(self, config: HeartbeatConfig) -> str:
        if config.key is not None:
            return config.key.reveal()
        mark = hmac.new(self._secret.encode(), config.name.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mark).decode()[:_KEY_LENGTH]

    def _limit(self, key: str) -> None:
        recent, now = self._recent[key], self._clock.monotonic()
        while recent and recent[0] <= now - _MINUTE_SECONDS:
            recent.popleft()
        if len(recent) >= _MOST_A_MINUTE:
            raise TooMuch(
                f"more than {_MOST_A_MINUTE} signals in a minute; a program says when it runs",
                retry_after=_MINUTE_SECONDS,
            )
        recent.append(now)


def _pulse(kept: msgspec.Raw | None, name: str) -> Pulse:
    if kept is None:
        return Pulse()
    try:
        return msgspec.json.decode(kept, type=Pulse)
    except msgspec.DecodeError as error:
        raise Permanent(f"what is kept of the heartbeat {name!r} is damaged: {error}") from error
