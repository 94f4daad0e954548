"""How often would a rule fire if it were set otherwise? In numbers of rounds, pure and fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WINDOW = 9
"""Rounds over which a majority has to be bad for a breach."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """`for` and `keep_firing_for` in rounds, and the threshold of recovery; None is none."""

    hold: int = 0
    keep: int = 0
    recover: float | None = None


@dataclass(frozen=True, slots=True)
class Excursions:
    """The stretches in which one series was bad: `begins` up to `ends`, of `rounds`."""

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    rounds: int

    @staticmethod
    def of(bad: NDArray[np.bool_]) -> Excursions:
        """The stretches of true."""
        edges = np.diff(np.concatenate(([0], bad.astype(np.int8), [0])))
        return Excursions(
            np.flatnonzero(edges == 1).astype(np.int64),
            np.flatnonzero(edges == -1).astype(np.int64),
            len(bad),
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rounds of each."""
        return np.asarray(self.ends - self.begins)

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Round by round."""
        edges = np.zeros(self.rounds + 1, np.int8)
        np.add.at(edges, self.begins, 1)
        np.add.at(edges, self.ends, -1)
        return np.asarray(np.cumsum(edges[:-1]) > 0)


def is_recovered(
    values: NDArray[np.float64], threshold: float, *, is_upper: bool
) -> NDArray[np.bool_]:
    """Where a value is beyond the threshold of recovery, or is not there at all."""
    with np.errstate(invalid="ignore"):
        beyond = values < threshold if is_upper else values > threshold
    return np.asarray(beyond | np.isnan(values))


def simulated(
    excursions: Excursions, tuning: Tuning, recovered: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When alerts fire and end; `recovered` says where an alert may end, None is where not bad."""
    long = excursions.lengths > tuning.hold
    fires = excursions.begins[long] + tuning.hold
    frees = np.flatnonzero(recovered) if recovered is not None else None
    begins: list[int] = []
    ends: list[int] = []
    place = 0
    while place < len(fires):
        begin = int(fires[place])
        end = _end(begin, excursions, tuning.keep, frees)
        begins.append(begin)
        ends.append(end)
        place = int(np.searchsorted(fires, end))
    return np.array(begins, np.int64), np.array(ends, np.int64)


def _end(begin: int, excursions: Excursions, keep: int, frees: NDArray[np.int64] | None) -> int:
    """The round at which an alert that fires from `begin` on is over."""
    at = begin
    while True:
        number = int(np.searchsorted(excursions.begins, at, side="right")) - 1
        if number >= 0 and excursions.ends[number] > at:
            at = int(excursions.ends[number])
        if frees is not None:
            free = int(np.searchsorted(frees, at))
            at = int(frees[free]) if free < len(frees) else excursions.rounds
            number = int(np.searchsorted(excursions.begins, at, side="right")) - 1
            if number >= 0 and excursions.ends[number] > at:
                continue
        if at >= excursions.rounds:
            return excursions.rounds
        following = int(np.searchsorted(excursions.begins, at))
        is_more = following < len(excursions.begins)
        if keep and is_more and excursions.begins[following] <= at + keep:
            at = int(excursions.begins[following])
            continue
        return min(at + keep, excursions.rounds)


def sustained(excursions: Excursions) -> NDArray[np.int64]:
    """Breaches: (begin, end) where most rounds around are bad, for longer than such a window.

    A begin is the first bad round of the breach.
    """
    bad = excursions.bad
    if len(bad) < _WINDOW:
        return np.zeros((0, 2), np.int64)
    share = np.convolve(bad.astype(np.float64), np.ones(_WINDOW) / _WINDOW, mode="same")
    found = Excursions.of(np.asarray(share > 0.5))
    breaches = []
    for begin, end in zip(found.begins.tolist(), found.ends.tolist(), strict=True):
        if end - begin < _WINDOW:
            continue
        first = begin + int(np.argmax(bad[begin:end]))
        breaches.append((first, end))
    return np.array(breaches, np.int64).reshape(-1, 2)
