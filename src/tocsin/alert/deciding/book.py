"""Which alerts are there? What several tellings of the same alert come to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels

_MOST = 200_000
_RETRY_SECONDS = 30.0


class Known(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An alert as it counts. `is_guess` says that its end was not told but is when it will be
    given up (`resolve_timeout`)."""

    alert: Alert
    is_guess: bool = False


class AlertKeeper(Protocol):
    """Where alerts survive a restart."""

    async def save(self, known: Iterable[Known]) -> None:
        """Keep them, replacing those of the same labels."""

    async def forget(self, labels: Iterable[Labels]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[Known]:
        """Every one."""


def told(alert: Alert, now_ms: int, resolve_timeout_ms: int) -> Known:
    """An alert that was just told; an end that was not given is `resolve_timeout` from now."""
    if alert.ends_ms:
        return Known(alert=msgspec.structs.replace(alert, updated_ms=now_ms))
    ends = now_ms + resolve_timeout_ms
    return Known(
        alert=msgspec.structs.replace(alert, ends_ms=ends, updated_ms=now_ms), is_guess=True
    )


def merged(old: Known, new: Known, now_ms: int) -> Known:
    """Two tellings of one alert (Alertmanager's types.Alert.Merge): the newer one, with the
    earlier start when they overlap, and the later of the ends that were told."""
    before, after = old.alert, new.alert
    overlaps = (before.starts_ms < after.ends_ms < before.ends_ms) or (
        after.starts_ms <= before.ends_ms and after.starts_ms >= before.starts_ms
    )
    if not overlaps:
        return new
    starts = min(before.starts_ms, after.starts_ms)
    ends, is_guess = after.ends_ms, new.is_guess
    if after.is_resolved(now_ms):
        if before.is_resolved(now_ms) and before.ends_ms > ends:
            ends, is_guess = before.ends_ms, old.is_guess
    elif before.ends_ms > ends and not old.is_guess:
        ends, is_guess = before.ends_ms, False
    return Known(
        alert=msgspec.structs.replace(after, starts_ms=starts, ends_ms=ends), is_guess=is_guess
    )


class AlertBook:
    """All alerts that are not over for long, at most 200,000."""

    def __init__(self) -> None:
        self._known: dict[Labels, Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def put(self, known: Known, now_ms: int) -> Known:
        """Write down; returns what the alert comes to. Raises Temporary when the book is full."""
        labels = known.alert.labels
        old = self._known.get(labels)
        if old is not None:
            known = merged(old, known, now_ms)
        elif len(self._known) >= _MOST:
            raise Temporary(f"{_MOST} alerts are known already; the limit", _RETRY_SECONDS)
        self._known[labels] = known
        return known

    def all(self) -> list[Alert]:
        """Every alert, resolved ones too for a while."""
        return [known.alert for known in self._known.values()]

    def set_back(self, before_ms: int, now_ms: int) -> list[Alert]:
        """The clock showed `before_ms` and shows an earlier time: what was over is still over."""
        changed = []
        for labels, known in self._known.items():
            if now_ms < known.alert.ends_ms <= before_ms:
                alert = msgspec.structs.replace(known.alert, ends_ms=now_ms)
                self._known[labels] = Known(alert=alert, is_guess=known.is_guess)
                changed.append(alert)
        return changed

    def forget_resolved(self, now_ms: int, keep: Iterable[Labels]) -> list[Labels]:
        """Strike out those that are over, except those still to be told; returns their labels."""
        kept = set(keep)
        gone = [
            labels
            for labels, known in self._known.items()
            if known.alert.is_resolved(now_ms) and labels not in kept
        ]
        for labels in gone:
            del self._known[labels]
        return gone
