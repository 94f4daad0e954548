"""Which functions are there, what do they take and give, and what are they for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tocsin.query.promql.ast import ValueType

_LETTERS = {
    "s": ValueType.SCALAR,
    "v": ValueType.VECTOR,
    "m": ValueType.MATRIX,
    "t": ValueType.STRING,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One function.

    `variadic` 0: exactly `args`; n > 0: the last of `args` may be left out or stand up to n times;
    -1: it may be left out or stand any number of times.
    """

    name: str
    args: tuple[ValueType, ...]
    returns: ValueType
    variadic: int
    experimental: bool
    help: str


def _function(
    name: str, args: str, help: str, *, returns: str = "v", variadic: int = 0, new: bool = False
) -> Signature:
    types = tuple(_LETTERS[letter] for letter in args)
    return Signature(name, types, _LETTERS[returns], variadic, new, help)


_OF_VALUES = (
    _function("abs", "v", "Absolute value."),
    _function("ceil", "v", "Round up to the next whole number."),
    _function("clamp", "vss", "Keep values between a minimum and a maximum."),
    _function("clamp_max", "vs", "Keep values at or below a maximum."),
    _function("clamp_min", "vs", "Keep values at or above a minimum."),
    _function("exp", "v", "e to the power of the value."),
    _function("floor", "v", "Round down to a whole number."),
    _function("ln", "v", "Natural logarithm."),
    _function("log10", "v", "Logarithm to base 10."),
    _function("log2", "v", "Logarithm to base 2."),
    _function("round", "vs", "Round to the nearest multiple, of 1 by default.", variadic=1),
    _function("sgn", "v", "1, -1 or 0, as the value is positive, negative or zero."),
    _function("sqrt", "v", "Square root."),
    _function("max_of", "ss", "The larger of two scalars.", returns="s", new=True),
    _function("min_of", "ss", "The smaller of two scalars.", returns="s", new=True),
)

_TRIGONOMETRY = (
    _function("acos", "v", "Arccosine, in radians."),
    _function("acosh", "v", "Inverse hyperbolic cosine."),
    _function("asin", "v", "Arcsine, in radians."),
    _function("asinh", "v", "Inverse hyperbolic sine."),
    _function("atan", "v", "Arctangent, in radians."),
    _function("atanh", "v", "Inverse hyperbolic tangent."),
    _function("cos", "v", "Cosine of radians."),
    _function("cosh", "v", "Hyperbolic cosine."),
    _function("deg", "v", "Radians to degrees."),
    _function("pi", "", "The number pi.", returns="s"),
    _function("rad", "v", "Degrees to radians."),
    _function("sin", "v", "Sine of radians."),
    _function("sinh", "v", "Hyperbolic sine."),
    _function("tan", "v", "Tangent of radians."),
    _function("tanh", "v", "Hyperbolic tangent."),
)

_OVER_TIME = (
    _function("absent_over_time", "m", "1 when the range has no sample at all."),
    _function("avg_over_time", "m", "Average of the samples in the range."),
    _function("changes", "m", "How often the value changed in the range."),
    _function("count_over_time", "m", "How many samples the range has."),
    _function("delta", "m", "Difference between the ends of the range, for gauges."),
    _function("deriv", "m", "Slope per second by linear regression, for gauges."),
    _function(
        "double_exponential_smoothing",
        "mss",
        "Smoothed value with a smoothing factor and a trend factor.",
        new=True,
    ),
    _function("first_over_time", "m", "The oldest sample of the range.", new=True),
    _function("idelta", "m", "Difference between the last two samples."),
    _function("increase", "m", "How much a counter grew in the range."),
    _function(
        "integral", "ms", "Area under the curve, in value times seconds.", variadic=1, new=True
    ),
    _function("irate", "m", "Growth of a counter per second, from the last two samples."),
    _function("last_over_time", "m", "The newest sample of the range."),
    _function("mad_over_time", "m", "Median absolute deviation in the range.", new=True),
    _function("max_over_time", "m", "Largest sample of the range."),
    _function("min_over_time", "m", "Smallest sample of the range."),
    _function("predict_linear", "ms", "The value in so many seconds, by linear regression."),
    _function("present_over_time", "m", "1 when the range has any sample."),
    _function("quantile_over_time", "sm", "A quantile (0 to 1) of the samples in the range."),
    _function("rate", "m", "Growth of a counter per second, averaged over the range."),
    _function("resets", "m", "How often a counter started anew in the range."),
    _function("stddev_over_time", "m", "Standard deviation of the samples in the range."),
    _function("stdvar_over_time", "m", "Variance of the samples in the range."),
    _function("sum_over_time", "m", "Sum of the samples in the range."),
    _function("ts_of_first_over_time", "m", "When the oldest sample was taken.", new=True),
    _function("ts_of_last_over_time", "m", "When the newest sample was taken.", new=True),
    _function("ts_of_max_over_time", "m", "When the largest sample was taken last.", new=True),
    _function("ts_of_min_over_time", "m", "When the smallest sample was taken last.", new=True),
)

