"""Which number do so many percent of the lines not exceed, when each line counts several times?

In SQL of functions that every ClickHouse has, the embedded one too, which has neither arrayCumSum
nor those functions whose names end in Weighted. Exact for up to 20,000 numbers of a bucket; of more, for a random sample of them.
"""

from __future__ import annotations

_SAMPLE = 20_000


def numbers(number: str) -> str:
    """The numbers that are not null, each with its line's weight, in order."""
    pair = f"(assumeNotNull({number}), weight)"
    return f"arraySort(groupArraySampleIf({_SAMPLE}, 1)({pair}, isNotNull({number})))"


def distances(pairs: str, middle: str) -> str:
    """How far each number is from another one, with the weights, in order."""
    return f"arraySort(arrayMap(one -> (abs(one.1 - {middle}), one.2), {pairs}))"


def quantile(pairs: str, share: float) -> str:
    """The number that this share of the lines, 0 to 1, does not exceed; between two neighbours as
    `quantile` has it. Of no numbers it is 0."""
    weights = f"arrayMap(one -> toUInt64(one.2), {pairs})"
    firsts = f"arrayMap(count -> (1, count), arrayEnumerate({pairs}))"
    ends = f"arrayReduceInRanges('sum', {firsts}, {weights})"
    place = f"({share!r} * (greatest(1, {ends}[-1]) - 1))"

    def at(index: str) -> str:
        return f"{pairs}[arrayFirstIndex(end -> end > {index}, {ends})].1"

    low, high = at(f"floor({place})"), at(f"ceil({place})")
    return f"({low} + ({high} - {low}) * ({place} - floor({place})))"
