"""Where do the recent window's samples lie? In chunks of sixteen, shared by all series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHUNK = 16
"""Samples in a chunk."""

CHUNK_BYTES = CHUNK * 16 + 12
"""What a chunk costs: two numbers a sample, the newest time in it, its place in the free list."""

UNUSED = np.iinfo(np.int64).max
"""The time in a place that no sample has taken yet: after every end of a range."""


class Chunks:
    """A fixed number of chunks and the free ones among them; memory is touched on first use."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.ts: NDArray[np.int64] = np.empty((count, CHUNK), np.int64)
        self.values: NDArray[np.float64] = np.empty((count, CHUNK), np.float64)
        self.newest: NDArray[np.int64] = np.empty(count, np.int64)
        # A stack, lowest numbers on top: what was used before is used again first.
        self._free: NDArray[np.int32] = np.arange(count, dtype=np.int32)[::-1].copy()
        self.free = count

    def take(self, count: int) -> NDArray[np.int32]:
        """That many empty chunks; the caller has seen that so many are `free`."""
        self.free -= count
        taken = self._free[self.free : self.free + count].copy()
        self.ts[taken] = UNUSED
        return taken

    def give_back(self, chunks: NDArray[np.int32]) -> None:
        """They hold nothing any more."""
        self._free[self.free : self.free + len(chunks)] = chunks
        self.free += len(chunks)

    def close(self, chunks: NDArray[np.int32]) -> None:
        """They are full: note the newest time in each."""
        self.newest[chunks] = self.ts[chunks].max(axis=1)
