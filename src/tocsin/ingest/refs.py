"""Which series did these label bytes name last time?"""

from __future__ import annotations

from tocsin.model.labels import Labels
from tocsin.model.samples import REFUSED, SeriesIntake

_ENTRY_BYTES = 150
"""What a dict slot, a bytes object and a number cost beside the key's own bytes, about."""


class RefCache:
    """Maps a client's own label bytes to refs; empties itself at its bound and on a new epoch."""

    def __init__(self, series: SeriesIntake, *, limit_bytes: int = 96 << 20) -> None:
        self.series = series
        self.refs: dict[bytes, int] = {}
        self._reasons: dict[bytes, str] = {}
        self._epoch = series.epoch
        self._size = 0
        self._limit = limit_bytes

    def sync(self) -> dict[bytes, int]:
        """The known keys, after forgetting those of an older epoch; call once a request."""
        if self.series.epoch != self._epoch:
            self._epoch = self.series.epoch
            self._clear()
        return self.refs

    def learn(self, key: bytes, labels: Labels) -> int:
        """The ref of `labels`, remembered under `key`."""
        ref = self.series.ref(labels)
        if ref == REFUSED:
            return self.refuse(key, self.series.why(labels))
        self._keep(key, ref)
        return ref

    def refuse(self, key: bytes, reason: str) -> int:
        """Remember that what `key` names is not taken, and why; answers REFUSED."""
        self._keep(key, REFUSED)
        self._reasons[key] = reason
        return REFUSED

    def reason(self, key: bytes) -> str:
        """Why the key's series is not taken."""
        return self._reasons.get(key, "refused by a limit")

    def _keep(self, key: bytes, ref: int) -> None:
        if self._size > self._limit:
            self._clear()
        self._size += len(key) + _ENTRY_BYTES
        self.refs[key] = ref

    def _clear(self) -> None:
        self.refs.clear()
        self._reasons.clear()
        self._size = 0
