"""Where does evidence come from? What this room needs of the rest of Tocsin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.incident.evidence.bundle import Change, FrozenAlert, FrozenRule
from tocsin.model.labels import Labels, Matcher
from tocsin.model.series import SeriesData
from tocsin.query.logs.ast import Query
from tocsin.query.logs.search import Line, Span
from tocsin.query.promql.result import QueryOptions, Result


class Asking(Protocol):
    """Evaluates PromQL over a range; `query.promql.engine.Engine` does."""

    async def range(
        self,
        text: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        options: QueryOptions | None = None,
    ) -> Result:
        """The values from start to end, every `step_ms`."""


class Samples(Protocol):
    """Reads stored samples; each `SeriesSource` does."""

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """Samples of the matching series. Raises TooLarge beyond `limit_samples`."""


class Lines(Protocol):
    """Finds lines of logs; `query.logs.search.LogSearch` does."""

    async def lines(
        self, query: Query, span: Span, limit: int, *, newest_first: bool = True, offset: int = 0
    ) -> list[Line]:
        """At most `limit`, in order of their times."""

    async def count(self, query: Query, span: Span) -> int:
        """How many there are."""


class Alerts(Protocol):
    """What fires now, and why who was told."""

    async def alerts(self, of_incident: Sequence[tuple[str, Labels]]) -> list[FrozenAlert]:
        """Those that fire now, and the incident's own (fingerprint and labels), with receipts."""


class Rules(Protocol):
    """Which rules are in force."""

    def rules(self) -> list[FrozenRule]:
        """All of them; `is_of_incident` is False in each."""


class Texts(Protocol):
    """Which configuration is in force, secrets hidden."""

    def routing(self) -> str:
        """The `alertmanager.yml`; empty when there is none."""

    def configuration(self) -> str:
        """The whole configuration as YAML."""


class Changes(Protocol):
    """What changed: deploys, configuration, rules. Anybody may know of some of it."""

    async def changes(
        self, services: Sequence[str], start_ms: int, end_ms: int
    ) -> Sequence[Change]:
        """Those about these services, or about no service in particular, the oldest first."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All of them."""

    engine: Asking
    samples: Samples
    lines: Lines
    alerts: Alerts
    rules: Rules
    texts: Texts
    changes: Sequence[Changes] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may hold; what is beyond is left out, and named."""

    graphs: int = 20
    series: int = 50
    """Of one graph, and of one selector."""
    points: int = 2_000
    """Steps of one graph."""
    samples: int = 200_000
    """Stored samples of all graphs together."""
    values: int = 150_000
    """Values of the graphs' queries together."""
    read_samples: int = 3_000_000
    """What one selector may read."""
    trouble_lines: int = 500
    """Lines of the level warn and above."""
    other_lines: int = 300
    """Lines of any level around the beginning."""
    alerts: int = 500
    rules: int = 2_000
    changes: int = 500
    entries: int = 5_000
    image_bytes: int = 8 << 20
    text: int = 1 << 20
    """Characters of the routing, and of the configuration."""
    seconds: float = 8.0
    """For each graph, and for each other part."""


@dataclass(slots=True)
class Room:
    """What is left of a file's samples and values while it is filled."""

    samples: int
    values: int
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def lacks(self, what: str, why: str) -> None:
        """The file does not have it."""
        self.left_out.append((what, why))
