"""How does everything that is monitored fare, now and over a range of time?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tocsin.model import labels as label_sets
from tocsin.query.promql.quoting import quote
from tocsin.uptime.jobs import JOB
from tocsin.web.services import Services

if TYPE_CHECKING:
    from tocsin.query.promql.result import Result
    from tocsin.uptime.config import MonitorConfig
    from tocsin.uptime.finding import Finding

BARS = 60
_TIMEOUT_S = 15.0
_ORDER = {"critical": 0, "unknown": 1, "warning": 2, "ok": 3}
_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_TOUCHED = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of the range; `up` is the share of attempts that went well, None without any."""

    start_s: float
    end_s: float
    up: float | None

    @property
    def tone(self) -> str:
        """As its colour."""
        if self.up is None:
            return "none"
        return "ok" if self.up >= _TOUCHED else "critical" if self.up < 0.5 else "warning"


@dataclass(frozen=True, slots=True)
class Standing:
    """One monitor. Shares are from 0 to 1, times in seconds; None is not known."""

    monitor: MonitorConfig
    finding: Finding | None
    up_ratio: float | None
    """Of the whole range."""
    day_ratio: float | None
    """Of the 24 h before the range's end."""
    week_ratio: float | None
    """Of the 7 d before it."""
    took_s: float | None
    """What an attempt took on average in the range."""
    certificate_s: float | None
    """When the certificate ends, since the epoch."""
    bars: Sequence[Bar]
    took: Sequence[float]
    """What attempts took in each bar; those without any are left out."""
    now_s: float

    @property
    def tone(self) -> str:
        """How bad it is now."""
        if self.finding is None:
            return "unknown"
        if not self.finding.is_up:
            return "critical"
        return "warning" if self.certificate_is_short else "ok"

    @property
    def word(self) -> str:
        """The same for people."""
        if self.finding is None:
            return "Not asked yet"
        if not self.finding.is_up:
            return "Down"
        return "Certificate" if self.certificate_is_short else "Up"

    @property
    def certificate_is_short(self) -> bool:
        """Whether the certificate ends so soon that somebody is told."""
        left = None if self.certificate_s is None else self.certificate_s - self.now_s
        return left is not None and left < self.monitor.certificate_days * _DAY_S


async def standings(
    given: Services, start_s: float, end_s: float, only: str = ""
) -> list[Standing]:
    """Every monitor, or that one: those that are down first. Raises a Fault when nobody can tell
    the past."""
    monitors = [one for one in given.prober.monitors if only in ("", one.name)]
    if not monitors:
        return []
    step_s = max(1, round((end_s - start_s) / BARS))
    end_ms = int(end_s) * 1000
    start_ms = end_ms - (BARS - 1) * step_s * 1000
    among = f'job="{JOB}"' + (f",monitor={quote(only)}" if only else "")
    options = replace(given.config.query, timeout_seconds=_TIMEOUT_S)

    async def over(metric: str) -> Mapping[str, NDArray[np.float64]]:
        query = f"avg by (monitor) (avg_over_time({metric}{{{among}}}[{step_s}s]))"
        return _rows(await given.engine.range(query, start_ms, end_ms, step_s * 1000, options))

    async def whole(query: str) -> Mapping[str, NDArray[np.float64]]:
        return _rows(await given.engine.instant(query, end_ms, options))

    range_s = max(1, int(end_s - start_s))
    average = "avg by (monitor) (avg_over_time({metric}{{{among}}}[{range_s}s]))"
    up, took, ratio, day, week, mean, certificate = await asyncio.gather(
        over("probe_success"),
        over("probe_duration_seconds"),
        *(
            whole(average.format(metric="probe_success", among=among, range_s=seconds))
            for seconds in (range_s, _DAY_S, _WEEK_S)
        ),
        whole(average.format(metric="probe_duration_seconds", among=among, range_s=range_s)),
        whole(f"min by (monitor) (probe_ssl_earliest_cert_expiry{{{among}}})"),
    )
    edges = [end_ms / 1000 - (BARS - number) * step_s for number in range(BARS + 1)]
    found = [
        Standing(
            monitor=one,
            finding=given.prober.finding(one.name),
            up_ratio=_last(ratio, one.name),
            day_ratio=_last(day, one.name),
            week_ratio=_last(week, one.name),
            took_s=_last(mean, one.name),
            certificate_s=_last(certificate, one.name),
            bars=_bars(up.get(one.name), edges),
            took=_known(took.get(one.name)),
            now_s=given.clock.now(),
        )
        for one in monitors
    ]
    return sorted(found, key=lambda one: (_ORDER[one.tone], one.monitor.name.lower()))


def _rows(result: Result) -> dict[str, NDArray[np.float64]]:
    """Values by the monitor's name, NaN where there is none."""
    values = np.where(result.present, result.values, np.nan)
    return {
        label_sets.get(labels, "monitor"): np.atleast_1d(values[row])
        for row, labels in enumerate(result.labels)
    }


def _last(rows: Mapping[str, NDArray[np.float64]], name: str) -> float | None:
    row = rows.get(name)
    return None if row is None or np.isnan(row[-1]) else float(row[-1])


def _known(row: NDArray[np.float64] | None) -> list[float]:
    return [] if row is None else [float(one) for one in row[~np.isnan(row)]]


def _bars(row: NDArray[np.float64] | None, edges: Sequence[float]) -> list[Bar]:
    values = [np.nan] * BARS if row is None else row.tolist()
    return [
        Bar(edges[number], edges[number + 1], None if np.isnan(up) else float(up))
        for number, up in enumerate(values)
    ]
