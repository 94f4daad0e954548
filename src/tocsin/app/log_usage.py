"""How much has each key sent? Counted since the first line, over restarts, by all nodes."""

from __future__ import annotations

import msgspec

from tocsin.ingest.logs.quota import Quota, Usage
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.state.settings import Settings

_log = log.get("logs.usage")
_KEY = "logs.usage_by_key"
_EVERY_SECONDS = 30.0

_Counts = tuple[int, int, int]
"""Lines, bytes, refused requests."""
_NONE = (0, 0, 0)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    since_ms: int = 0
    keys: dict[str, _Counts] = {}


class UsageKeeping:
    """Keeps what the quota counts; `kill -9` loses what was counted in the last half minute."""

    def __init__(self, quota: Quota, settings: Settings, clock: Clock) -> None:
        self._quota = quota
        self._settings = settings
        self._clock = clock
        self._saved: dict[str, _Counts] = {}

    async def load(self) -> None:
        """Go on from what was kept."""
        kept = await self._settings.get(_KEY, _Kept, _Kept())
        self._quota.counted(_usage(kept.keys), since_ms=kept.since_ms or self._clock.now_ms())
        self._saved = self._counts()

    async def flush(self) -> None:
        """Keep what was counted since the last time, beside what other nodes counted.

        Raises Temporary when the state database does not answer; nothing is lost then.
        """
        now = self._counts()
        if now == self._saved:
            return
        kept = await self._settings.get(_KEY, _Kept, _Kept())
        others = {
            name: _less(kept.keys.get(name, _NONE), self._saved.get(name, _NONE))
            for name in kept.keys.keys() | now.keys()
        }
        total = {name: _more(now.get(name, _NONE), others[name]) for name in others}
        since_ms = kept.since_ms or self._quota.since_ms
        await self._settings.set(_KEY, _Kept(since_ms=since_ms, keys=total), by="tocsin")
        self._quota.counted(_usage(others), since_ms=since_ms)
        self._saved = total

    async def run(self) -> None:
        """Keep it now and then, for ever."""
        while True:
            await self._clock.sleep(_EVERY_SECONDS)
            try:
                await self.flush()
            except Temporary as fault:
                _log.warning("usage_waits", error=str(fault))

    def _counts(self) -> dict[str, _Counts]:
        return {
            name: (one.lines, one.size_bytes, one.refused)
            for name, one in self._quota.usage.items()
        }


def _usage(counts: dict[str, _Counts]) -> dict[str, Usage]:
    return {name: Usage(*one) for name, one in counts.items()}


def _more(one: _Counts, other: _Counts) -> _Counts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _less(one: _Counts, other: _Counts) -> _Counts:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]
