"""What may stand under `heartbeats` of `tocsin.yaml`? Mistakes are told with their place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret

_NAME = r"^\S(?:.*\S)?$"
_KEY_LENGTH = (8, 100)
_KEY_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_OWN_LABELS = frozenset(("job", "instance", "heartbeat", "severity", "alertname"))

LabelName = Annotated[str, msgspec.Meta(pattern=_LABEL)]


class Cron(str):
    """A schedule as Debian's cron reads it; empty when there is none."""

    __slots__ = ()
    EXPECTED = 'a cron schedule such as "0 3 * * *"'

    @classmethod
    def from_config(cls, text: str) -> Cron:
        """Raises Rejected with the reader's own words."""
        if text:
            try:
                next(CronSim(text, datetime.now(UTC)))
            except (CronSimError, StopIteration) as error:
                why = str(error) or "it never comes"
                raise Rejected(f"expected {cls.EXPECTED}, got {text!r}: {why}") from error
        return cls(text)


class Zone(str):
    """The name of a time zone."""

    __slots__ = ()
    EXPECTED = "a time zone such as Europe/Berlin"

    @classmethod
    def from_config(cls, text: str) -> Zone:
        """Raises Rejected when there is none of that name."""
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}") from error
        return cls(text)


class HeartbeatConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A program that says when it has run, at an address of its own: a cron job, a backup, an
    import. It alerts when it is late, and when it says that it failed."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_NAME)]
    """As people know it; its label `heartbeat`, and its past is kept under it."""
    every: Duration = Duration(0)
    """How often it runs."""
    cron: Cron = Cron("")
    """Or its schedule, as it stands in the crontab."""
    timezone: Zone = Zone("UTC")
    """Of the schedule."""
    grace: Duration = Duration(3600)
    """How late it may be; and how long it may take once it said that it started."""
    key: Secret | None = None
    """The last part of its address, `/ping/<key>`; one is made when it is not given. Whoever knows
    it can say that the program ran."""
    severity: Annotated[str, msgspec.Meta(min_length=1)] = "high"
    """Of its alerts."""
    runbook: str = ""
    """An address for whoever is woken."""
    labels: dict[LabelName, str] = {}
    """On its series and alerts: `{service: shop}`."""

    def __post_init__(self) -> None:
        if bool(self.every) == bool(self.cron):
            both = "both are given" if self.cron else "none of them is given"
            raise Rejected(f"{self.name}: give one of every and cron; {both}")
        if self.grace <= 0:
            raise Rejected(f"{self.name}: grace must be more than 0")
        if self.key is not None:
            self._check_key(self.key.reveal())
        for name in self.labels:
            if name in _OWN_LABELS:
                raise Rejected(f"{self.name}: the label {name!r} is set by Tocsin itself")

    def _check_key(self, key: str) -> None:
        shortest, longest = _KEY_LENGTH
        if not shortest <= len(key) <= longest or not _KEY_LETTERS.issuperset(key):
            raise Rejected(
                f"{self.name}: key must be {shortest} to {longest} letters, digits, - and _"
            )

    def due_after(self, at_ms: int) -> int:
        """When it is to have run next, if it ran at that moment; milliseconds since the epoch."""
        if self.every:
            return at_ms + self.every.ms
        since = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(self.timezone))
        return round(next(CronSim(self.cron, since)).timestamp() * 1000)
