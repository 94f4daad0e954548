"""What rows does a block in ClickHouse's Native format hold, and which of them are wanted?

Only for blocks that `native_write` made; used where an insert failed, so it need not be fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocsin.kit.fault import Permanent
from tocsin.store.native_write import Column, block

_FIXED = {"UInt8": 1, "UInt32": 4, "UInt64": 8, "DateTime('UTC')": 4, "DateTime64(9, 'UTC')": 8}
_NUMBERS = {"UInt8": "<u1", "UInt32": "<u4", "UInt64": "<u8", "DateTime('UTC')": "<u4"}
_TEXT, _MAP = "String", "Map(String, String)"

Data = bytes | memoryview


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a column's values lie."""

    name: str
    type: str
    start: int
    stop: int


class Block:
    """One block. Raises Permanent for a type that `native_write` does not write."""

    def __init__(self, data: Data) -> None:
        self._data = memoryview(data)
        count, at = self._varint(0)
        self.rows, at = self._varint(at)
        self._columns: list[_Place] = []
        for _ in range(count):
            name, at = self._text(at)
            kind, at = self._text(at)
            end = self._end(kind, at)
            self._columns.append(_Place(name, kind, at, end))
            at = end
        if at != len(self._data):
            raise Permanent(f"a block of {self.rows} rows ends at byte {at} of {len(data)}")

    def numbers(self, name: str) -> NDArray[np.integer]:
        """The values of a column of whole numbers; of times, their nanoseconds."""
        place = next(one for one in self._columns if one.name == name)
        kind = _NUMBERS.get(place.type, "<i8")
        return np.frombuffer(self._data[place.start : place.stop], kind)

    def taken(self, rows: Sequence[int]) -> bytes:
        """A block of these rows alone, in that order."""
        columns = [Column(one.name, one.type, self._some(one, rows)) for one in self._columns]
        return block(columns, len(rows))

    def _some(self, place: _Place, rows: Sequence[int]) -> bytes:
        if width := _FIXED.get(place.type):
            values = np.frombuffer(self._data[place.start : place.stop], f"V{width}")
            return values[np.asarray(rows, np.int64)].tobytes()
        if place.type == _TEXT:
            pieces = self._pieces(place.start, self.rows)[0]
            return b"".join(pieces[row] for row in rows)
        ends, keys, values_of = self._map(place.start)
        starts = [0, *ends[:-1]]
        sizes = [ends[row] - starts[row] for row in rows]
        places = [at for row in rows for at in range(starts[row], ends[row])]
        return (
            np.cumsum(sizes, dtype="<u8").tobytes()
            + b"".join(keys[at] for at in places)
            + b"".join(values_of[at] for at in places)
        )

    def _map(self, at: int) -> tuple[list[int], list[Data], list[Data]]:
        ends = np.frombuffer(self._data[at : at + 8 * self.rows], "<u8").tolist()
        keys, at = self._pieces(at + 8 * self.rows, ends[-1] if ends else 0)
        values, _ = self._pieces(at, ends[-1] if ends else 0)
        return ends, keys, values

    def _end(self, kind: str, at: int) -> int:
        if kind in _FIXED:
            return at + _FIXED[kind] * self.rows
        if kind == _TEXT:
            return self._pieces(at, self.rows)[1]
        if kind != _MAP:
            raise Permanent(f"a block has a column of the type {kind}, which is not read here")
        last = at + 8 * self.rows
        count = int.from_bytes(self._data[last - 8 : last], "little") if self.rows else 0
        return self._pieces(self._pieces(last, count)[1], count)[1]

    def _pieces(self, at: int, count: int) -> tuple[list[Data], int]:
        """So many texts with their sizes before them, and the place behind."""
        found: list[Data] = []
        for _ in range(count):
            size, first = self._varint(at)
            found.append(self._data[at : first + size])
            at = first + size
        return found, at

    def _text(self, at: int) -> tuple[str, int]:
        size, first = self._varint(at)
        return bytes(self._data[first : first + size]).decode(), first + size

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
