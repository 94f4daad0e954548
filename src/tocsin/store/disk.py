"""Is there room for more telemetry?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.store.errors import DiskFull

_CHECK_SECONDS = 1.0
_RETRY_SECONDS = 30.0
_log = log.get("disk")
_free = gauge.gauge("disk_free_bytes", "Free bytes where the telemetry lies.")
_refusing = gauge.gauge("disk_full", "Whether writes are refused because the disk is full.")


def _measure(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Refuses writes while less than `min_free_bytes` are free where `folder` lies.

    The floor leaves the engine room to merge, and the state database room to write, so that
    queries and everything else go on.
    """

    def __init__(
        self,
        folder: Path,
        min_free_bytes: int,
        clock: Clock,
        *,
        measure: Callable[[Path], int] = _measure,
    ) -> None:
        self._folder = folder
        self._floor = min_free_bytes
        self._clock = clock
        self._measure = measure
        self._next = float("-inf")
        self.free_bytes = 0
        self.full = False

    def check(self) -> None:
        """Raise DiskFull when there is too little room, Temporary when the folder is gone.

        Measures at most once a second.
        """
        if self._clock.monotonic() >= self._next:
            self._next = self._clock.monotonic() + _CHECK_SECONDS
            self._look()
        if self.full:
            raise DiskFull(
                f"only {self.free_bytes >> 20} MiB are free in {self._folder}, less than the "
                f"{self._floor >> 20} MiB of store.min_free_bytes: writes are refused, queries go "
                "on; free disk space, or keep less with retention.max_disk_bytes",
                _RETRY_SECONDS,
            )

    def _look(self) -> None:
        try:
            self.free_bytes = self._measure(self._folder)
        except OSError as error:
            self._next = float("-inf")
            raise Temporary(
                f"{self._folder}, where telemetry is kept, cannot be used: {error.strerror}; "
                "writes are refused until it is back",
                _RETRY_SECONDS,
            ) from error
        _free.set(self.free_bytes)
        full = self.free_bytes < self._floor
        if full != self.full:
            tell = _log.error if full else _log.info
            tell("disk_full" if full else "disk_has_room", free_bytes=self.free_bytes)
        self.full = full
        _refusing.set(full)
