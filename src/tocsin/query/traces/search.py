"""Which traces answer a question, and what do the spans of a range say together?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tocsin.kit.clock import Clock
from tocsin.query.traces.answers import (
    Dependency,
    HeatCell,
    Operation,
    Rate,
    RatePoint,
    Trace,
    TraceAsked,
    TraceSummary,
    ValueCount,
)
from tocsin.store.client import Store


class Settles(Protocol):
    """What brings spans that were taken, and are not in the store yet, into it."""

    async def settle(self) -> None: ...


class TraceSearch:
    """Questions about the spans of a store. Each takes `timeout_seconds` at the most.

    All raise Rejected for a question that cannot be asked, QueryTimeout when it takes too long.
    """

    def __init__(
        self, store: Store, writer: Settles, clock: Clock, *, timeout_seconds: float = 30.0
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._timeout = timeout_seconds

    async def trace(self, trace_id: str) -> Trace:
        """One trace by its 32 (or fewer, zeros are filled in on the left) hexadecimal digits.

        Raises NotFound when nothing of it is kept, or not any more.
        """
        raise NotImplementedError

    async def traces(self, trace_ids: Sequence[str]) -> list[Trace]:
        """Several of them, in the order asked for; those that are not kept are left out."""
        raise NotImplementedError

    async def find(self, asked: TraceAsked) -> list[TraceSummary]:
        """The traces, in the order asked for."""
        raise NotImplementedError

    async def services(self, from_ns: int, until_ns: int) -> list[str]:
        """Names of services with spans in the range, by name."""
        raise NotImplementedError

    async def operations(
        self, service: str, kind: str = "", from_ns: int = 0, until_ns: int = 0
    ) -> list[Operation]:
        """Names of a service's spans, by name; of the last day when no range is given."""
        raise NotImplementedError

    async def dependencies(self, from_ns: int, until_ns: int) -> list[Dependency]:
        """Who calls whom, the most frequent first."""
        raise NotImplementedError

    async def rates(
        self, from_ns: int, until_ns: int, *, service: str = "", by_operation: bool = False
    ) -> list[Rate]:
        """RED of each service, or of each operation (of one service); the busiest first."""
        raise NotImplementedError

    async def over_time(
        self, from_ns: int, until_ns: int, step_s: int, *, service: str = "", operation: str = ""
    ) -> list[RatePoint]:
        """RED by step of each service, or of one operation; steps without spans are left out."""
        raise NotImplementedError

    async def heat(self, asked: TraceAsked, step_s: int) -> list[HeatCell]:
        """Spans that fulfil the question by step and duration; limit and order do not count."""
        raise NotImplementedError

    async def tags(self, from_ns: int, until_ns: int, limit: int = 500) -> list[ValueCount]:
        """Names of attributes, of spans and (as `resource.…`) of resources, frequent first."""
        raise NotImplementedError

    async def values(self, asked: TraceAsked, field: str, limit: int = 100) -> list[ValueCount]:
        """The most frequent values of a field among the spans that fulfil the question."""
        raise NotImplementedError
