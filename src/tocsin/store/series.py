"""Which series are there? Label sets, their refs in this process, and their ids for ever."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocsin.kit import gauge, log
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, Matcher, series_id
from tocsin.store.growing import Growing
from tocsin.store.identity import Ids
from tocsin.store.metadata import MetadataBook
from tocsin.store.postings import Postings, Refs

DAY_MS = 86_400_000
NEVER = -1
"""The last day of a series that has no row in the store yet."""

_UNBORN = np.iinfo(np.int32).max
_SELECTIONS_KEPT = 1024
_SELECTED_REFS_KEPT = 4_000_000

_log = log.get("store.series")
_known = gauge.gauge("series", "Series known within the retention time.")
_collisions = gauge.counter("series_collisions", "Series refused: another one has the same id.")


@dataclass(frozen=True, slots=True)
class Cardinality:
    """What the series cost, the most expensive first: (what, how many series) each."""

    series: int
    metrics: list[tuple[str, int]]
    jobs: list[tuple[str, int]]
    pairs: list[tuple[str, int]]
    """`name="value"` and its series."""
    labels: list[tuple[str, int]]
    """Label names and how many distinct values they have."""


class SeriesRegistry:
    """Every series within retention: dense refs (never given twice while the process runs), ids,
    days alive, and an index of the labels. Used from the event loop's thread."""

    def __init__(self) -> None:
        self._labels: list[Labels | None] = []
        self._refs: dict[Labels, int] = {}
        self._taken = Ids()
        self._ids = Growing(np.uint64)
        self._first = Growing(np.int32)
        self._last = Growing(np.int32)
        self._postings = Postings()
        self._forgotten: dict[int, Labels] = {}
        self._selections: OrderedDict[tuple[Matcher, ...], tuple[int, Refs]] = OrderedDict()
        self._selected = 0
        self._forgets = 0
        self._size_at_forget = 0
        self.metadata = MetadataBook()

    def __len__(self) -> int:
        return len(self._refs)

    @property
    def epoch(self) -> int:
        """Changes when series were forgotten: refs given out before may no longer hold."""
        return self._forgets

    @property
    def generation(self) -> tuple[int, int]:
        """Changes when series were added or forgotten."""
        return self._forgets, len(self._labels)

    @property
    def ids(self) -> NDArray[np.uint64]:
        """Id by ref; valid until the next `add`. Likewise `first_day` and `last_day`."""
        return self._ids.view

    @property
    def first_day(self) -> NDArray[np.int32]:
        """The first day (since 1970, UTC) with a row in the store, by ref."""
        return self._first.view

    @property
    def last_day(self) -> NDArray[np.int32]:
        """The last day with a row in the store, by ref; NEVER before there is one."""
        return self._last.view

    def find(self, labels: Labels) -> int | None:
        """The ref of a known series."""
        return self._refs.get(labels)

    def labels(self, ref: int) -> Labels:
        """The labels of a ref; forgotten ones keep theirs until the next `forget`."""
        return self._labels[ref] or self._forgotten.get(ref, ())

    def add(self, labels: Labels) -> int:
        """The ref of the series, which becomes known if it was not.

        Raises Rejected when another series has the same id: the two would be mixed for ever.
        """
        ref = self._refs.get(labels)
        if ref is not None:
            return ref
        number = series_id(labels)
        if number in self._taken:
            _collisions.inc()
            raise Rejected(
                f"series {labels} has the same id ({number:016x}) as another series; change one "
                "of its labels (the chance of this is about 1 in 50,000 for 100,000 series)"
            )
        self._taken.add(number)
        ref = len(self._labels)
        self._refs[labels] = ref
        self._labels.append(labels)
        self._ids.append(number)
        self._first.append(_UNBORN)
        self._last.append(NEVER)
        self._postings.append(ref, labels)
        _known.set(len(self._refs))
        return ref

    def restore(
        self,
        label_sets: Sequence[Labels],
        ids: NDArray[np.uint64],
        first_days: NDArray[np.int32],
        last_days: NDArray[np.int32],
    ) -> None:
        """Take over series that the store holds, each id once; known ones only get their days."""
        known = self._taken.among(ids)
        for at in np.flatnonzero(known).tolist():
            ref = self._refs.get(label_sets[at])
            if ref is None:
                _log.error("series_id_taken_twice", id=int(ids[at]), labels=label_sets[at])
                continue
            self.record(np.array([ref]), first_days[at : at + 1])
            self.record(np.array([ref]), last_days[at : at + 1])
        fresh = ~known
        sets = [label_sets[at] for at in np.flatnonzero(fresh).tolist()]
        first_ref = len(self._labels)
        self._refs.update(zip(sets, range(first_ref, first_ref + len(sets)), strict=True))
        self._labels += sets
        self._taken.update(ids[fresh])
        self._ids.extend(ids[fresh])
        self._first.extend(first_days[fresh])
        self._last.extend(last_days[fresh])
        self._postings.extend(first_ref, sets)
        _known.set(len(self._refs))

    def settle(self, refs: Refs) -> Refs:
        """The refs under which these series are known now.

        A batch on its way while `forget` ran may name series that were dropped: they come back.
        """
        if not self._forgotten or not len(refs):
            return refs
        gone = np.isin(refs, np.fromiter(self._forgotten, np.int64, len(self._forgotten)))
        if not gone.any():
            return refs
        settled = refs.copy()
        for ref in np.unique(refs[gone]).tolist():
            settled[refs == ref] = self.add(self._forgotten[ref])
        return settled

    def unrecorded(self, refs: Refs, ts_ms: NDArray[np.int64]) -> tuple[Refs, NDArray[np.int32]]:
        """The (ref, day) pairs of these samples that the store has no series row for, once each.

        A day between the first and the last is taken as recorded.
        """
        days = (ts_ms // DAY_MS).astype(np.int32)
        fresh = (days > self._last.view[refs]) | (days < self._first.view[refs])
        if not fresh.any():
            return np.zeros(0, np.int64), np.zeros(0, np.int32)
        pairs = np.unique(refs[fresh] << 32 | days[fresh])
        return pairs >> 32, (pairs & 0xFFFFFFFF).astype(np.int32)

    def record(self, refs: Refs, days: NDArray[np.int32]) -> None:
        """The store has these series rows now."""
        np.minimum.at(self._first.view, refs, days)
        np.maximum.at(self._last.view, refs, days)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Refs:
        """The refs, rising, of the series that satisfy all matchers and were alive in the range
        (to the day). No matchers: all series."""
        refs = self._matching(tuple(matchers))
        first, last = start_ms // DAY_MS, end_ms // DAY_MS
        alive = (self._last.view[refs] >= max(first, 0)) & (self._first.view[refs] <= last)
        return refs[alive]

    def _matching(self, key: tuple[Matcher, ...]) -> Refs:
        """Cached; series added since are looked at alone."""
        size = len(self._labels)
        upto, refs = self._selections.pop(key, (0, np.zeros(0, np.int64)))
        self._selected -= len(refs)
        if upto < size:
            more = self._postings.select(key, upto, size)
            refs = np.concatenate([refs, more]) if len(refs) else more
        self._selections[key] = (size, refs)
        self._selected += len(refs)
        while len(self._selections) > 1 and (
            len(self._selections) > _SELECTIONS_KEPT or self._selected > _SELECTED_REFS_KEPT
        ):
            _, (_, dropped) = self._selections.popitem(last=False)
            self._selected -= len(dropped)
        return refs

    def label_names(self, refs: Refs) -> list[str]:
        """Sorted names of the labels that any of these series (rising refs) has."""
        columns = self._postings.columns
        if len(refs) == len(self._refs):
            return sorted(columns)
        return sorted(name for name, column in columns.items() if column.lookup(refs).any())

    def label_values(self, name: str, refs: Refs) -> list[str]:
        """Sorted values of one label among these series (rising refs)."""
        column = self._postings.columns.get(name)
        if column is None:
            return []
        seen = np.zeros(len(column.values), np.bool_)
        seen[column.lookup(refs)] = True
        seen[0] = False
        return sorted(column.values[code] for code in np.flatnonzero(seen).tolist())

    def count(self, name: str, value: str) -> int:
        """How many known series have the label with this (non-empty) value; constant time."""
        column = self._postings.columns.get(name)
        return 0 if column is None else column.count(value)

    def refs_of(self, ids: NDArray[np.uint64]) -> Refs:
        """The ref of each id, -1 where it is not known."""
        known = self._ids.view
        if not len(known):
            return np.full(len(ids), -1, np.int64)
        order = np.argsort(known, kind="stable")
        # A forgotten series that came back has its id twice: the last ref is the living one.
        at = np.maximum(np.searchsorted(known, ids, side="right", sorter=order) - 1, 0)
        refs: Refs = order[at]
        refs[known[refs] != ids] = -1
        return refs

    def cardinality(self, top: int = 10) -> Cardinality:
        """What the known series cost: the metrics, jobs, label pairs and labels with the most."""
        columns = self._postings.columns
        labels = sorted(
            ((name, len(column.values) - 1) for name, column in columns.items()),
            key=lambda entry: (-entry[1], entry[0]),
        )
        pairs = [
            (f'{name}="{value}"', count)
            for name in columns
            if name != "__name__"
            for value, count in self._top(name, top)
        ]
        pairs.sort(key=lambda entry: (-entry[1], entry[0]))
        return Cardinality(
            series=len(self._refs),
            metrics=self._top("__name__", top),
            jobs=self._top("job", top),
            pairs=pairs[:top],
            labels=labels[:top],
        )

    def _top(self, name: str, top: int) -> list[tuple[str, int]]:
        column = self._postings.columns.get(name)
        if column is None:
            return []
        counts = np.array(column.counts, np.int64)
        most = np.argsort(-counts, kind="stable")[:top].tolist()
        return [(column.values[code], int(counts[code])) for code in most if counts[code]]

    def forget(self, before_day: int) -> int:
        """Drop the series that were last alive before that day (days since 1970), and those that
        were added before the previous call and never written; how many.

        Their refs are never given out again; `epoch` changes if there were any.
        """
        last = self._last.view
        unwritten = (last == NEVER) & (np.arange(len(last)) < self._size_at_forget)
        candidates = np.flatnonzero(((last < before_day) & (last != NEVER)) | unwritten)
        stale = [ref for ref in candidates.tolist() if self._labels[ref] is not None]
        self._size_at_forget = len(last)
        if not stale:
            return 0
        self._forgotten = {}
        for ref in stale:
            labels = self._labels[ref]
            if labels is not None:
                self._forgotten[ref] = labels
                self._labels[ref] = None
                del self._refs[labels]
        last[stale] = NEVER
        self._first.view[stale] = _UNBORN
        alive = np.fromiter((entry is not None for entry in self._labels), np.bool_)
        self._postings.drop_all_but(alive)
        self._taken.replace(self._ids.view[alive])
        self._selections.clear()
        self._selected = 0
        self._forgets += 1
        _known.set(len(self._refs))
        return len(stale)
