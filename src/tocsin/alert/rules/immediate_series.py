"""How do alerts that fire as values arrive come into the series ALERTS, as those of rules do?"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tocsin.alert.rules.ports import ResultSink
from tocsin.alert.rules.rule_run import ALERTS
from tocsin.model.labels import NAME, Labels, from_mapping
from tocsin.model.samples import REFUSED, STALE, SampleBatch, SeriesIntake


class ImmediateSeries:
    """Writes 1 while an alert fires, and the end of its series when it is over."""

    def __init__(self, intake: SeriesIntake, results: ResultSink) -> None:
        self._intake = intake
        self._results = results
        self._written: set[Labels] = set()

    def fire(self, alerts: Iterable[Labels], at_ms: int) -> None:
        """These fire now."""
        found = set(alerts)
        self._written |= found
        self._submit(found, 1.0, at_ms)

    def all_firing(self, alerts: Iterable[Labels], at_ms: int) -> None:
        """These fire now, and no others any more."""
        found = set(alerts)
        self._submit(self._written - found, STALE, at_ms)
        self._submit(found, 1.0, at_ms)
        self._written = found

    def _submit(self, alerts: set[Labels], value: float, at_ms: int) -> None:
        refs = np.array([self._intake.ref(_series(one)) for one in sorted(alerts)], np.int64)
        refs = refs[refs != REFUSED]
        if len(refs):
            at = np.full(len(refs), at_ms, np.int64)
            self._results.submit(SampleBatch(refs, at, np.full(len(refs), value)))


def _series(alert: Labels) -> Labels:
    return from_mapping({**dict(alert), NAME: ALERTS, "alertstate": "firing"})
