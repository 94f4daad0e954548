"""What differs most between two sets of lines: two ranges of time, or two services?

Values are ranked by the log-likelihood ratio G², which tells how surprising the two shares would be
if both sets were alike, and described by how many times the one share is the other (Dunning 1993,
"Accurate methods for the statistics of surprise and coincidence").
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import msgspec

from tocsin.kit.clock import Clock
from tocsin.query.logs.ast import Query
from tocsin.query.logs.patterns import LogPatterns
from tocsin.query.logs.search import Settled, Span, within
from tocsin.query.logs.sql import condition
from tocsin.store.client import Store

_MOVED = 1.02
"""How far a share must have moved. What nearly all lines have is less frequent in one set only
because of what is new there, and that is listed itself."""
SIGNIFICANT = 10.83
"""G² that equal sets exceed once in a thousand times (chi-squared with one degree of freedom)."""
_LOOKED_AT = 200_000
_MOST_VALUES = 20_000
_LONGEST_VALUE = 120
_TIMEOUT = 20.0
_SETTINGS: dict[str, str | int] = {"output_format_json_quote_64bit_integers": 0}
_LEVELS = "['unknown','trace','debug','info','warn','error','fatal']"
_COLUMNS = ("service", "host", "environment", "source", "user_id")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets: the lines of a range that answer a question."""

    query: Query
    span: Span


@dataclass(frozen=True, slots=True)
class Difference:
    """A value of a field, or a pattern's template, and how often both sets have it.

    `ratio` is the second share divided by the first, both smoothed; `surprise` is G².
    """

    field: str
    value: str
    first: int
    second: int
    ratio: float
    surprise: float
    question: str = ""

    @property
    def is_significant(self) -> bool:
        """Whether it is hardly chance."""
        return self.surprise >= SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, the most surprising first. `looked_at` lines of each set's fields were read;
    `first` and `second` are how many lines the sets have."""

    first: int
    second: int
    patterns: list[Difference]
    values: list[Difference]
    looked_at: tuple[int, int]


class _Value(msgspec.Struct, frozen=True, array_like=True):
    field: str
    value: str
    lines: int


class LogCompare:
    """Compares; raises what `LogPatterns` raises."""

    def __init__(self, store: Store, pending: Settled, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._patterns = LogPatterns(store, pending, clock)

    async def compare(self, first: Side, second: Side, limit: int = 50) -> Comparison:
        """The patterns and the values of fields that differ most, `limit` of each at the most."""
        one, other = await asyncio.gather(
            self._patterns.overview(first.query, first.span),
            self._patterns.overview(second.query, second.span),
        )
        questions: dict[tuple[str, str], str] = {}
        counts: list[dict[tuple[str, str], int]] = [{}, {}]
        for number, rows in enumerate((one, other)):
            for row in rows:
                # Two services say the same with different patterns: the template is what counts.
                key = ("pattern", row.template)
                counts[number][key] = counts[number].get(key, 0) + row.lines
                questions[key] = row.question
        totals = (sum(row.lines for row in one), sum(row.lines for row in other))
        values = await asyncio.gather(self._values(first), self._values(second))
        looked_at = (values[0].pop(("", ""), 0), values[1].pop(("", ""), 0))
        return Comparison(
            first=totals[0],
            second=totals[1],
            patterns=differences(counts[0], counts[1], totals, limit, questions),
            values=differences(values[0], values[1], looked_at, limit, {}),
            looked_at=looked_at,
        )

    async def _values(self, side: Side) -> dict[tuple[str, str], int]:
        """How many of the newest lines have each value; all of them are under two empty texts."""
        where = condition(side.query, self._clock.now_ms() * 1_000_000)
        columns = ", ".join(f"('{name}', toString({name}))" for name in _COLUMNS)
        level = f"('level', {_LEVELS}[least(intDiv(level + 3, 4), 6) + 1])"
        # A value that many lines have says something; numbers and ids that each has once do not.
        sql = (
            "SELECT pair.1, pair.2, toUInt64(sum(weight)) FROM (SELECT weight, arrayConcat(["
            "('', ''), "
            f"{level}, {columns}], arrayZip(mapKeys(attributes), mapValues(attributes))) AS pairs"
            f" FROM logs WHERE {within(side.span)} AND {where} LIMIT {_LOOKED_AT})"
            " ARRAY JOIN pairs AS pair"
            f" WHERE (pair.2 != '' AND length(pair.2) <= {_LONGEST_VALUE}) OR pair.1 = ''"
            f" GROUP BY 1, 2 HAVING count() > 1 OR pair.1 = ''"
            f" ORDER BY count() DESC LIMIT {_MOST_VALUES}"
        )
        body = await self._store.fetch_bytes(
            sql, fmt="JSONCompactEachRow", settings=_SETTINGS, timeout_seconds=_TIMEOUT
        )
        rows = await asyncio.to_thread(msgspec.json.Decoder(_Value).decode_lines, body)
        return {(row.field, row.value): row.lines for row in rows}


def differences(
    first: Mapping[tuple[str, str], int],
    second: Mapping[tuple[str, str], int],
    totals: tuple[int, int],
    limit: int,
    questions: Mapping[tuple[str, str], str],
) -> list[Difference]:
    """What is said of one set more often than of the other, the most surprising first; of what is
    equally surprising, as two patterns that are all there is always are, what there is more of."""
    found = []
    for key in {**first, **second}:
        own, other = first.get(key, 0), second.get(key, 0)
        surprise = log_likelihood(own, totals[0], other, totals[1])
        ratio = share_ratio(own, totals[0], other, totals[1])
        if surprise <= 0 or 1 / _MOVED < ratio < _MOVED:
            continue
        question = questions.get(key) or f"{key[0]}:{quoted(key[1])}"
        found.append(
            Difference(
                *key,
                own,
                other,
                ratio,
                surprise,
                question,
            )
        )
    found.sort(key=lambda one: (-round(one.surprise, 6), -one.ratio, one.field, one.value))
    return found[:limit]


def log_likelihood(first: int, first_total: int, second: int, second_total: int) -> float:
    """G² of two shares; 0 when they are the same, or when one of the sets is empty."""
    total = first_total + second_total
    together = first + second
    if not first_total or not second_total or not together or together >= total:
        return 0.0
    cells = (
        (first, first_total, together),
        (second, second_total, together),
        (first_total - first, first_total, total - together),
        (second_total - second, second_total, total - together),
    )
    surprise = sum(_term(seen, row * column / total) for seen, row, column in cells)
    return max(0.0, 2 * surprise)


def share_ratio(first: int, first_total: int, second: int, second_total: int) -> float:
    """The second share divided by the first, each with half a line added: nothing is infinite."""
    own = (first + 0.5) / (first_total + 1)
    other = (second + 0.5) / (second_total + 1)
    return other / own


def quoted(value: str) -> str:
    """A value as it is written in a question."""
    if value and all(letter.isalnum() or letter in "_-." for letter in value) and value[0] != "-":
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _term(seen: float, expected: float) -> float:
    return seen * log(seen / expected) if seen else 0.0
