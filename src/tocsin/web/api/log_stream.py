"""How do lines go out for as long as somebody reads: a live tail, and everything as a file?"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from tocsin.model.logs import LogBatch, LogRecord, level_name
from tocsin.query.logs.ast import Query
from tocsin.query.logs.match import Test, matcher
from tocsin.query.logs.pages import pages
from tocsin.query.logs.search import Line, LogSearch, Span
from tocsin.query.logs.sql import condition
from tocsin.web.api.log_json import shown, time_text
from tocsin.web.lease import ENDED, STALLED_SECONDS, Lease
from tocsin.web.lease import SECONDS as LEASE_SECONDS

if TYPE_CHECKING:
    from tocsin.web.services import Services

IDLE_SECONDS = 15.0
"""A tail without lines says this often that it lives: proxies close what is silent."""

_MOST_CAUGHT_UP = 10_000
_OVERLAP_SECONDS = 30.0
_ALIVE = b": alive\n\n"
_CSV = (
    *("time", "level", "service", "host", "environment", "source", "message"),
    *("trace_id", "span_id", "user_id", "attributes"),
)
_encode = msgspec.json.Encoder().encode
_lines = msgspec.json.Encoder().encode_lines


def tail(
    parts: Services,
    query: Query,
    since_ns: int | None,
    *,
    lease: Lease | None = None,
    caller: str = "",
    known: str = "",
) -> Response:
    """Lines as they come, for as long as the caller's `lease` holds; `known` is the id of a line
    that the caller has. Raises before anything is sent, Rejected when the question is wrong, as
    `TailBus.check` when too many follow."""
    test = matcher(query, parts.log_search.now_ns())
    parts.log_tail.check(caller)
    events = _events(parts, query, _Fresh(test, {known}), since_ns, lease, caller)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Tailing(events, headers)


class Tailing(StreamingResponse):
    """A stream without end, which ends when its reader reads nothing for `patience_seconds`."""

    patience_seconds = STALLED_SECONDS

    def __init__(
        self, events: AsyncGenerator[bytes], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self._events = events

    async def stream_response(self, send: Send) -> None:
        """As Starlette has it, each part within its time."""

        async def within(message: Message) -> None:
            async with asyncio.timeout(self.patience_seconds):
                await send(message)

        # What is unsent stays with the connection, which is closed when this returns.
        with contextlib.suppress(TimeoutError):
            try:
                await super().stream_response(within)
            finally:
                await self._events.aclose()


@dataclass(slots=True)
class _Fresh:
    """The event of a line that is wanted and was not sent before."""

    test: Test
    seen: set[str]

    def __call__(self, record: LogRecord, batch: LogBatch, number: int) -> bytes | None:
        """As `TailReader` asks."""
        if not self.test(record):
            return None
        line = arrived(record, batch, number)
        return None if line.id in self.seen else _line_event(line)


async def _events(
    parts: Services,
    query: Query,
    fresh: _Fresh,
    since_ns: int | None,
    lease: Lease | None,
    caller: str,
) -> AsyncGenerator[bytes]:
    clock = parts.clock
    with parts.log_tail.reading(fresh, caller) as reader:
        yield b"retry: 2000\n\n"
        if since_ns is not None:
            for line in await caught_up(parts.log_search, query, since_ns):
                if line.id not in fresh.seen:
                    fresh.seen.add(line.id)
                    yield _line_event(line)
        yield event("caught_up", {})
        told, spoke = 0, clock.monotonic()
        caught_up_at = spoke
        async for events in reader.batches(LEASE_SECONDS):
            if lease is not None and not await lease.holds():
                yield event("ended", {"reason": ENDED})
                return
            now = clock.monotonic()
            if now - caught_up_at > _OVERLAP_SECONDS:
                fresh.seen.clear()  # what came meanwhile has been told
            lost = reader.lost - told
            told += lost
            if events or lost or now - spoke >= IDLE_SECONDS:
                spoke = now
                yield b"".join([*events, *_told(lost)]) or _ALIVE


def arrived(record: LogRecord, batch: LogBatch, number: int) -> Line:
    """A line that has just come, as it will be read from the store."""
    return Line(
        ts_ns=record.ts_ns,
        service=record.service,
        level=record.level,
        severity=record.severity,
        body=record.body,
        host=record.host,
        environment=record.environment,
        source=record.source,
        trace_id=record.trace_id,
        span_id=record.span_id,
        user_id=record.user_id,
        pattern=str(record.pattern),
        attributes=record.attributes,
        original=record.original,
        batch=str(batch.key),
        number=number,
        weight=record.weight,
    )


def _told(lost: int) -> list[bytes]:
    return [event("lost", {"lines": lost})] if lost else []


def _line_event(line: Line) -> bytes:
    return b"id: %b\n%b" % (line.id.encode(), event("line", shown(line)))


async def caught_up(search: LogSearch, query: Query, since_ns: int) -> Sequence[Line]:
    """What was kept since then, the newest `_MOST_CAUGHT_UP` of it, oldest first."""
    end = max(search.now_ns() + 60_000_000_000, since_ns + 1)
    found = await search.lines(query, Span(since_ns, end), _MOST_CAUGHT_UP)
    return found[::-1]


def event(name: str, data: object) -> bytes:
    """One Server-Sent Event; JSON has no line breaks, so one `data:` is enough."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(data))


async def export(
    search: LogSearch,
    query: Query,
    span: Span,
    form: str,
    *,
    limit: int,
    newest_first: bool,
) -> Response:
    """All lines as a file that grows while it is sent; `limit` 0 is no limit. Raises what is wrong
    with the question, and that the store does not answer, before anything is sent."""
    where = condition(query, search.now_ns())
    found = pages(search, where, span, newest_first=newest_first)
    first: list[Line] = await anext(found, [])
    blocks = _blocks(
        _with(first, found), _as_csv if form == "csv" else _as_ndjson, limit, _head(form)
    )
    media = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    name = f"logs-{time_text(span.start_ns)[:19].replace(':', '')}.{form}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(blocks, media_type=media, headers=headers)


async def _with(first: list[Line], rest: AsyncIterator[list[Line]]) -> AsyncIterator[list[Line]]:
    if first:
        yield first
    async for lines in rest:
        yield lines


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
