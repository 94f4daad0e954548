"""Targets as rows that people read; the page and the overview share them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target. `state` is ok, critical (its last scrape failed) or unknown (not scraped yet)."""

    key: str
    """What names it to "scrape now"."""
    job: str
    url: str
    labels: tuple[tuple[str, str], ...]
    state: str
    error: str
    last_scrape_s: float | None
    samples: int
    duration_s: float | None
    interval_s: float
    notices: tuple[str, ...] = ()
    """What was lost although the scrape went well."""
    down_since_s: float | None = None

    @property
    def instance(self) -> str:
        """The label that tells it from the job's other targets."""
        return next((value for name, value in self.labels if name == "instance"), "")

    @property
    def word(self) -> str:
        """The state in the word that people know."""
        return {"ok": "up", "critical": "down"}.get(self.state, "not scraped yet")


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """What was discovered and is not scraped, with the one reason."""

    job: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobRows:
    """A job and its targets, those that need attention first."""

    job: str
    targets: tuple[TargetRow, ...]

    @property
    def up(self) -> int:
        """How many targets answer."""
        return sum(target.state == "ok" for target in self.targets)

    @property
    def down(self) -> int:
        """How many targets failed their last scrape."""
        return sum(target.state == "critical" for target in self.targets)

    @property
    def samples(self) -> int:
        """Samples of the last scrape of all targets."""
        return sum(target.samples for target in self.targets)

    @property
    def state(self) -> str:
        """Critical when every target is down, warning when some are."""
        if self.down:
            return "critical" if self.down == len(self.targets) else "warning"
        return "ok" if self.up else "unknown"

    @property
    def last_scrape_s(self) -> float | None:
        """When a target of the job was last scraped."""
        return max((t.last_scrape_s for t in self.targets if t.last_scrape_s), default=None)


_URGENCY = {"critical": 0, "unknown": 1, "ok": 2}


def by_job(rows: Iterable[TargetRow]) -> Sequence[JobRows]:
    """Jobs that need attention first, then by name."""
    jobs: dict[str, list[TargetRow]] = {}
    for row in rows:
        jobs.setdefault(row.job, []).append(row)
    grouped = [
        JobRows(job, tuple(sorted(targets, key=lambda t: (_URGENCY[t.state], t.url))))
        for job, targets in jobs.items()
    ]
    order = {"critical": 0, "warning": 1, "unknown": 2, "ok": 2}
    return sorted(grouped, key=lambda job: (order[job.state], job.job))
