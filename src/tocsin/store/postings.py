"""Which series have which label values? Sparse columns, evaluated with numpy."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tocsin.model.labels import Labels, Matcher, MatchOp
from tocsin.store.growing import Growing
from tocsin.store.patterns import literals, quick_test

Refs = NDArray[np.int64]
Codes = NDArray[np.uint32]

ABSENT = 0
"""The code of the empty value: the series has no such label."""


class Column:
    """One label's values: rows of (ref, code of the value), in rising order of ref."""

    __slots__ = ("_codes", "_codes_of", "_refs", "counts", "values")

    def __init__(self) -> None:
        self.values: list[str] = [""]
        self.counts = array("I", [0])
        self._codes_of: dict[str, int] = {"": ABSENT}
        self._refs = Growing(np.uint32)
        self._codes = Growing(np.uint32)

    def __len__(self) -> int:
        return self._refs.size

    @property
    def refs(self) -> NDArray[np.uint32]:
        """The series that have the label."""
        return self._refs.view

    @property
    def codes(self) -> Codes:
        """The code of the value of each of `refs`."""
        return self._codes.view

    def append(self, ref: int, value: str) -> None:
        """`ref` must be greater than all before."""
        code = self._codes_of.get(value)
        if code is None:
            code = self._learn(value)
        self.counts[code] += 1
        self._refs.append(ref)
        self._codes.append(code)

    def extend(self, refs: list[int], values: list[str]) -> None:
        """Many rows at once, an order of magnitude faster than one by one."""
        for value in dict.fromkeys(values):
            if value not in self._codes_of:
                self._learn(value)
        codes = np.fromiter(map(self._codes_of.__getitem__, values), np.uint32, len(values))
        counts = np.array(self.counts) + np.bincount(codes, minlength=len(self.values))
        self.counts = array("I", counts.astype(np.uint32).tobytes())
        self._refs.extend(np.array(refs, np.uint32))
        self._codes.extend(codes)

    def _learn(self, value: str) -> int:
        code = self._codes_of[value] = len(self.values)
        self.values.append(value)
        self.counts.append(0)
        return code

    def count(self, value: str) -> int:
        """How many series have this value."""
        return self.counts[self._codes_of.get(value, ABSENT)]

    def lookup(self, refs: Refs) -> Codes:
        """The code of each of `refs` (rising), ABSENT where the series has no such label."""
        have = self.refs
        if not len(have):
            return np.zeros(len(refs), np.uint32)
        if int(have[-1]) - int(have[0]) + 1 == len(have):  # no gap: the row is known at once
            at = refs - int(have[0])
            inside = (at >= 0) & (at < len(have))
            codes = self.codes[np.where(inside, at, 0)]
        else:
            at = np.minimum(np.searchsorted(have, refs.astype(np.uint32)), len(have) - 1)
            inside = have[at] == refs
            codes = self.codes[at]
        codes[~inside] = ABSENT
        return codes

    def rows(self, low: int, high: int) -> tuple[NDArray[np.uint32], Codes]:
        """The rows of the refs from `low` up to, not including, `high`."""
        have = self.refs
        start, stop = np.searchsorted(have, np.array([low, high], np.uint32))
        return have[start:stop], self.codes[start:stop]

    def admits(self, matcher: Matcher, codes: Codes) -> NDArray[np.bool_]:
        """Which of these values' codes satisfy the matcher."""
        match matcher.op:
            case MatchOp.EQUAL:
                return np.equal(codes, self._code(matcher.value))
            case MatchOp.NOT_EQUAL:
                return np.not_equal(codes, self._code(matcher.value))
            case MatchOp.REGEX:
                return self._found(matcher, codes)
            case MatchOp.NOT_REGEX:
                return np.logical_not(self._found(matcher, codes))

    def drop_all_but(self, alive: NDArray[np.bool_]) -> None:
        """Forget the rows of refs that are not alive, and values that nobody has any more."""
        kept = alive[self.refs]
        refs, codes = self.refs[kept], self.codes[kept]
        used = np.bincount(codes, minlength=len(self.values)).astype(np.uint32)
        used_codes = np.flatnonzero(used)
        values = [self.values[code] for code in used_codes]
        self.values = ["", *values]
        self.counts = array("I", [0, *used[used_codes].tolist()])
        self._codes_of = {value: code for code, value in enumerate(self.values)}
        fresh = np.zeros(len(used), np.uint32)
        fresh[used_codes] = np.arange(1, len(used_codes) + 1, dtype=np.uint32)
        self._refs.replace(refs)
        self._codes.replace(fresh[codes])

    def _code(self, value: str) -> np.uint32:
        # No value has the largest code: more values than that would not fit in memory.
        return np.uint32(self._codes_of.get(value, 0xFFFFFFFF))

    def _found(self, matcher: Matcher, codes: Codes) -> NDArray[np.bool_]:
        """As for a positive regular expression: asked once for each distinct value."""
        texts = literals(matcher.value)
        if texts is not None:
            wanted = [self._codes_of[text] for text in texts if text in self._codes_of]
            return np.isin(codes, np.array(wanted, np.uint32))
        test = quick_test(matcher.value)
        if test is None:
            positive = Matcher(matcher.name, MatchOp.REGEX, matcher.value)
            test = positive.matches
        answers = np.zeros(len(self.values), np.bool_)
        if len(codes) < len(self.values) // 2:
            for code in np.unique(codes):
                answers[code] = test(self.values[code])
        else:
            answers[:] = [test(value) for value in self.values]
        return answers[codes]


