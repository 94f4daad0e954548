"""Rules over log lines: what is in force, what others would change, and putting them in force."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.logs.pipelines import Version
from tocsin.ingest.logs.rehearsal import Rehearsal, rehearse
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord
from tocsin.query.logs.ast import Everything
from tocsin.query.logs.search import Line, Span
from tocsin.web.body import read_body
from tocsin.web.identity import identity
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import Services, services

_SECOND_NS = 1_000_000_000
_DAY_S = 86_400
_LAST_HOURS = 24
_LAST_LINES = 1_000
_PIECES = 24
_LINES_A_PIECE = 400


class WrittenRules(msgspec.Struct, kw_only=True):
    """Rules as YAML. `over` is what they are tried on: the last lines, or those of yesterday."""

    rules: str = ""
    note: str = ""
    seen: int | None = None
    """The number of the version that was changed; another one meanwhile is not overwritten."""
    over: str = "last"


class RulesInForce(msgspec.Struct, frozen=True, kw_only=True):
    """The page's rules, and all that are kept of the ones before, the newest first."""

    rules: str
    configured: list[str]
    """Names of the rules of the configuration, which come first."""
    versions: tuple[Version, ...]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What rules would do. `lines` were looked at, of `of_lines` in that time."""

    lines: int
    of_lines: int
    changed: int
    dropped: int
    bytes_before: int
    bytes_after: int
    seconds_per_million: float
    counted: int
    examples: list[object]


async def trial(used: Services, text: str, over: str) -> tuple[Rehearsal, int]:
    """Try rules, with those of the configuration before them; and how many lines there were in
    all. Raises Rejected for rules with a mistake."""
    rules = used.log_rules.pipelines.all_with(text)
    lines, count = await _lines(used, over)
    records = [_record(one) for one in lines]
    return await asyncio.to_thread(rehearse, rules, records, used.clock), count


async def _lines(used: Services, over: str) -> tuple[Sequence[Line], int]:
    """Some of the lines of a time, spread over it, and how many there are."""
    now_s = int(used.clock.now())
    search = used.log_search
    if over == "last":
        span = Span((now_s - _LAST_HOURS * 3600) * _SECOND_NS, (now_s + 600) * _SECOND_NS)
        lines = await search.lines(Everything(), span, _LAST_LINES)
        return lines, len(lines)
    if over != "yesterday":
        raise Rejected(f"over is last or yesterday, not {over!r}")
    midnight = now_s - now_s % _DAY_S
    whole = Span((midnight - _DAY_S) * _SECOND_NS, midnight * _SECOND_NS)
    step = _DAY_S * _SECOND_NS // _PIECES
    found: list[Line] = []
    for number in range(_PIECES):
        start = whole.start_ns + number * step
        piece = Span(start, start + step)
        found += await search.lines(Everything(), piece, _LINES_A_PIECE)
    return found, await search.count(Everything(), whole)


def _record(line: Line) -> LogRecord:
    return LogRecord(
        ts_ns=line.ts_ns,
        body=line.body,
        service=line.service,
        level=line.level,
        severity=line.severity,
        host=line.host,
        environment=line.environment,
        source=line.source,
        trace_id=line.trace_id,
        span_id=line.span_id,
        user_id=line.user_id,
        pattern=int(line.pattern),
        attributes=dict(line.attributes),
        original=line.original,
    )


async def _in_force(request: Request) -> Response:
    """The rules that were made on the page, and who changed them."""
    pipelines = services(request).log_rules.pipelines
    names = [one.name for one in pipelines.configured]
    return _json(RulesInForce(rules=pipelines.text, configured=names, versions=pipelines.versions))


async def _try(request: Request) -> Response:
    """What rules would change; nothing is put in force."""
    used, written = services(request), await _written(request)
    found, count = await trial(used, written.rules, written.over)
    return _json(
        Tried(
            lines=found.lines,
            of_lines=count,
            changed=found.changed,
            dropped=found.dropped,
            bytes_before=found.bytes_before,
            bytes_after=found.bytes_after,
            seconds_per_million=found.seconds_per_million,
            counted=found.counted,
            examples=list(found.examples),
        )
    )


async def _save(request: Request) -> Response:
    """Put rules in force at once."""
    used, written = services(request), await _written(request)
    by = identity(request).name
    version = await used.log_rules.pipelines.save(
        written.rules, by=by, note=written.note, seen=written.seen
    )
    return _json(version)


async def _written(request: Request) -> WrittenRules:
    body = await read_body(request, services(request).config.ingest.body)
    try:
        return msgspec.json.decode(body, type=WrittenRules)
    except msgspec.DecodeError as error:
        raise Rejected(f"the body is not what was expected: {error}") from error


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")


ADDRESSES: Addresses = (
    get("/api/logs/rules", _in_force, Access.READ),
    post("/api/logs/rules", _save, Access.ADMIN),
    post("/api/logs/rules/try", _try, Access.READ),
)
