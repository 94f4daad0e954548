"""When was each of many lines said? Times that are written alike are read all at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tocsin.kit.timestamps import nanoseconds

_ALIKE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|\+00:00)", re.ASCII)
"""As JavaScript and Python write the time, UTC."""
_WHOLE = 19
"""Characters of a date and a time to the second."""
_FEW = 16
_LATEST_S = 9_223_372_036
_ZERO, _NINE = ord("0"), ord("9")


def all_nanoseconds(texts: Sequence[str]) -> list[int | None]:
    """Nanoseconds since the epoch of each text, as `kit.timestamps.nanoseconds` has them."""
    if len(texts) >= _FEW and _ALIKE.fullmatch(texts[0]):
        found = _alike(texts)
        if found is not None:
            return found
    return list(map(nanoseconds, texts))


def _alike(texts: Sequence[str]) -> list[int | None] | None:
    """None when not every text is written as the first one is."""
    size = len(texts[0])
    if set(map(len, texts)) != {size}:
        return None
    signs = np.frombuffer("".join(texts).encode("utf-8", "replace"), np.uint8)
    if len(signs) != len(texts) * size:
        return None
    table = signs.reshape(len(texts), size)
    first = table[0]
    is_digit = (first >= _ZERO) & (first <= _NINE)
    digits = table[:, is_digit] - np.uint8(_ZERO)  # what is less than a zero becomes large
    if (digits > 9).any() or (table[:, ~is_digit] != first[~is_digit]).any():
        return None
    try:
        seconds = _seconds(table)
    except ValueError:  # no such day: each is read by itself
        return None
    if seconds.min() < 0 or seconds.max() >= _LATEST_S:
        return None
    zone = 1 if texts[0].endswith("Z") else 6
    nanos = np.zeros(len(texts), np.int64)
    for place in range(_WHOLE + 1, size - zone):
        nanos = nanos * 10 + (table[:, place] - _ZERO)
    nanos *= 10 ** (9 - max(0, size - zone - _WHOLE - 1))
    found: list[int | None] = (seconds * 1_000_000_000 + nanos).tolist()
    return found


def _seconds(table: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Seconds since the epoch. Raises ValueError for a day or an hour that there is not."""
    whole = np.ascontiguousarray(table[:, :_WHOLE]).view(f"S{_WHOLE}").ravel()
    return whole.astype("datetime64[s]").astype(np.int64)
