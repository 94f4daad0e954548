"""Which chunks belong to which series? One slot for each series that is active."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Refs = NDArray[np.int64]
Slot = NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)

DEPTH = 24
"""Chunks that one series can have: 384 samples, an hour and a half at one every 15 s."""

SLOT_BYTES = DEPTH * 4 + 8 * 5 + 1 + 4
"""What a slot costs."""

NONE = -1
LONG_AGO = np.iinfo(np.int64).min


class Slots:
    """Columns by slot, and the slot of each ref. Slots are recycled.

    The samples of slot `s` have the numbers `tail[s] * CHUNK` up to `count[s]`, in the order of
    their arrival; chunk number `n` of them is `table[s, n % DEPTH]`.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._of_ref: NDArray[np.int32] = np.full(1024, NONE, np.int32)
        self._free: Slot = np.zeros(0, np.int32)
        self.ref: Refs = np.zeros(0, np.int64)
        self.count: NDArray[np.int64] = np.zeros(0, np.int64)
        self.tail: NDArray[np.int64] = np.zeros(0, np.int64)
        self.floor: NDArray[np.int64] = np.zeros(0, np.int64)
        self.newest: NDArray[np.int64] = np.zeros(0, np.int64)
        self.disordered: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.table: NDArray[np.int32] = np.zeros((0, DEPTH), np.int32)

    @property
    def free(self) -> int:
        """How many more series can have a slot."""
        return len(self._free) + self.most - len(self.ref)

    @property
    def used(self) -> Slot:
        """The slots that belong to a series."""
        return np.flatnonzero(self.ref >= 0).astype(np.int32)

    def of(self, refs: Refs) -> Slot:
        """The slot of each ref, NONE where it has none."""
        known = len(self._of_ref)
        if len(refs) and int(refs.max()) >= known:
            beyond = refs >= known
            slots = self._of_ref[np.where(beyond, 0, refs)]
            slots[beyond] = NONE
            return slots
        return self._of_ref[refs]

    def obtain(self, refs: Refs, floor: int) -> Slot:
        """Give each of these refs, which have none, a slot that is complete from `floor` on; the
        caller has seen that so many are `free`."""
        if len(refs) > len(self._free):
            self._grow(len(refs) - len(self._free))
        cut = len(self._free) - len(refs)
        slots = self._free[cut:]
        self._free = self._free[:cut]
        top = int(refs.max()) + 1
        if top > len(self._of_ref):
            self._of_ref = _longer(self._of_ref, max(top, len(self._of_ref) * 2), NONE)
        self._of_ref[refs] = slots
        self.ref[slots] = refs
        self.count[slots] = 0
        self.tail[slots] = 0
        self.floor[slots] = floor
        self.newest[slots] = LONG_AGO
        self.disordered[slots] = False
        return slots

    def release(self, slots: Slot) -> None:
        """Their series have no slot any more; the chunks are the caller's to give back."""
        self._of_ref[self.ref[slots]] = NONE
        self.ref[slots] = NONE
        self._free = np.concatenate([self._free, slots])

    def _grow(self, more: int) -> None:
        before = len(self.ref)
        room = min(max(before * 3 // 2, before + more, 1024), self.most)
        self.ref = _longer(self.ref, room, NONE)
        self.count = _longer(self.count, room, 0)
        self.tail = _longer(self.tail, room, 0)
        self.floor = _longer(self.floor, room, 0)
        self.newest = _longer(self.newest, room, 0)
        self.disordered = _longer(self.disordered, room, 0)
        table = np.zeros((room, DEPTH), np.int32)
        table[:before] = self.table
        self.table = table
        fresh = np.arange(room - 1, before - 1, -1, dtype=np.int32)
        self._free = np.concatenate([fresh, self._free])


def _longer(column: NDArray[Number], room: int, fill: int) -> NDArray[Number]:
    grown = np.full(room, fill, column.dtype)
    grown[: len(column)] = column
    return grown
