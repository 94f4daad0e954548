"""The scrape manager's targets as rows for people."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.model import labels as label_sets
from tocsin.scrape.loop import TargetState
from tocsin.scrape.manager import ScrapeManager
from tocsin.scrape.target import DroppedTarget
from tocsin.web.pages import filters
from tocsin.web.pages.target_rows import DroppedRow, TargetRow

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