class Postings:
    """The columns of all labels."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}

    def append(self, ref: int, labels: Labels) -> None:
        """Index one series; `ref` must be greater than all before."""
        columns = self.columns
        for name, value in labels:
            column = columns.get(name)
            if column is None:
                column = columns[name] = Column()
            column.append(ref, value)

    def extend(self, first_ref: int, label_sets: Sequence[Labels]) -> None:
        """Index many series, their refs in a row."""
        gathered: dict[str, tuple[list[int], list[str]]] = {}
        for ref, labels in enumerate(label_sets, first_ref):
            for name, value in labels:
                rows = gathered.get(name)
                if rows is None:
                    rows = gathered[name] = ([], [])
                rows[0].append(ref)
                rows[1].append(value)
        for name, (refs, values) in gathered.items():
            self.columns.setdefault(name, Column()).extend(refs, values)

    def select(self, matchers: Sequence[Matcher], low: int, high: int) -> Refs:
        """The refs from `low` up to, not including, `high` that satisfy every matcher, rising.

        A matcher that admits the empty value admits series without the label; when all do,
        refs that were never indexed are in the answer too.
        """
        narrow = [matcher for matcher in matchers if not matcher.matches("")]
        narrow.sort(key=_width)
        found: Refs | None = None
        for matcher in narrow:
            column = self.columns.get(matcher.name)
            if column is None:
                return np.zeros(0, np.int64)
            if found is None:
                refs, codes = column.rows(low, high)
                found = refs[column.admits(matcher, codes)].astype(np.int64)
            else:
                found = found[column.admits(matcher, column.lookup(found))]
        if found is None:
            found = np.arange(low, high, dtype=np.int64)
        for matcher in matchers:
            column = self.columns.get(matcher.name)
            if column is not None and matcher.matches(""):
                found = found[column.admits(matcher, column.lookup(found))]
        return found

    def drop_all_but(self, alive: NDArray[np.bool_]) -> None:
        """Forget the refs that are not alive."""
        for name in list(self.columns):
            column = self.columns[name]
            column.drop_all_but(alive)
            if not len(column):
                del self.columns[name]


def _width(matcher: Matcher) -> tuple[bool, bool]:
    """Sorts first what leaves few series for little work: an equality, then the name."""
    return matcher.op is not MatchOp.EQUAL, matcher.name != "__name__"
