"""Why did a query fail while it ran? Each class is one answer the API gives."""

from __future__ import annotations

from tocsin.kit.fault import Rejected, TooLarge


class InvalidQuery(Rejected):
    """The query cannot be run as asked (its type, its steps); nothing was read."""


class EvalError(Rejected):
    """The query is well-formed but cannot be evaluated on this data."""


class TooManySamples(EvalError, TooLarge):
    """The query would hold more samples in memory than its limit allows."""

    def __init__(self) -> None:
        super().__init__(
            "query processing would load too many samples into memory in query execution"
        )


class QueryTimeout(EvalError):
    """The query took longer than its timeout; `phase` is where it was."""

    def __init__(self, phase: str = "expression evaluation") -> None:
        super().__init__(f"query timed out in {phase}")


class QueryCanceled(EvalError):
    """Nobody waits for the answer any more."""

    def __init__(self, phase: str = "expression evaluation") -> None:
        super().__init__(f"query was canceled in {phase}")


SAME_LABELS = "vector cannot contain metrics with the same labelset"
