"""Who is on call, worked out slowly: minute by minute, from what the clocks show.

Written apart from the product: it knows neither stretches nor hand-offs nor when clocks change. The
only idea in it: what counts is the latest time that a place's clocks have shown so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000


@dataclass(frozen=True)
class SlowLayer:
    """People by turns. Restrictions are (weekday, minute of its day, minutes that it lasts)."""

    people: tuple[str, ...]
    zone: str
    anchor: datetime
    length: timedelta
    restrictions: tuple[tuple[int, int, int], ...] = ()
    starts: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True)
class SlowOverride:
    person: str
    starts_ms: int
    ends_ms: int


@lru_cache(maxsize=64)
def shown(zone: str, from_ms: int, to_ms: int) -> tuple[datetime, ...]:
    """At each minute the latest time that the clocks have shown, beginning three days before."""
    place = ZoneInfo(zone)
    latest = datetime.min  # noqa: DTZ901 - by the clocks of the place
    found: list[datetime] = []
    for at_ms in range(from_ms - 3 * 24 * 60 * MINUTE_MS, to_ms, MINUTE_MS):
        now = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(place).replace(tzinfo=None)
        latest = max(latest, now)
        if at_ms >= from_ms:
            found.append(latest)
    return tuple(found)


def on_call(
    layers: Sequence[SlowLayer],
    overrides: Sequence[SlowOverride],
    from_ms: int,
    to_ms: int,
) -> list[str | None]:
    """Who is on call at each minute; overrides are given in the order in which they were made."""
    clocks = {layer.zone: shown(layer.zone, from_ms, to_ms) for layer in layers}
    found: list[str | None] = []
    for number, at_ms in enumerate(range(from_ms, to_ms, MINUTE_MS)):
        who: str | None = None
        for layer in layers:
            who = _by(layer, clocks[layer.zone][number]) or who
        for override in overrides:
            if override.starts_ms <= at_ms < override.ends_ms:
                who = override.person
        found.append(who)
    return found


def _by(layer: SlowLayer, now: datetime) -> str | None:
    if layer.starts is not None and now < layer.starts:
        return None
    if layer.ends is not None and now >= layer.ends:
        return None
    if layer.restrictions and not any(_is_in(now, *one) for one in layer.restrictions):
        return None
    turns = int((now - layer.anchor).total_seconds() // layer.length.total_seconds())
    return layer.people[turns % len(layer.people)]


def _is_in(now: datetime, weekday: int, minute: int, lasts: int) -> bool:
    """Whether that restriction is open: the latest time before now at which it opened is near."""
    opened = now.replace(hour=0, minute=0, second=0) - timedelta(days=(now.weekday() - weekday) % 7)
    opened += timedelta(minutes=minute)
    if opened > now:
        opened -= timedelta(days=7)
    return now < opened + timedelta(minutes=lasts)
