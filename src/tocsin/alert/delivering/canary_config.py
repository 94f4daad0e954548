"""When do test messages go, through which channels?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class TimeOfDay(str):
    """A time such as `09:00`."""

    __slots__ = ()
    EXPECTED = "a time such as 09:00"

    @classmethod
    def from_config(cls, text: str) -> TimeOfDay:
        """Raises Rejected for anything else."""
        try:
            datetime.strptime(text, "%H:%M").replace(tzinfo=UTC)
        except ValueError as error:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}") from error
        return cls(text)


class CanaryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A marked test message through each real channel, to be acknowledged by whoever gets it."""

    every: Literal["off", "daily", "weekly"] = "off"
    """How often."""
    at: TimeOfDay = TimeOfDay("10:00")
    """When, in `zone`."""
    weekday: Weekday = "monday"
    """On which day, when it is weekly."""
    zone: str = "UTC"
    """A time zone such as `Europe/Berlin`."""
    channels: tuple[str, ...] = ()
    """The receivers whose channels are tried; all of them when none is named."""
    late: Duration = Duration(1800)
    """How long nobody may acknowledge it before that is an alert."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Rejected(f"there is no time zone {self.zone!r}") from error


def next_ms(config: CanaryConfig, after_ms: int) -> int:
    """The first time after that moment; 0 when there are no canaries."""
    if config.every == "off":
        return 0
    zone = ZoneInfo(config.zone)
    hour, minute = (int(part) for part in config.at.split(":"))
    day = datetime.fromtimestamp(after_ms / 1000, zone).date()
    for _ in range(9):
        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        is_day = config.every == "daily" or _DAYS[day.weekday()] == config.weekday
        due_ms = round(moment.timestamp() * 1000)
        if is_day and due_ms > after_ms:
            return due_ms
        day += timedelta(days=1)
    raise AssertionError("no weekday within nine days")
