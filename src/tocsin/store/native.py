"""How are fixed-width columns read from ClickHouse's Native format? (its manual: Native)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.store.errors import StoreError

Columns = dict[str, NDArray[Any]]  # the element type is the column's own

_TYPES: dict[bytes, np.dtype[Any]] = {
    b"UInt8": np.dtype("<u1"),
    b"UInt16": np.dtype("<u2"),
    b"UInt32": np.dtype("<u4"),
    b"UInt64": np.dtype("<u8"),
    b"Int64": np.dtype("<i8"),
    b"Float64": np.dtype("<f8"),
    b"Date": np.dtype("<u2"),
}


def blocks(data: bytes) -> Iterator[Columns]:
    """The blocks of a result, columns by name, as views of `data`; a result may have none.

    Raises StoreError for a type that has no fixed width here: the SQL must cast it.
    """
    position = 0
    while position < len(data):
        count, position = _number(data, position)
        rows, position = _number(data, position)
        columns = {}
        for _ in range(count):
            name, position = _text(data, position)
            type_name, position = _text(data, position)
            dtype = _TYPES.get(type_name)
            if dtype is None:
                raise StoreError(f"column {name!r} has the type {type_name!r}; cast it in the SQL")
            columns[name.decode()] = np.frombuffer(data, dtype, rows, position)
            position += rows * dtype.itemsize
        if rows:
            yield columns


def _number(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _text(data: bytes, position: int) -> tuple[bytes, int]:
    size, position = _number(data, position)
    return data[position : position + size], position + size
