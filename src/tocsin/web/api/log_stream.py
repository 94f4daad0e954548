"""How do lines go out for as long as somebody reads: a live tail, and everything as a file?"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response, StreamingResponse

from tocsin.model.logs import LogRecord, level_name
from tocsin.query.logs.ast import Query
from tocsin.query.logs.match import matcher
from tocsin.query.logs.pages import pages
from tocsin.query.logs.search import Line, LogSearch, Span
from tocsin.query.logs.sql import condition
from tocsin.web.api.log_json import shown, time_text

if TYPE_CHECKING:
    from tocsin.web.services import Services

IDLE_SECONDS = 15.0
"""A tail without lines says this often that it lives: proxies close what is silent."""

_MOST_CAUGHT_UP = 10_000
_CSV = (
    *("time", "level", "service", "host", "environment", "source", "message"),
    *("trace_id", "span_id", "user_id", "attributes"),
)
_encode = msgspec.json.Encoder().encode
_lines = msgspec.json.Encoder().encode_lines


def tail(parts: Services, query: Query, since_ns: int | None) -> Response:
    """Lines as they come; raises Rejected before anything is sent when the question is wrong."""
    test = matcher(query, parts.log_search.now_ns())
    events = _events(parts, query, test, since_ns)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(
    parts: Services, query: Query, test: Callable[[LogRecord], bool], since_ns: int | None
) -> AsyncIterator[bytes]:
    with parts.log_tail.reading(test) as reader:
        yield b"retry: 2000\n\n"
        seen: set[tuple[int, str]] = set()
        if since_ns is not None:
            for line in await caught_up(parts.log_search, query, since_ns):
                seen.add((line.ts_ns, line.body))
                yield b"id: %b\n%b" % (line.id.encode(), event("line", shown(line)))
        yield event("caught_up", {})
        told = 0
        async for records in reader.batches(IDLE_SECONDS):
            fresh = [one for one in records if (one.ts_ns, one.body) not in seen]
            if records:
                seen.clear()  # only the first lines can have been read from the store already
            yield b"".join(event("line", shown(one)) for one in fresh) or b": alive\n\n"
            if reader.lost > told:
                yield event("lost", {"lines": reader.lost - told})
                told = reader.lost


async def caught_up(search: LogSearch, query: Query, since_ns: int) -> Sequence[Line]:
    """What was kept since then, the newest `_MOST_CAUGHT_UP` of it, oldest first."""
    end = max(search.now_ns() + 60_000_000_000, since_ns + 1)
    found = await search.lines(query, Span(since_ns, end), _MOST_CAUGHT_UP)
    return found[::-1]


def event(name: str, data: object) -> bytes:
    """One Server-Sent Event; JSON has no line breaks, so one `data:` is enough."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(data))


def export(
    search: LogSearch,
    query: Query,
    span: Span,
    form: str,
    *,
    limit: int,
    newest_first: bool,
) -> Response:
    """All lines as a file that grows while it is sent; `limit` 0 is no limit."""
    where = condition(query, search.now_ns())
    found = pages(search, where, span, newest_first=newest_first)
    blocks = _blocks(found, _as_csv if form == "csv" else _as_ndjson, limit, _head(form))
    media = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    name = f"logs-{time_text(span.start_ns)[:19].replace(':', '')}.{form}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(blocks, media_type=media, headers=headers)


async def _blocks(
    found: AsyncIterator[list[Line]],
    write: Callable[[Sequence[Line]], bytes],
    limit: int,
    head: bytes,
) -> AsyncIterator[bytes]:
    if head:
        yield head
    left = limit
    async for lines in found:
        part = lines[:left] if limit else lines
        yield await asyncio.to_thread(write, part)
        left -= len(part)
        if limit and left <= 0:
            return


def _head(form: str) -> bytes:
    return ",".join(_CSV).encode() + b"\r\n" if form == "csv" else b""


def _as_ndjson(lines: Sequence[Line]) -> bytes:
    return _lines([shown(line) for line in lines])


def _as_csv(lines: Sequence[Line]) -> bytes:
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    for line in lines:
        rows.writerow(
            [
                time_text(line.ts_ns),
                level_name(line.level),
                *(_harmless(getattr(line, name)) for name in _CSV[2:6]),
                _harmless(line.body),
                *(_harmless(getattr(line, name)) for name in _CSV[7:10]),
                _encode(line.attributes).decode() if line.attributes else "",
            ]
        )
    return out.getvalue().encode("utf-8", "replace")


def _harmless(text: str) -> str:
    """A spreadsheet takes what begins so for a formula, and lines are written by strangers."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
