"""What is told to somebody: the value that routing makes and senders take."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec

from tocsin.model.labels import Labels

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_64_BITS = (1 << 64) - 1


@lru_cache(maxsize=100_000)
def fingerprint(labels: Labels) -> str:
    """16 hex digits that name a label set to Alertmanager's clients (FNV-1a, as in
    prometheus/common, model.LabelSet.Fingerprint)."""
    total = _FNV_OFFSET
    for name, value in labels:
        for byte in name.encode("utf-8", "surrogatepass"):
            total = ((total ^ byte) * _FNV_PRIME) & _64_BITS
        total = ((total ^ 0xFF) * _FNV_PRIME) & _64_BITS
        for byte in value.encode("utf-8", "surrogatepass"):
            total = ((total ^ byte) * _FNV_PRIME) & _64_BITS
        total = ((total ^ 0xFF) * _FNV_PRIME) & _64_BITS
    return f"{total:016x}"


def group_id(group_key: str) -> str:
    """64 hex digits that name a group outside: PagerDuty's key, as Alertmanager has it."""
    return hashlib.sha256(group_key.encode("utf-8", "surrogatepass")).hexdigest()


class NoticeAlert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One alert as it is told; times in ms since the epoch, `ends_ms` 0 while it fires."""

    labels: Labels
    annotations: Labels = ()
    starts_ms: int
    ends_ms: int = 0
    generator_url: str = ""
    fingerprint: str

    @property
    def status(self) -> str:
        """ "firing" or "resolved"."""
        return "resolved" if self.ends_ms else "firing"


class Notice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message to one receiver about one group, in the order in which Alertmanager lists."""

    receiver: str
    group_key: str
    group_labels: Labels
    alerts: tuple[NoticeAlert, ...]
    at_ms: int

    @property
    def firing(self) -> tuple[NoticeAlert, ...]:
        """Those that fire."""
        return tuple(alert for alert in self.alerts if not alert.ends_ms)

    @property
    def resolved(self) -> tuple[NoticeAlert, ...]:
        """Those that are over."""
        return tuple(alert for alert in self.alerts if alert.ends_ms)

    @property
    def status(self) -> str:
        """ "firing" as long as one alert fires, else "resolved"."""
        return "firing" if self.firing else "resolved"
