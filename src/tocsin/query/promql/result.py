"""What does a query give back, and what did it cost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tocsin.model.labels import Labels
from tocsin.model.series import SeriesData, SeriesSource
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.evaluate import NodeStats
from tocsin.query.promql.matrix import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What queries may use together and each."""

    max_points: int = 11_000
    """Steps of a range query."""
    max_length: int = 256 * 1024
    """Characters of a query."""
    at_once: int = 8
    """Queries that read or evaluate at the same time; others wait, within their timeout."""
    heavy_at_once: int = 2
    """Queries evaluated in threads at the same time."""
    thread_cells: int = 200_000
    """Samples plus result cells from which on a query is evaluated in a thread."""
    chunk_samples: int = 2_000_000
    """Samples that one time chunk of a wide query should hold; twice as many at most."""
    chunk_cells: int = 4_000_000
    """Series × steps of one time chunk."""
    max_cells: int = 20_000_000
    """Series × steps that a query may give or hold as one matrix, 9 bytes each."""
    chunk_span_ms: int = 6 * 3_600_000
    """A query over less time is split only when its samples turn out to be too many."""
    subquery_step_ms: int = 60_000
    """The step of subqueries that name none: the default evaluation interval."""
    slow_seconds: float = 1.0
    """Queries that take longer are logged and kept for the page of slow queries."""
    slow_kept: int = 100


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What one query asks for besides its text. `source` replaces the engine's own."""

    lookback_ms: int = 300_000
    timeout_seconds: float = 120.0
    limit_samples: int = 50_000_000
    experimental: bool = True
    explain: bool = False
    source: SeriesSource | None = None


@dataclass(slots=True)
class QueryStats:
    """What was read and how long each phase took, in seconds."""

    samples_read: int = 0
    series_read: int = 0
    peak_samples: int = 0
    parse_seconds: float = 0.0
    fetch_seconds: float = 0.0
    eval_seconds: float = 0.0
    chunks: int = 0
    origins: tuple[str, ...] = ()
    nodes: list[NodeStats] = field(default_factory=list)
    """One entry per node, children first; only with `explain`."""

    @property
    def total_seconds(self) -> float:
        """All phases together."""
        return self.parse_seconds + self.fetch_seconds + self.eval_seconds


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A query's answer: `values` and `present` have the shape (series, steps).

    A scalar is one series without labels. A string is in `text`. An instant query for a range
    vector has `matrix` and empty arrays. Instant vectors keep the order that the query gave them;
    range queries are ordered by labels.
    """

    kind: ValueType
    labels: Sequence[Labels]
    times: Ints
    values: Floats
    present: Bools
    text: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: QueryStats = field(default_factory=QueryStats)
    matrix: SeriesData | None = None


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """A query that took longer than the threshold."""

    text: str
    at_ms: int
    seconds: float
    samples_read: int
    series_read: int
    steps: int
