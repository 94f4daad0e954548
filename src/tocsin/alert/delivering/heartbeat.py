"""Who notices when Tocsin itself is gone? A service outside that waits for a sign of life.

The form is that of Healthchecks: an address that is called again and again, and the same address
with `/fail` behind it when something is wrong (https://healthchecks.io/docs/http_api/).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Rejected, Temporary
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret, read_secret

_log = log.get("heartbeat")
_beats = gauge.counter("heartbeats", "Signs of life sent out.", ("kind", "result"))
_last = gauge.gauge("heartbeat_last_success_timestamp_seconds", "When one was last taken.")
_RETRY_SECONDS = 5.0
_ATTEMPTS = 3
_IDLE_SECONDS = 15.0
_LEAST_SECONDS = 5.0


class HeartbeatConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life to a service outside (Healthchecks, Dead Man's Snitch, Better Stack, another
    Tocsin), which raises the alarm when it stays away."""

    url: Secret | None = None
    """The address to call; a secret, as whoever knows it can pretend that all is well."""
    url_file: str = ""
    """A file that holds the address instead; read at each call."""
    interval: Duration = Duration(60)
    """How often. Let the service wait for three of them."""
    method: Literal["GET", "POST", "HEAD"] = "GET"
    """How it is called. With POST the reason of a failure is the body."""
    fail: bool = True
    """Call the address with `/fail` behind its path when rules are not evaluated. Off: nothing is
    called then, and the service notices by itself."""
    timeout: Duration = Duration(10)
    """How long one call may take."""

    def __post_init__(self) -> None:
        if self.url and self.url_file:
            raise Rejected("url and url_file exclude each other; keep one of them")
        if self.interval < _LEAST_SECONDS:
            raise Rejected(f"interval must be at least {_LEAST_SECONDS:g}s")
        if not 0 < self.timeout <= self.interval:
            raise Rejected("timeout must be more than 0 and at most the interval")
        address = self.url.reveal() if self.url else "http://"
        if not address.startswith(("http://", "https://")):
            raise Rejected("url must start with http:// or https://")

    @property
    def is_on(self) -> bool:
        """Whether there is anybody to call."""
        return bool(self.url or self.url_file)


@dataclass(frozen=True, slots=True)
class Beat:
    """One sign to be sent: that all is well, or with `reason` that it is not."""

    reason: str = ""

    @property
    def kind(self) -> str:
        """ "alive" or "fail"."""
        return "fail" if self.reason else "alive"


class Caller(Protocol):
    """Calls an address once."""

    async def call(self, method: str, url: str, body: bytes, timeout: float) -> None:
        """Raises Temporary or Permanent, without the address, when it is not taken."""


def decide(config: HeartbeatConfig, trouble: str) -> Beat | None:
    """What is sent now; None when silence is the sign."""
    if not config.is_on:
        return None
    if trouble:
        return Beat(trouble) if config.fail else None
    return Beat()


def address_of(url: str, beat: Beat) -> str:
    """The address with `/fail` behind its path for a failure; a query stays where it is."""
    if not beat.reason:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))


class Heartbeat:
    """Sends the sign of life for as long as rules are evaluated."""

    def __init__(self, caller: Caller, trouble: Callable[[], str], clock: Clock) -> None:
        self._caller = caller
        self._trouble = trouble
        self._clock = clock
        self._config = HeartbeatConfig()
        self._folder: Path | None = None
        self._failed = False
        self.last_success_ms = 0
        self.last_error = ""

    def configure(self, config: HeartbeatConfig, folder: Path | None = None) -> None:
        """Put a configuration in force from the next beat on; `folder` is where a relative
        `url_file` starts."""
        self._config, self._folder = config, folder

    async def run(self) -> None:
        """Beat, for ever."""
        while True:
            config, begun = self._config, self._clock.monotonic()
            beat = decide(config, self._trouble())
            if beat is not None:
                await self._send(config, beat, begun)
            every = float(config.interval) if config.is_on else _IDLE_SECONDS
            await self._clock.sleep(max(1.0, every - (self._clock.monotonic() - begun)))

    async def _send(self, config: HeartbeatConfig, beat: Beat, begun: float) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._send_once(config, beat)
            except Fault as error:
                self._note_failure(beat, str(error))
                left = float(config.interval) - (self._clock.monotonic() - begun)
                is_last = attempt == _ATTEMPTS or left < _RETRY_SECONDS + float(config.timeout)
                if is_last or not isinstance(error, Temporary):
                    return
                await self._clock.sleep(_RETRY_SECONDS)
            else:
                self._note_success(beat)
                return

    async def _send_once(self, config: HeartbeatConfig, beat: Beat) -> None:
        url = (read_secret(config.url, config.url_file, base=self._folder) or "").strip()
        if not url:
            raise Rejected(f"the file {config.url_file} is empty; write the address into it")
        body = beat.reason.encode() if config.method == "POST" else b""
        await self._caller.call(
            config.method, address_of(url, beat), body, timeout=float(config.timeout)
        )

    def _note_failure(self, beat: Beat, error: str) -> None:
        _beats.labels(beat.kind, "failed").inc()
        self.last_error = error
        if not self._failed:
            _log.warning("heartbeat_failed", kind=beat.kind, error=error)
        self._failed = True

    def _note_success(self, beat: Beat) -> None:
        _beats.labels(beat.kind, "sent").inc()
        _last.set(self._clock.now())
        self.last_success_ms, self.last_error = self._clock.now_ms(), ""
        if self._failed:
            _log.info("heartbeat_works_again")
        self._failed = False