_HISTOGRAMS = (
    _function("histogram_avg", "v", "Average of the observations of native histograms."),
    _function("histogram_count", "v", "Number of observations of native histograms."),
    _function("histogram_fraction", "ssv", "Share of observations between two values."),
    _function("histogram_quantile", "sv", "A quantile (0 to 1) of the observations."),
    _function(
        "histogram_quantiles",
        "vtss",
        "Several quantiles at once, each with its value in a label.",
        variadic=9,
        new=True,
    ),
    _function("histogram_stddev", "v", "Standard deviation of native histograms."),
    _function("histogram_stdvar", "v", "Variance of native histograms."),
    _function("histogram_sum", "v", "Sum of the observations of native histograms."),
)

_LABELS_AND_ORDER = (
    _function("info", "vv", "Add the labels of matching info series.", variadic=1, new=True),
    _function("label_join", "vttt", "Join labels into a new one with a separator.", variadic=-1),
    _function("label_replace", "vtttt", "Set a label from a pattern matched on another."),
    _function("sort", "v", "Order by value, smallest first (instant queries)."),
    _function(
        "sort_by_label", "vt", "Order by the values of labels, naturally.", variadic=-1, new=True
    ),
    _function(
        "sort_by_label_desc",
        "vt",
        "Order by the values of labels, the other way around.",
        variadic=-1,
        new=True,
    ),
    _function("sort_desc", "v", "Order by value, largest first (instant queries)."),
)

_TIME_AND_TYPE = (
    _function("absent", "v", "1 when there is no series."),
    _function("day_of_month", "v", "Day of the month, 1 to 31, in UTC.", variadic=1),
    _function("day_of_week", "v", "Day of the week, 0 is Sunday, in UTC.", variadic=1),
    _function("day_of_year", "v", "Day of the year, 1 to 366, in UTC.", variadic=1),
    _function("days_in_month", "v", "How many days the month has.", variadic=1),
    _function("end", "", "When the query's range ends, in seconds.", returns="s", new=True),
    _function("hour", "v", "Hour of the day, 0 to 23, in UTC.", variadic=1),
    _function("minute", "v", "Minute of the hour, 0 to 59, in UTC.", variadic=1),
    _function("month", "v", "Month of the year, 1 to 12, in UTC.", variadic=1),
    _function("range", "", "How long the query's range is, in seconds.", returns="s", new=True),
    _function("scalar", "v", "The value of the only series, else NaN.", returns="s"),
    _function("start", "", "When the query's range starts, in seconds.", returns="s", new=True),
    _function("step", "", "The query's step in seconds.", returns="s", new=True),
    _function("time", "", "When the expression is evaluated, in seconds.", returns="s"),
    _function("timestamp", "v", "When each sample was taken, in seconds."),
    _function("vector", "s", "A series without labels that has the scalar's value."),
    _function("year", "v", "The year, in UTC.", variadic=1),
)

FUNCTIONS: Mapping[str, Signature] = MappingProxyType(
    {
        function.name: function
        for group in (
            _OF_VALUES,
            _TRIGONOMETRY,
            _OVER_TIME,
            _HISTOGRAMS,
            _LABELS_AND_ORDER,
            _TIME_AND_TYPE,
        )
        for function in group
    }
)
"""All functions by name."""

AGGREGATIONS: Mapping[str, str] = MappingProxyType(
    {
        "sum": "Sum over the series of a group.",
        "avg": "Average over the series of a group.",
        "count": "How many series a group has.",
        "min": "Smallest value of a group.",
        "max": "Largest value of a group.",
        "group": "1 for each group.",
        "stddev": "Standard deviation over the series of a group.",
        "stdvar": "Variance over the series of a group.",
        "topk": "The k series with the largest values.",
        "bottomk": "The k series with the smallest values.",
        "count_values": "How many series have each value, with the value in a label.",
        "quantile": "A quantile (0 to 1) over the series of a group.",
        "limitk": "Any k series, the same at every step (experimental).",
        "limit_ratio": "A share of the series, the same at every step (experimental).",
    }
)
"""All aggregations by name, with what they are for."""

WITH_PARAMETER = frozenset({"topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"})
"""Aggregations that take a parameter in front of the vector."""

EXPERIMENTAL_AGGREGATIONS = frozenset({"limitk", "limit_ratio"})
