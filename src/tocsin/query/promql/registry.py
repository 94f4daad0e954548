"""Which functions are there? One visible table; a new family is its file and its line here."""

from __future__ import annotations

from tocsin.query.promql.function import Function
from tocsin.query.promql.functions import (
    absent,
    clock,
    elementwise,
    histogram,
    info,
    label,
    over_time,
    predict,
    rate,
    sort,
    trig,
)

_FAMILIES = (
    absent.FUNCTIONS,
    clock.FUNCTIONS,
    elementwise.FUNCTIONS,
    histogram.FUNCTIONS,
    info.FUNCTIONS,
    label.FUNCTIONS,
    over_time.FUNCTIONS,
    predict.FUNCTIONS,
    rate.FUNCTIONS,
    sort.FUNCTIONS,
    trig.FUNCTIONS,
)

FUNCTIONS: dict[str, Function] = {
    function.name: function for family in _FAMILIES for function in family
}
"""Every function by its name."""
