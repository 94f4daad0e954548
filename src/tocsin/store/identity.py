"""Which ids are taken? Enough to notice when two label sets share one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TAIL = 8192


class Ids:
    """A set of 64-bit numbers in 8 bytes each: a sorted array, and a small set of the newest."""

    def __init__(self) -> None:
        self._sorted: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._tail: set[int] = set()

    def __contains__(self, number: int) -> bool:
        if number in self._tail:
            return True
        at = int(np.searchsorted(self._sorted, np.uint64(number)))
        return at < len(self._sorted) and int(self._sorted[at]) == number

    def add(self, number: int) -> None:
        """Take a number that is not in yet."""
        self._tail.add(number)
        if len(self._tail) > _TAIL + len(self._sorted) // 8:
            self.update(np.zeros(0, np.uint64))

    def among(self, numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the numbers are in."""
        self.update(np.zeros(0, np.uint64))
        if not len(self._sorted):
            return np.zeros(len(numbers), np.bool_)
        at = np.minimum(np.searchsorted(self._sorted, numbers), len(self._sorted) - 1)
        return np.equal(self._sorted[at], numbers)

    def update(self, numbers: NDArray[np.uint64]) -> None:
        """Take numbers that are not in yet."""
        tail = np.fromiter(self._tail, np.uint64, len(self._tail))
        if len(tail) or len(numbers):
            self.replace(np.concatenate([self._sorted, tail, numbers]))

    def replace(self, numbers: NDArray[np.uint64]) -> None:
        """Hold exactly these numbers."""
        self._sorted = np.sort(numbers)
        self._tail = set()
