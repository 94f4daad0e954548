"""What is wrong with a LogQL query, in Loki's words."""

from __future__ import annotations

from tocsin.kit.fault import Rejected


class LogqlError(Rejected):
    """A query that cannot be asked."""


class TooManySeries(LogqlError):
    """More series than a query may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"maximum of series ({most}) reached for a single query; consider reducing query "
            "cardinality by adding more specific stream selectors, reducing the time range, or "
            "aggregating results with functions like sum(), count() or topk()"
        )


def at(text: str, place: int, words: str) -> LogqlError:
    """`parse error at line 1, col 7: syntax error: …`."""
    line = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1) + 1
    return LogqlError(f"parse error at line {line}, col {column}: {words}")
