"""What is told to somebody: the value that routing makes and senders take."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
import numpy as np

from tocsin.model.labels import Labels

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_64_BITS = (1 << 64) - 1


_known: dict[Labels, str] = {}
_KNOWN = 100_000
_FEWEST, _AT_ONCE, _LONGEST = 32, 2_000, 512


def fingerprint(labels: Labels) -> str:
    """16 hex digits that name a label set to Alertmanager's clients (FNV-1a, as in
    prometheus/common, model.LabelSet.Fingerprint)."""
    found = _known.get(labels)
    if found is not None:
        return found
    total = _FNV_OFFSET
    for byte in _hashed(labels):
        total = ((total ^ byte) * _FNV_PRIME) & _64_BITS
    return _know(labels, total)


def name_many(label_sets: Iterable[Labels]) -> None:
    """Work out the fingerprints of many at once, in a tenth of the time that each takes by
    itself: byte by byte through all of them."""
    rows = [
        (row, one)
        for one in label_sets
        if one not in _known and len(row := _hashed(one)) <= _LONGEST
    ]
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        if len(some) >= _FEWEST:
            _name_some(some)


def _name_some(rows: list[tuple[bytes, Labels]]) -> None:
    rows.sort(key=lambda row: -len(row[0]))
    width = len(rows[0][0])
    padded = b"".join(row.ljust(width, b"\0") for row, _ in rows)
    columns = np.frombuffer(padded, np.uint8).reshape(len(rows), width).T.astype(np.uint64)
    shortest_first = [len(row) for row, _ in reversed(rows)]
    going_on = len(rows) - np.searchsorted(shortest_first, np.arange(width), side="right")
    total = np.full(len(rows), _FNV_OFFSET, np.uint64)
    prime = np.uint64(_FNV_PRIME)
    for column, count in zip(columns, going_on.tolist(), strict=True):
        going = total[:count]  # the longest come first
        going ^= column[:count]
        going *= prime
    for (_, labels), found in zip(rows, total.tolist(), strict=True):
        _know(labels, found)


def _hashed(labels: Labels) -> bytes:
    """Each name and value with a byte behind it that is none of UTF-8's."""
    parts = [text.encode("utf-8", "surrogatepass") for pair in labels for text in pair]
    return b"\xff".join((*parts, b""))


def _know(labels: Labels, total: int) -> str:
    if len(_known) >= _KNOWN:
        _known.clear()
    found = _known[labels] = f"{total:016x}"
    return found


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
