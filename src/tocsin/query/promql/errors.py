"""What is wrong with a query, and where? In Prometheus's own words."""

from __future__ import annotations

from tocsin.kit.fault import Rejected
from tocsin.query.promql.ast import Pos


class ParseError(Rejected):
    """A query that is not PromQL; the text is Prometheus's: `1:8: parse error: unexpected …`.

    `pos` is the half-open range of characters at fault, `position` the line and the column (both
    from 1; columns count UTF-8 bytes as Prometheus counts them), `reason` the text without them.
    """

    def __init__(self, reason: str, query: str, pos: Pos) -> None:
        self.reason = reason
        self.query = query
        self.pos = pos
        self.position = _line_and_column(query, pos.start)
        super().__init__(f"{self.position[0]}:{self.position[1]}: parse error: {reason}")

    def __reduce__(self) -> tuple[type[ParseError], tuple[str, str, Pos]]:
        return ParseError, (self.reason, self.query, self.pos)


def _line_and_column(query: str, offset: int) -> tuple[int, int]:
    before = query[:offset]
    line_start = before.rfind("\n") + 1
    column = len(before[line_start:].encode("utf-8", "surrogateescape")) + 1
    return before.count("\n") + 1, column
