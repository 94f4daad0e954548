"""Which number do so many percent of the lines not exceed, when each line counts several times?

The embedded engine has none of the functions whose names end in Weighted, and reading a statement
that does the same for many percentages takes it seconds: so it gives the numbers. Exact for up to
8,192 numbers of a bucket, as `quantile` there is; of more, for a random sample of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_SAMPLE = 8_192


def numbers(number: str) -> str:
    """In SQL, the numbers that are not null, each with its line's weight."""
    pair = f"(assumeNotNull({number}), weight)"
    return f"groupArraySampleIf({_SAMPLE}, 1)({pair}, isNotNull({number}))"


def quantiles(pairs: Sequence[Sequence[Any]], shares: Sequence[float]) -> list[float | None]:
    """What these shares of the lines, 0 to 1, do not exceed, between two neighbours in
    proportion; None of no numbers. `pairs` are numbers with their weights."""
    if not pairs:
        return [None] * len(shares)
    values, weights = np.asarray(pairs, float).T
    order = np.argsort(values)
    values, ends = values[order], np.cumsum(weights[order])
    places = np.asarray(shares) * (ends[-1] - 1)
    low, high = (
        values[np.searchsorted(ends, one, side="right").clip(max=len(ends) - 1)]
        for one in (np.floor(places), np.ceil(places))
    )
    found: list[float | None] = (low + (high - low) * (places % 1)).tolist()
    return found


def deviation(pairs: Sequence[Sequence[Any]]) -> float | None:
    """The median distance of the numbers from their median; None of no numbers."""
    (middle,) = quantiles(pairs, [0.5])
    if middle is None:
        return None
    return quantiles([(abs(number - middle), weight) for number, weight in pairs], [0.5])[0]
