"""How are thousands of small sample messages read at once?

A sample of today is one of two byte patterns in both versions of remote write:
`12 10 09 <8 bytes> 10 <6 bytes>`, or `12 07 10 <6 bytes>` when its value is zero, because protobuf
leaves zeros out. Timestamps take six bytes from 1971 to 2109.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FULL = 18
"""Bytes of a sample message, with its tag and size, that has a value."""
ZERO = 9
"""Bytes of one whose value is zero."""

FULL_HEAD = b"\x12\x10\x09"
ZERO_HEAD = b"\x12\x07\x10"


def read(
    raw: NDArray[np.uint8], at: NDArray[np.int64], size: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
    """(is it such a sample, timestamp, value) of each `size` bytes at the places `at`.

    Places that do not lie within `raw` are no samples.
    """
    fits = (at >= 0) & (at + size <= len(raw))
    if len(raw) < size:
        return fits, np.zeros(len(at), np.int64), np.zeros(len(at), np.float64)
    rows = raw[np.where(fits, at, 0)[:, None] + np.arange(size)]
    head = np.frombuffer(FULL_HEAD if size == FULL else ZERO_HEAD, np.uint8)
    fits &= (rows[:, :3] == head).all(axis=1)
    fits &= (rows[:, -6:-1] >= 0x80).all(axis=1) & (rows[:, -1] < 0x80)
    if size == FULL:
        fits &= rows[:, -7] == 0x10
        values = np.ascontiguousarray(rows[:, 3:11]).view("<f8").ravel()
    else:
        values = np.zeros(len(at), np.float64)
    sevens = (rows[:, -6:] & 0x7F).astype(np.int64)
    return fits, (sevens << (7 * np.arange(6))).sum(axis=1), values
