"""What do rules need of the rest of Tocsin?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.alert.rules.template import World
from tocsin.kit.clock import Clock
from tocsin.model.alerts import Alert
from tocsin.model.samples import SampleBatch, SeriesIntake
from tocsin.model.series import SeriesSource
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.result import QueryOptions


class AlertSink(Protocol):
    """Who is told of firing and resolved alerts."""

    async def put(self, alerts: Sequence[Alert]) -> None:
        """Take them; what raises a Fault is offered again at the next evaluation."""


class KnownAlerts(Protocol):
    """Who knows the alerts that were told, also by an earlier process."""

    def alerts(self) -> list[Alert]:
        """Every alert that is not over."""


class ResultSink(Protocol):
    """Where the results of rules are kept."""

    def submit(self, batch: SampleBatch) -> bool:
        """Keep them soon; False when they were dropped."""

    async def write(self, batch: SampleBatch) -> None:
        """Keep them, and return once queries see them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every group works with."""

    clock: Clock
    engine: Engine
    source: SeriesSource
    intake: SeriesIntake
    results: ResultSink
    alerts: AlertSink | None = None
    options: QueryOptions = field(default_factory=QueryOptions)
    world: World = field(default_factory=World)
    resend_ms: int = 60_000
    """How often a firing alert is told again."""
    outage_ms: int = 3_600_000
    """After an absence longer than this pending alerts begin anew."""
    grace_ms: int = 600_000
    """What an alert that would fire right after a restart waits at the least."""
