"""How are millions of lines read without holding them? Page by page, each from where one ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tocsin.query.logs.search import Line, LogSearch, Span

PAGE_LINES = 5_000
_FIRST_SHARE = 64
_SHORTEST_NS = 1_000_000_000
_FASTER = 8


async def pages(
    search: LogSearch, where: str, span: Span, *, newest_first: bool, size: int = PAGE_LINES
) -> AsyncIterator[list[Line]]:
    """All lines of a range that fulfil a condition in SQL, in order of time, `size` at the most
    at once. The part of the range that one statement looks at grows and shrinks with what is found.
    """
    length = span.end_ns - span.start_ns
    width = max(_SHORTEST_NS, length // _FIRST_SHARE)
    left: Span | None = span
    after = ""
    while left is not None:
        part, rest = _cut(left, width, newest_first=newest_first)
        condition = f"{where} AND {after}" if after else where
        found = await search.read(condition, part, size, newest_first=newest_first)
        if found:
            yield found
        if len(found) < size:
            left, after = rest, ""
            width *= _FASTER if len(found) < size // _FASTER else 1
            continue
        width = max(_SHORTEST_NS, width // 2)
        last = found[-1]
        sign = "<" if newest_first else ">"
        after = (
            f"(toUnixTimestamp64Nano(ts), batch, number) {sign}"
            f" ({last.ts_ns}, {last.batch}, {last.number})"
        )
        left = (
            Span(span.start_ns, last.ts_ns + 1) if newest_first else Span(last.ts_ns, span.end_ns)
        )


def _cut(span: Span, width: int, *, newest_first: bool) -> tuple[Span, Span | None]:
    """The part of a range that is read first, and what remains of it."""
    if span.end_ns - span.start_ns <= width:
        return span, None
    if newest_first:
        border = span.end_ns - width
        return Span(border, span.end_ns), Span(span.start_ns, border)
    border = span.start_ns + width
    return Span(span.start_ns, border), Span(border, span.end_ns)
