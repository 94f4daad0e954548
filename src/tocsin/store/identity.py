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
            fresh = np.fromiter(self._tail, np.uint64, len(self._tail))
            self.replace(np.concatenate([self._sorted, fresh]))

    def replace(self, numbers: NDArray[np.uint64]) -> None:
        """Hold exactly these numbers."""
        self._sorted = np.sort(numbers)
        self._tail = set()
