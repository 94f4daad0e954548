"""How is a rule asked at ten thousand moments of the past? By range queries, piece by piece."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tocsin.kit.clock import Clock
from tocsin.model.series import SeriesSource
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.cache import is_cacheable
from tocsin.query.promql.check import type_of
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.faults import (
    EvalError,
    QueryCanceled,
    QueryTimeout,
    TooManySamples,
)
from tocsin.query.promql.parse import parse
from tocsin.query.promql.result import QueryOptions, Result

_CELLS = 2_000_000
"""Series × steps that one piece should hold."""
_FIRST_STEPS, _LEAST_STEPS, _MOST_STEPS = 240, 16, 10_000
_TEXTS_KEPT = 8
_ASKED_TWICE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """Steps from `start_ms`, `every_ms` apart."""

    start_ms: int
    every_ms: int
    count: int

    @property
    def end_ms(self) -> int:
        """The last step's time."""
        return self.start_ms + (self.count - 1) * self.every_ms

    def column(self, at_ms: int) -> int | None:
        """Which step that time is; None when it is none."""
        place, rest = divmod(at_ms - self.start_ms, self.every_ms)
        return place if not rest and 0 <= place < self.count else None


class ReplayEngine(Engine):
    """An Engine whose instant queries at the steps of the piece in hand come from one range query.

    The values are those of the instant queries. What depends on the query's own ends (`@ end()`)
    is asked step by step, of `live`, as is a text that is asked once.
    """

    def __init__(self, live: Engine, source: SeriesSource, clock: Clock) -> None:
        super().__init__(source, clock)
        self._live = live
        self._piece = Piece(0, 1, 0)
        self._results: dict[str, Result] = {}
        self._asked: Counter[str] = Counter()
        self._most_steps = _FIRST_STEPS
        self.notes: list[str] = []
        """What the queries' readers warned of, each once."""

    @staticmethod
    def can_replay(text: str) -> bool:
        """Whether a range query's steps are what instant queries would give."""
        expr = parse(text)
        return is_cacheable(expr) and type_of(expr) in (ValueType.VECTOR, ValueType.SCALAR)

    async def take(
        self, text: str, start_ms: int, every_ms: int, count: int, options: QueryOptions
    ) -> tuple[Piece, NDArray[np.bool_]]:
        """Read a piece of at most `count` steps; returns it, and at which steps something is there.

        Raises what Engine.range raises; of a query that is too wide it takes fewer steps.
        """
        steps = min(count, self._most_steps)
        self._results.clear()
        self._asked.clear()
        if not self.can_replay(text):
            return self._step_by_step(start_ms, every_ms, steps)
        while True:
            piece = Piece(start_ms, every_ms, steps)
            try:
                result = await self._live.range(text, start_ms, piece.end_ms, every_ms, options)
            except TooManySamples:
                if steps <= _LEAST_STEPS:
                    raise
                steps = max(_LEAST_STEPS, steps // 4)
            except (QueryTimeout, QueryCanceled):
                raise
            except EvalError:
                # Some step of it fails, as it did live; the others are as they were.
                return self._step_by_step(start_ms, every_ms, min(steps, _FIRST_STEPS))
            else:
                return self._taken(text, piece, result)

    def _step_by_step(
        self, start_ms: int, every_ms: int, steps: int
    ) -> tuple[Piece, NDArray[np.bool_]]:
        """A piece whose steps are asked of the live engine, one by one."""
        self._piece = Piece(start_ms, every_ms, 0)
        return Piece(start_ms, every_ms, steps), np.ones(steps, np.bool_)

    def _taken(self, text: str, piece: Piece, result: Result) -> tuple[Piece, NDArray[np.bool_]]:
        self._piece, self._results[text] = piece, result
        self.notes += [words for words in result.warnings if words not in self.notes]
        fitting = _CELLS // max(1, len(result.labels))
        self._most_steps = max(_LEAST_STEPS, min(_MOST_STEPS, fitting, 4 * piece.count))
        there = np.zeros(piece.count, np.bool_)
        if len(result.labels):
            there |= result.present.any(axis=0)
        return piece, there

    async def instant(self, text: str, at_ms: int, options: QueryOptions | None = None) -> Result:
        """As Engine.instant."""
        column = self._piece.column(at_ms)
        if column is None:
            return await self._live.instant(text, at_ms, options)
        found = self._results.get(text)
        if found is None:
            found = await self._often_asked(text, options)
        if found is None:
            return await self._live.instant(text, at_ms, options)
        return _at(found, column)

    async def _often_asked(self, text: str, options: QueryOptions | None) -> Result | None:
        """What templates and recoveries ask again and again is read for the whole piece too."""
        self._asked[text] += 1
        if self._asked[text] < _ASKED_TWICE or len(self._results) > _TEXTS_KEPT:
            return None
        if not self.can_replay(text):
            return None
        piece = self._piece
        try:
            read = await self._live.range(
                text, piece.start_ms, piece.end_ms, piece.every_ms, options
            )
        except TooManySamples:
            return None
        self._results[text] = read
        return read


def _at(result: Result, column: int) -> Result:
    rows = np.flatnonzero(result.present[:, column])
    return replace(
        result,
        kind=ValueType.VECTOR,
        labels=[result.labels[row] for row in rows.tolist()],
        times=result.times[column : column + 1],
        values=result.values[rows, column : column + 1],
        present=result.present[rows, column : column + 1],
    )
