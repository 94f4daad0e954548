"""How does a numpy column grow by single values without being copied each time?"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


class Growing(Generic[Number]):
    """A one-dimensional numpy array with room at its end; it grows by half when full."""

    __slots__ = ("_data", "size")

    def __init__(self, dtype: type[Number], room: int = 16) -> None:
        self._data: NDArray[Number] = np.zeros(room, dtype)
        self.size = 0

    @property
    def view(self) -> NDArray[Number]:
        """What was appended; valid until the next append (which may move the data)."""
        return self._data[: self.size]

    @property
    def nbytes(self) -> int:
        """Bytes held, spare room included."""
        return self._data.nbytes

    def append(self, value: Any) -> None:  # a Python or numpy number; numpy converts
        """Add one value."""
        if self.size == len(self._data):
            self.reserve(self.size + 1)
        self._data[self.size] = value
        self.size += 1

    def extend(self, values: NDArray[Any]) -> None:
        """Add many values, converted to the column's type."""
        self.reserve(self.size + len(values))
        self._data[self.size : self.size + len(values)] = values
        self.size += len(values)

    def reserve(self, size: int) -> None:
        """Make room for `size` values in all."""
        if size > len(self._data):
            grown = np.zeros(max(size, len(self._data) * 3 // 2), self._data.dtype)
            grown[: self.size] = self._data[: self.size]
            self._data = grown

    def replace(self, values: NDArray[Number]) -> None:
        """Hold these values instead."""
        self._data = np.array(values, self._data.dtype)
        self.size = len(values)
