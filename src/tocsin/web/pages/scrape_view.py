"""The scrape manager's targets as rows for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Matcher, MatchOp
from tocsin.model.series import SeriesSource
from tocsin.scrape.loop import TargetState
from tocsin.scrape.manager import ScrapeManager
from tocsin.scrape.target import DroppedTarget
from tocsin.web.pages import filters
from tocsin.web.pages.target_rows import DroppedRow, TargetRow

_DAY_MS = 86_400_000
_MOST_ASKED = 50
_MOST_SAMPLES = 2_000_000

_STATES = {"up": "ok", "down": "critical", "unknown": "unknown"}


def row(state: TargetState) -> TargetRow:
    """One target; the label `job` is left out because rows are grouped by it."""
    target = state.target
    scraped = state.last_scrape_ms > 0
    return TargetRow(
        key=target.id,
        job=target.job,
        url=target.url,
        labels=tuple(pair for pair in target.labels if pair[0] != "job"),
        state=_STATES[state.health],
        error=state.error,
        last_scrape_s=state.last_scrape_ms / 1000 if scraped else None,
        samples=state.samples_scraped,
        duration_s=state.last_duration_seconds if scraped else None,
        interval_s=target.interval,
        notices=state.notices,
    )


def rows(manager: ScrapeManager) -> Sequence[TargetRow]:
    """All targets."""
    return [row(state) for state in manager.targets()]


async def with_since(
    rows: Sequence[TargetRow], source: SeriesSource, now_ms: int
) -> Sequence[TargetRow]:
    """The rows, with the moment since when each that is down has been, as far back as a day.

    Read from the series `up` of those targets alone; where it is not known, the row stays as it is.
    """
    down = [row for row in rows if row.state == "critical"][:_MOST_ASKED]
    since: dict[str, float] = {}
    for job in {row.job for row in down}:
        instances = "|".join(re.escape(row.instance) for row in down if row.job == job)
        matchers = (
            Matcher(NAME, MatchOp.EQUAL, "up"),
            Matcher("job", MatchOp.EQUAL, job),
            Matcher("instance", MatchOp.REGEX, instances),
        )
        data = await source.select(matchers, now_ms - _DAY_MS, now_ms, limit_samples=_MOST_SAMPLES)
        for index, labels in enumerate(data.labels):
            part = slice(int(data.offsets[index]), int(data.offsets[index + 1]))
            key = f"{job}\n{label_sets.get(labels, 'instance')}"
            since[key] = last_change(data.ts[part], data.values[part]) / 1000
    return [
        replace(row, down_since_s=since.get(f"{row.job}\n{row.instance}"))
        if row.state == "critical"
        else row
        for row in rows
    ]


def last_change(ts: NDArray[np.int64], up: NDArray[np.float64]) -> int:
    """When the series became 0 for the last time: the first sample after the last other one."""
    others = np.flatnonzero(up != 0)
    first = int(others[-1]) + 1 if len(others) else 0
    return int(ts[min(first, len(ts) - 1)])


def dropped(manager: ScrapeManager) -> Sequence[DroppedRow]:
    """Discovered targets that are not scraped."""
    return [_dropped(target) for target in manager.dropped()]


def _dropped(target: DroppedTarget) -> DroppedRow:
    address = label_sets.get(target.discovered, "__address__") or "no address"
    return DroppedRow(target.job, address, target.reason)


async def scrape_now(manager: ScrapeManager, key: str) -> str:
    """Scrape one target and say how it went; raises NotFound."""
    state = await manager.scrape_now(key)
    if state.error:
        return f"{state.target.url} failed: {state.error}"
    took = filters.duration(state.last_duration_seconds)
    return f"{state.target.url} gave {state.samples_scraped} samples in {took}."
