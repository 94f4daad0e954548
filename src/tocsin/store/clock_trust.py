"""Is the clock right enough to delete by it? One that leaps ahead would make everything old."""

from __future__ import annotations

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock

_LEAP_SECONDS = 86_400.0
"""Corrections by NTP, a changed time zone and the like are less."""

_DOUBT_SECONDS = 86_400.0
"""So long somebody has to set the clock right; then it is believed."""

_log = log.get("retention")
_doubted = gauge.gauge("clock_doubted", "Whether nothing expires because the clock leapt ahead.")


class ClockTrust:
    """Compares the wall time with the monotonic one; to be asked often.

    A clock that leapt ahead by more than a day is doubted for a day, or until it is set back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()
        self._doubted_at: float | None = None

    def began_after(self, newest: float) -> None:
        """The newest that is stored is of then (seconds since the epoch): a clock that begins
        much later may have leapt while nobody looked."""
        if self._clock.now() - newest > 2 * _LEAP_SECONDS:
            self._offset = newest - self._clock.monotonic()

    def holds(self) -> bool:
        """Whether the wall time may be believed."""
        monotonic = self._clock.monotonic()
        offset = self._clock.now() - monotonic
        ahead = offset - self._offset
        if ahead <= _LEAP_SECONDS:
            self._believe(offset)
        elif self._doubted_at is None:
            self._doubted_at = monotonic
            _doubted.set(1)
            days = round(ahead / 86_400, 1)
            _log.error("clock_leapt", days=days, consequence="nothing expires for a day")
        elif monotonic - self._doubted_at >= _DOUBT_SECONDS:
            self._believe(offset)
        return self._doubted_at is None

    def _believe(self, offset: float) -> None:
        if self._doubted_at is not None:
            _doubted.set(0)
            _log.warning("clock_believed", consequence="what is too old expires")
        self._offset = offset
        self._doubted_at = None
