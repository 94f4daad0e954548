"""How do the services do, and since when: rate, errors, time to answer, memory?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocsin.web.pages import filters

ERRORS_CRITICAL = 0.05
ERRORS_WARNING = 0.01
_ROUTE_CRITICAL = 0.2
_FEWEST_ERRORS = 2.0
_SLOWER = 3.0
_SLOW_SECONDS = 0.25
_SLOW_POINTS = 3
_FEWEST_REQUESTS = 10.0
"""A percentile of fewer requests, or of one moment alone, is chance."""
_GROWN = 2.0
_GROWN_BYTES = 100 << 20
_FEWEST_POINTS = 12
_USUAL_QUANTILE = 25
_SPARK_POINTS = 60

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One number over time. A value that is not known is NaN."""

    times_s: Numbers
    values: Numbers

    @property
    def last(self) -> float | None:
        """The value now; None when there is none."""
        value = float(self.values[-1]) if len(self.values) else math.nan
        return None if math.isnan(value) else value

    @property
    def usual(self) -> float | None:
        """What was normal: the lower quartile; None when too little is known."""
        known = self.values[~np.isnan(self.values)]
        if len(known) < _FEWEST_POINTS:
            return None
        return float(np.percentile(known, _USUAL_QUANTILE))

    @property
    def spark(self) -> str:
        """The line in few points, each the largest of its part, for a sparkline."""
        known = self.values[~np.isnan(self.values)]
        if len(known) < 2:
            return ""
        points = min(_SPARK_POINTS, len(known))
        begins = np.arange(points) * len(known) // points
        return " ".join(f"{value:.4g}" for value in np.maximum.reduceat(known, begins))

    def since(self, bad: NDArray[np.bool_]) -> float | None:
        """When the stretch began that is bad until now; unknown values do not end it."""
        fine = np.flatnonzero(~bad & ~np.isnan(self.values))
        first = int(fine[-1]) + 1 if len(fine) else 0
        found = np.flatnonzero(bad[first:])
        return float(self.times_s[first + int(found[0])]) if len(found) else None


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is known of one service; `errors` is a ratio, `slow` the 95th percentile in seconds."""

    rate: Line | None = None
    errors: Line | None = None
    slow: Line | None = None
    memory: Line | None = None

    @property
    def answers(self) -> bool:
        """Whether the service answers requests that are counted."""
        return self.rate is not None


@dataclass(frozen=True, slots=True)
class Worst:
    """The route of a service that fails most often; `ratio` is the share of its requests."""

    route: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a service; `of` names the vital sign: errors, slow or memory."""

    job: str
    of: str
    state: str
    what: str
    why: str
    since_s: float | None


def error_ratio(rate: Line, errors: Line | None) -> Line:
    """The share of requests that failed; not known while there are no requests."""
    failed = np.nan_to_num(errors.values) if errors else np.zeros_like(rate.values)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(rate.values > 0, failed / rate.values, np.nan)
    return Line(rate.times_s, ratio)


def findings(
    job: str, vitals: Vitals, window_s: float, worst: Mapping[str, Worst]
) -> Sequence[Finding]:
    """What is wrong with this service; `worst` names the route that fails most, by job."""
    found = [
        _errors(job, vitals, window_s, worst.get(job, Worst("", 0.0))),
        _slowness(job, vitals, window_s),
        _growth(job, vitals.memory),
    ]
    return [one for one in found if one is not None]


def is_failing(vitals: Vitals, window_s: float) -> bool:
    """Whether enough requests fail now to say so."""
    ratio = vitals.errors.last if vitals.errors else None
    rate = vitals.rate.last if vitals.rate else None
    if ratio is None or rate is None:
        return False
    return ratio >= ERRORS_WARNING and ratio * rate * window_s >= _FEWEST_ERRORS


def _errors(job: str, vitals: Vitals, window_s: float, worst: Worst) -> Finding | None:
    if not is_failing(vitals, window_s) or vitals.errors is None:
        return None
    ratio = vitals.errors.last or 0.0
    since = vitals.errors.since(vitals.errors.values >= ERRORS_WARNING)
    serious = ratio >= ERRORS_CRITICAL or worst.ratio >= _ROUTE_CRITICAL
    state = "critical" if serious else "warning"
    why = "answers with 5xx"
    if worst.route:
        why = f"mostly {worst.route}, of which {filters.percent(worst.ratio)} fail"
    return Finding(
        job, "errors", state, f"{filters.percent(ratio)} of {job}'s requests fail", why, since
    )


def _slowness(job: str, vitals: Vitals, window_s: float) -> Finding | None:
    slow, rate = vitals.slow, vitals.rate.last if vitals.rate else None
    if slow is None or rate is None or (slow.last or 0.0) < _SLOW_SECONDS:
        return None
    if slow.last is None or slow.usual is None:
        return None
    limit = max(_SLOW_SECONDS, _SLOWER * slow.usual)
    lately = slow.values[-_SLOW_POINTS:]
    if rate * window_s < _FEWEST_REQUESTS or not bool(np.all(lately >= limit)):
        return None
    what = f"{job} is slow: 95 % answer within {filters.duration(slow.last)}"
    why = f"usually within {filters.duration(slow.usual)}"
    return Finding(job, "slow", "warning", what, why, slow.since(slow.values >= limit))


def _growth(job: str, memory: Line | None) -> Finding | None:
    if memory is None or memory.last is None or memory.last < _GROWN_BYTES:
        return None
    if memory.usual is None:
        return None
    limit = max(memory.usual + _GROWN_BYTES, _GROWN * memory.usual)
    if memory.last < limit:
        return None
    what = f"{job} uses {filters.size(memory.last)} of memory"
    why = f"usually {filters.size(memory.usual)}"
    return Finding(job, "memory", "warning", what, why, memory.since(memory.values >= limit))
