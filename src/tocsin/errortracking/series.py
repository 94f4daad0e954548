"""What can rules ask about errors? Counters per project, written as series among all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tocsin.errortracking.advance import Sighting
from tocsin.errortracking.answers import IssueChange
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.logs import level_name
from tocsin.model.samples import SampleBatch

EVENTS, ISSUES = "tocsin_error_events_total", "tocsin_error_issues_total"
PROTOCOL = "errors"
_SECONDS = 10.0
_MOST, _MOST_OF_PROJECT = 5_000, 1_000
_FREE = ("kind", "service", "release", "environment")
"""Senders choose these: where there are too many of them, all further ones are "other"."""
_OTHER = "other"
_KINDS = 200
"""Of a project, exceptions of more types than that are counted as "other"."""
_log = log.get("errors")


class Samples(Protocol):
    """Where counts go (`ingest.intake.Intake`)."""

    async def accept(self, protocol: str, batch: SampleBatch) -> object: ...


class Refs(Protocol):
    """Gives label sets their refs (`ingest.limits.CardinalityGuard`)."""

    def ref(self, labels: Labels) -> int: ...


class ErrorSeries:
    """Counts since the start of the process, written every ten seconds. A series begins with 0, so
    that `increase` tells its first errors too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[Labels, float] = {}
        self._told: set[Labels] = set()
        self._kinds: dict[str, set[str]] = {}
        self._of_project: Counter[str] = Counter()

    def saw(self, sightings: Sequence[Sighting]) -> None:
        """Count errors."""
        for one in sightings:
            self.add(
                EVENTS,
                one.times,
                project=one.project,
                level=level_name(one.level),
                kind=self._kind(one.project, one.kind),
                service=one.service,
                handled="true" if one.handled else "false",
            )

    def heard(self, change: IssueChange) -> None:
        """Count new issues and those that came back."""
        if change.kind in ("new", "regressed"):
            self.add(ISSUES, 1, project=change.issue.project, change=change.kind)

    def add(self, metric: str, by: float, **labels: str) -> None:
        """Count up one series, or the one of all others: no sender takes the room of a project."""
        project = labels.get("project", "")
        named = from_mapping({"__name__": metric, **labels})
        if named not in self._values and self._is_full(project):
            free = {name: _OTHER for name in _FREE if name in labels}
            named = from_mapping({"__name__": metric, **labels, **free})
            if named not in self._values and len(self._values) >= 2 * _MOST:
                return
        if named not in self._values:
            self._values[named] = 0.0
            self._of_project[project] += 1
        self._values[named] += by

    def _is_full(self, project: str) -> bool:
        return len(self._values) >= _MOST or self._of_project[project] >= _MOST_OF_PROJECT

    def _kind(self, project: str, kind: str) -> str:
        known = self._kinds.setdefault(project, set())
        if kind in known or len(known) < _KINDS:
            known.add(kind)
            return kind[:100]
        return _OTHER

    async def run(self, samples: Samples, refs: Refs) -> None:
        """Write them, for ever."""
        while True:
            await self._clock.sleep(_SECONDS)
            await self.flush(samples, refs)

    async def flush(self, samples: Samples, refs: Refs) -> None:
        """Write them as they are now."""
        now_ms = self._clock.now_ms()
        rows: list[tuple[int, int, float]] = []
        new: list[Labels] = []
        for labels, value in self._values.items():
            ref = refs.ref(labels)
            if ref < 0:
                continue
            if labels not in self._told:
                new.append(labels)
                rows.append((ref, now_ms - round(_SECONDS * 1000), 0.0))
            rows.append((ref, now_ms, value))
        if not rows:
            return
        batch = SampleBatch(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
        )
        try:
            await samples.accept(PROTOCOL, batch)
        except Fault as fault:
            _log.warning("error_counts_later", reason=str(fault))
            return
        self._told.update(new)
