"""How much may each sender send? A rate of lines and of bytes by key, and what each sent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated

import msgspec

from tocsin.kit import gauge
from tocsin.kit.clock import Clock
from tocsin.kit.fault import TooMuch
from tocsin.kit.quantity import Duration, Size

_refused = gauge.counter(
    "log_requests_over_limit", "Requests refused as too many, by key.", ("key",)
)
_ANY = "*"
_NO_KEY = "(no key)"
_MOST_KEYS = 10_000


class KeyLimit(msgspec.Struct, frozen=True, kw_only=True):
    """What one key may send; 0 is as much as it likes."""

    lines_per_second: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Lines a second, on average."""
    bytes_per_second: Size = Size(0)
    """Bytes of lines a second, on average."""
    burst: Duration = Duration(30)
    """So many seconds' worth may come at once."""


class LimitsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How much is taken in."""

    keys: dict[str, KeyLimit] = {}
    """By name of a key; `*` is for each key without an entry of its own."""
    budgets: dict[str, Size] = {}
    """Bytes a day by service; `*` is for each without an entry of its own. Beyond it lines below
    error are sampled, debug and info first."""


@dataclass(slots=True)
class Usage:
    """What a key sent."""

    lines: int = 0
    size_bytes: int = 0
    refused: int = 0
    """Requests that were one too many."""


class _Bucket:
    """Fills with time, and may be overdrawn by one request: a large one waits, and is not stuck."""

    def __init__(
        self, clock: Clock, what: str, rate: float, burst_seconds: float, *, counts_lines: bool
    ) -> None:
        self.what = what
        self._counts_lines = counts_lines
        self._clock = clock
        self._rate = rate
        self._most = rate * max(burst_seconds, 1.0)
        self._level = self._most
        self._at = clock.monotonic()

    def wait_seconds(self) -> float:
        """How long until something may be taken; 0 when it may be now."""
        now = self._clock.monotonic()
        self._level = min(self._most, self._level + (now - self._at) * self._rate)
        self._at = now
        return 0.0 if self._level > 0 else (1.0 - self._level) / self._rate

    def fitting(self, sizes: Sequence[int]) -> int:
        """How many of the first lines may come at once, one at least: what there is and as much
        again as a burst."""
        most = self._level + self._most
        if self._counts_lines:
            return min(len(sizes), max(1, int(most)))
        fitting = bisect_right(list(accumulate(sizes)), most)
        return min(len(sizes), max(1, fitting))

    def take(self, lines: int, size_bytes: int) -> None:
        """Take them out."""
        self._level -= lines if self._counts_lines else size_bytes


def _count(usage: Usage, buckets: Sequence[_Bucket], lines: int, size_bytes: int) -> None:
    for bucket in buckets:
        bucket.take(lines, size_bytes)
    usage.lines += lines
    usage.size_bytes += size_bytes


def _too_much(name: str, what: str) -> str:
    return f"the key {name} sends more than its limit of {what}"


class Quota:
    """`admit` before anything of a request is kept."""

    def __init__(self, clock: Clock, config: LimitsConfig, *, noun: str = "lines") -> None:
        """`noun` is what the lines are called when these are something else."""
        self._clock = clock
        self._config = config
        self._noun = noun
        self._usage: dict[str, Usage] = {}
        self._buckets: dict[str, list[_Bucket]] = {}
        self.since_ms = clock.now_ms()
        """Since when it is counted what each key sent."""

    def configure(self, config: LimitsConfig) -> None:
        """Put other limits in force; every sender begins with a full burst."""
        if config != self._config:
            self._config = config
            self._buckets.clear()

    @property
    def usage(self) -> Mapping[str, Usage]:
        """What each key sent since `since_ms`, by its name."""
        return self._usage

    def counted(self, usage: Mapping[str, Usage], *, since_ms: int) -> None:
        """Add what was counted before the start, or by another node."""
        self.since_ms = since_ms
        for name, more in usage.items():
            if name not in self._usage and len(self._usage) >= _MOST_KEYS:
                continue
            here = self._usage.setdefault(name, Usage())
            here.lines += more.lines
            here.size_bytes += more.size_bytes
            here.refused += more.refused

    def admit(self, sender: str, lines: int, size_bytes: int) -> None:
        """Count a request; raises TooMuch, with the time to wait, when it is one too many."""
        usage, buckets = self._open(sender)
        _count(usage, buckets, lines, size_bytes)

    def admit_some(self, sender: str, sizes: Sequence[int]) -> tuple[int, str]:
        """Count as many of the first lines as may come now, one at least, and say why not all.

        Raises as `admit`.
        """
        usage, buckets = self._open(sender)
        lines, why = len(sizes), ""
        for bucket in buckets:
            fitting = bucket.fitting(sizes)
            if fitting < lines:
                lines, why = fitting, _too_much(sender or _NO_KEY, bucket.what)
        if why:
            usage.refused += 1
            _refused.labels(sender or _NO_KEY).inc()
        _count(usage, buckets, lines, sum(sizes[:lines]))
        return lines, why

    def _open(self, sender: str) -> tuple[Usage, list[_Bucket]]:
        """What counts for a sender; raises TooMuch when nothing may come now."""
        name = sender or _NO_KEY
        usage = self._usage.get(name)
        if usage is None:
            usage = Usage()
            if len(self._usage) < _MOST_KEYS:
                self._usage[name] = usage
        buckets = self._buckets_of(name)
        for bucket in buckets:
            wait = bucket.wait_seconds()
            if wait:
                usage.refused += 1
                _refused.labels(name).inc()
                raise TooMuch(_too_much(name, bucket.what), wait)
        return usage, buckets

    def _buckets_of(self, name: str) -> list[_Bucket]:
        limit = self._config.keys.get(name) or self._config.keys.get(_ANY)
        if limit is None:
            return []
        found = self._buckets.get(name)
        if found is None:
            found = []
            seconds = float(limit.burst)
            if limit.lines_per_second:
                words, rate = f"{limit.lines_per_second:,} {self._noun}/s", limit.lines_per_second
                found.append(_Bucket(self._clock, words, rate, seconds, counts_lines=True))
            if limit.bytes_per_second:
                words, rate = f"{limit.bytes_per_second} a second", int(limit.bytes_per_second)
                found.append(_Bucket(self._clock, words, rate, seconds, counts_lines=False))
            if len(self._buckets) >= _MOST_KEYS:
                self._buckets.clear()
            self._buckets[name] = found
        return found
