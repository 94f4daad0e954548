"""Which questions about time are ready to be asked in a condition? Each becomes plain PromQL.

Seasonal baselines compare with the same hour of the past four weeks; a deviation is counted in
standard deviations of these weeks, which count as 5 % of their mean at the least.
"""

from __future__ import annotations

from tocsin.alert.plain.condition_tokens import Dimension
from tocsin.alert.plain.measure import Piece, Role, verdict

_HOUR_MS = 3_600_000
_WEEK_MS = 7 * 24 * _HOUR_MS
_WEEKS = (1, 2, 3, 4)
_FEWEST_WEEKS = 2
_RECENT_MS = 300_000
_LEAST_DEVIATION = 0.05
_WEEK = "tocsin_week"
_SHORTEST_BASIS_MS = _HOUR_MS
_LONGEST_BASIS_MS = 7 * 24 * _HOUR_MS


def absent(piece: Piece, span_ms: int) -> Piece:
    """True while there was no sample for that long."""
    return verdict(f"absent_over_time({piece.over(span_ms)})")


def flatline(piece: Piece, span_ms: int) -> Piece:
    """True while the value has not changed for that long, although it was there all the time."""
    begun = f"last_over_time({piece.over(_RECENT_MS, offset_ms=span_ms)})"
    return verdict(f"changes({piece.over(span_ms)}) == 0 and {begun}")


def forecast(piece: Piece, ahead_ms: int, basis_ms: int = 0) -> Piece:
    """The value that long from now if it goes on as in the last `basis_ms`, which is as long as
    the look ahead without a word, an hour at the least and a week at the most."""
    basis_ms = basis_ms or min(max(ahead_ms, _SHORTEST_BASIS_MS), _LONGEST_BASIS_MS)
    text = f"predict_linear({piece.over(basis_ms)}, {ahead_ms / 1000:g})"
    return Piece(text, Role.MEASURE, piece.dimension)


def seasonal(piece: Piece) -> Piece:
    """By how many standard deviations the last hour is above what this hour was in past weeks."""

    def hour(week: int) -> str:
        span = piece.over(_HOUR_MS, offset_ms=week * _WEEK_MS, finest_ms=_RECENT_MS)
        return f"avg_over_time({span})"

    weeks = " or ".join(
        f'label_replace({hour(week)}, "{_WEEK}", "{week}", "", "")' for week in _WEEKS
    )
    mean = f"avg without ({_WEEK}) ({weeks})"
    spread = f"stddev without ({_WEEK}) ({weeks})"
    least = f"{_LEAST_DEVIATION:g} * abs({mean})"
    enough = f"count without ({_WEEK}) ({weeks}) >= {_FEWEST_WEEKS}"
    text = f"(({hour(0)} - {mean}) / (({spread} > {least}) or {least})) and {enough}"
    return Piece(text, Role.MEASURE, Dimension.NUMBER, is_deviation=True)


def disk_full(free: Piece, ahead_ms: int) -> Piece:
    """True while a filesystem will be full within that time if it fills as it did."""
    return verdict(f"{forecast(free, ahead_ms).text} < 0")


_OVER = {"avg", "max", "min", "sum", "stddev", "last", "count"}
OVER_TIME = frozenset((*_OVER, "rate", "increase"))
"""Functions of a measure and a span: `avg(x, 10m)`, `increase(errors{}, 1h)`."""


def over_time(name: str, piece: Piece, span_ms: int) -> Piece:
    """`avg`, `max` … of the values of that long; `rate` and `increase` of a counter."""
    dimension = piece.dimension
    if name in ("rate", "increase"):
        dimension = Dimension.RATE if name == "rate" and dimension is None else dimension
        if piece.is_selector:
            return Piece(f"{name}({piece.over(span_ms)})", Role.MEASURE, dimension)
        return Piece(f"{name}({piece.over(span_ms)})", Role.MEASURE, None)
    if name == "count":
        dimension = Dimension.NUMBER
    return Piece(f"{name}_over_time({piece.over(span_ms)})", Role.MEASURE, dimension)
