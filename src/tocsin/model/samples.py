"""What one request or one scrape brought in, in columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tocsin.model.labels import Labels

STALE_BITS = 0x7FF0000000000002
"""The NaN that says "this series has ended" (Prometheus, model/value)."""

STALE = float(np.frombuffer(np.uint64(STALE_BITS).tobytes(), np.float64)[0])

SAMPLE = np.dtype([("id", "<u8"), ("ts", "<i8"), ("value", "<f8")])
"""A sample at rest and on the wire to the engine: 24 bytes, the engine's RowBinary."""

REFUSED = -1
"""The ref of a series that is not taken."""


def is_stale(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the values are staleness markers; other NaNs are not."""
    stale: NDArray[np.bool_] = values.view(np.uint64) == np.uint64(STALE_BITS)
    return stale


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One example of a point: usually the trace that it belongs to."""

    ref: int
    ts_ms: int
    value: float
    labels: Labels


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metric is. `type` is one of counter, gauge, histogram, gaugehistogram, summary, info,
    stateset, unknown."""

    metric: str
    type: str
    help: str = ""
    unit: str = ""


@dataclass(slots=True)
class SampleBatch:
    """Samples in columns of equal length: a sample belongs to series `refs[i]` (see SeriesIntake).

    `refused` counts what was left out on the way, by reason; the good part is kept.
    """

    refs: NDArray[np.int64]
    ts: NDArray[np.int64]
    values: NDArray[np.float64]
    exemplars: list[Exemplar] = field(default_factory=list)
    metadata: list[Metadata] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.refs)


class SeriesIntake(Protocol):
    """Gives each label set a small whole number (its ref) that stays the same while the process
    runs and `epoch` does not change.

    Caches that map a client's own bytes to refs must be emptied when `epoch` changes (rules or
    limits were edited, or old series were forgotten).
    """

    @property
    def epoch(self) -> int:
        """Changes when refs given out before may no longer hold."""

    def ref(self, labels: Labels) -> int:
        """The series' ref, or REFUSED when a limit or a drop rule keeps it out (`why` tells)."""

    def why(self, labels: Labels) -> str:
        """One line that says why `ref` answered REFUSED: the limit, its value, how to raise it."""


class Interner:
    """A SeriesIntake without limits or store: for tests of decoders and for tools."""

    epoch = 0

    def __init__(self) -> None:
        self.labels: list[Labels] = []
        self._refs: dict[Labels, int] = {}

    def ref(self, labels: Labels) -> int:
        ref = self._refs.get(labels)
        if ref is None:
            ref = self._refs[labels] = len(self.labels)
            self.labels.append(labels)
        return ref

    def why(self, labels: Labels) -> str:
        return f"nothing is refused, {labels} neither"


def batch_of(refs: list[int], ts: list[int], values: list[float]) -> SampleBatch:
    """A batch from plain lists, without the samples of refused series."""
    columns = np.array(refs, np.int64), np.array(ts, np.int64), np.array(values, np.float64)
    if refs and min(refs) < 0:
        kept = columns[0] >= 0
        columns = columns[0][kept], columns[1][kept], columns[2][kept]
    return SampleBatch(*columns)
