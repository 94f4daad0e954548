"""How are counters and histograms kept in memory and written as series, again and again?"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import msgspec
import numpy as np
from numpy.typing import NDArray

from tocsin.kit.clock import Clock
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME
from tocsin.model.samples import (
    REFUSED,
    Exemplar,
    Metadata,
    SampleBatch,
    SeriesIntake,
    batch_of,
)
from tocsin.model.span_table import SpanTable

Key = tuple[str, ...]
Numbers = NDArray[np.int64]
_BEYOND = 1_000


@dataclass(frozen=True, slots=True)
class Layout:
    """What each tally holds: `labels` are named by the values of its key; counters and histograms
    by name, with what they are for people. Bounds are seconds."""

    labels: tuple[str, ...]
    counters: dict[str, str]
    histograms: dict[str, str]
    bounds: tuple[float, ...]

    def series(self) -> Iterator[tuple[str, str]]:
        """The name of each series of a tally, and its `le`, in the order of its values."""
        for name in self.counters:
            yield name, ""
        for name in self.histograms:
            yield f"{name}_count", ""
            yield f"{name}_sum", ""
            for bound in self.bounds:
                yield f"{name}_bucket", f"{bound:g}"
            yield f"{name}_bucket", "+Inf"

    def metadata(self) -> list[Metadata]:
        """What the metrics are."""
        found = [Metadata(name, "counter", said) for name, said in self.counters.items()]
        found += [Metadata(name, "histogram", said) for name, said in self.histograms.items()]
        return found


class Example(msgspec.Struct, frozen=True, gc=False):
    """One span of a bucket."""

    seconds: float
    ts_ms: int
    trace_id: str
    span_id: str


@dataclass(slots=True)
class Tally:
    """The counts of one set of labels. `refs` are empty until its series have been asked for."""

    counters: list[int]
    sums: list[float]
    buckets: list[list[int]]
    refs: list[int] = field(default_factory=list)
    examples: dict[tuple[int, int], Example] = field(default_factory=dict)
    last: float = 0.0
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """Spans that are counted: when each began, in milliseconds, and how long it took."""

    table: SpanTable
    ts_ms: list[int]
    seconds: list[float]

    def example(self, row: int) -> Example:
        """One of them as an example."""
        table = self.table
        return Example(self.seconds[row], self.ts_ms[row], table.trace_id[row], table.span_id[row])


class TallyBook:
    """All tallies of one layout.

    `of` and `observe` may run in a thread, `prepare` must not, and no two of them at once.
    """

    def __init__(
        self, series: SeriesIntake, layout: Layout, clock: Clock, *, most: int, forget: float
    ) -> None:
        """At most so many tallies; one that nothing happened to for `forget` seconds goes."""
        self._series = series
        self._layout = layout
        self._clock = clock
        self._most = most
        self._forget = forget
        self._tallies: dict[Key, Tally] = {}
        self._epoch = series.epoch
        self._metadata = layout.metadata()
        self._bounds = np.asarray(layout.bounds)

    def __len__(self) -> int:
        return len(self._tallies)

    def of(self, key: Key, *, beyond: bool = False) -> Tally | None:
        """The tally of these values of the layout's labels; None when there are too many. `beyond`
        allows some more, for what stands for the others."""
        found = self._tallies.get(key)
        if found is None:
            if len(self._tallies) >= self._most + beyond * _BEYOND:
                return None
            layout = self._layout
            histograms = len(layout.histograms)
            found = self._tallies[key] = Tally(
                [0] * len(layout.counters),
                [0.0] * histograms,
                [[0] * (len(layout.bounds) + 1) for _ in range(histograms)],
            )
        found.last = self._clock.monotonic()
        return found

    def observe(self, tally: Tally, which: int, example: Example, weight: int) -> None:
        """Count a duration in the tally's histogram of that number."""
        bucket = bisect_left(self._layout.bounds, example.seconds)
        tally.buckets[which][bucket] += weight
        tally.sums[which] += example.seconds * weight
        tally.examples[which, bucket] = example

    def observe_all(
        self,
        tallies: Sequence[Tally | None],
        which: Numbers,
        seconds: NDArray[np.float64],
        weights: Numbers,
        example_of: Callable[[int], Example],
    ) -> None:
        """Count many durations in the first counters and histograms of tallies, each in that of the
        number in `which`; the last of each bucket is its example."""
        width = len(self._layout.bounds) + 1
        buckets = np.searchsorted(self._bounds, seconds, side="left")
        cells = which * width + buckets
        size = len(tallies) * width
        counts = np.bincount(cells, weights, size).reshape(-1, width)
        sums = np.bincount(which, seconds * weights, len(tallies))
        last = np.full(size, -1)
        last[cells] = np.arange(len(cells))
        for number, tally in enumerate(tallies):
            if tally is None:
                continue
            tally.counters[0] += int(counts[number].sum())
            tally.sums[0] += float(sums[number])
            own, latest = tally.buckets[0], last[number * width : (number + 1) * width]
            for bucket in np.flatnonzero(latest >= 0).tolist():
                own[bucket] += int(counts[number, bucket])
                tally.examples[0, bucket] = example_of(int(latest[bucket]))

    def prepare(self) -> Iterator[Counter[str]]:
        """Forget what is silent, and ask for the series of new tallies: what was refused of each.

        To be run to its end, with a pause now and then.
        """
        oldest = self._clock.monotonic() - self._forget
        silent = [key for key, tally in self._tallies.items() if tally.last < oldest]
        for key in silent:
            del self._tallies[key]
        if self._series.epoch != self._epoch:
            self._epoch = self._series.epoch
            for tally in self._tallies.values():
                tally.refs = []
        for key, tally in list(self._tallies.items()):
            if not tally.refs:
                yield self._ask(key, tally)

    def _ask(self, key: Key, tally: Tally) -> Counter[str]:
        refused: Counter[str] = Counter()
        pairs = {name: value for name, value in zip(self._layout.labels, key, strict=True) if value}
        for name, le in self._layout.series():
            own = {**pairs, NAME: name, **({"le": le} if le else {})}
            labels = label_sets.from_mapping(own)
            ref = self._series.ref(labels)
            if ref == REFUSED:
                refused[self._series.why(labels)] += 1
            tally.refs.append(ref)
        return refused

    def samples(self, now_ms: int, before_ms: int) -> SampleBatch:
        """Every series as it stands now; one that is new was zero so long before, so that
        `increase` sees its first value. Examples are told once."""
        refs: list[int] = []
        ts: list[int] = []
        values: list[float] = []
        exemplars: list[Exemplar] = []
        for tally in self._tallies.values():
            if not tally.refs:
                continue
            own = _values(tally)
            if tally.is_new:
                refs += tally.refs
                ts += [now_ms - before_ms] * len(own)
                values += [0.0] * len(own)
                tally.is_new = False
            refs += tally.refs
            ts += [now_ms] * len(own)
            values += own
            exemplars += self._exemplars(tally)
            tally.examples.clear()
        batch = batch_of(refs, ts, values)
        batch.exemplars = exemplars
        batch.metadata, self._metadata = self._metadata, []
        return batch

    def _exemplars(self, tally: Tally) -> Iterator[Exemplar]:
        layout = self._layout
        width = len(layout.bounds) + 3
        for (which, bucket), one in tally.examples.items():
            ref = tally.refs[len(layout.counters) + which * width + 2 + bucket]
            if ref != REFUSED:
                labels = (("span_id", one.span_id), ("trace_id", one.trace_id))
                yield Exemplar(ref, one.ts_ms, one.seconds, labels)


def _values(tally: Tally) -> Sequence[float]:
    """In the order of the layout's series."""
    found: list[float] = [float(one) for one in tally.counters]
    for total, buckets in zip(tally.sums, tally.buckets, strict=True):
        rising = [float(one) for one in accumulate(buckets)]
        found += [rising[-1], total, *rising]
    return found
