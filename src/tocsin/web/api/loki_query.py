"""Where is LogQL asked? Loki's query API, as Grafana and logcli use it.

https://grafana.com/docs/loki/latest/reference/loki-http-api/
"""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.kit.fault import Fault, NotFound, Rejected
from tocsin.kit.timestamps import nanoseconds
from tocsin.model.labels import Matcher
from tocsin.query.logql import ast, known
from tocsin.query.logql.engine import LogqlEngine
from tocsin.query.logql.faults import LogqlError
from tocsin.query.logql.parse import parse, parse_selector
from tocsin.query.logql.read import lines
from tocsin.query.logs.search import Span
from tocsin.query.promql.ast import ValueType
from tocsin.query.promql.faults import QueryTimeout
from tocsin.query.promql.result import Result
from tocsin.web.api import loki_json
from tocsin.web.api import prometheus_json as as_json
from tocsin.web.api.prometheus_answer import CallerLeft, while_connected
from tocsin.web.api.prometheus_params import BadParameter, Params, parse_seconds
from tocsin.web.body import retry_headers, status_of
from tocsin.web.routing import Access, Address, Addresses, Handler
from tocsin.web.services import services

_HOUR_NS = 3_600_000_000_000
_LIMIT = 100
_BLANKS = re.compile(r'("(?:[^"\\]|\\.)*"|`[^`]*`|#[^\n]*\n?)|\s+')
"""Texts and comments, which stay, or what is between the others."""
_POINTS = 250
_BOTH = ("GET", "POST")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What most addresses take."""

    params: Params
    span: Span
    limit: int

    @property
    def newest_first(self) -> bool:
        direction = self.params.text("direction") or "backward"
        if direction.lower() not in ("backward", "forward"):
            raise LogqlError(f"invalid direction '{direction[:40]}'")
        return direction.lower() == "backward"

    @property
    def step_ms(self) -> int:
        """The step, by itself such that there are 250 points."""
        text = self.params.text("step")
        if not text:
            length = (self.span.end_ns - self.span.start_ns) / 1e9
            return max(1000, math.floor(length / _POINTS) * 1000)
        try:
            return max(1, int(parse_seconds(text) * 1000))
        except Rejected as error:
            raise LogqlError(f'cannot parse "{text[:40]}" to a valid duration') from error


async def _asked(request: Request) -> _Asked:
    params = await Params.of(request)
    now_ns = services(request).clock.now_ms() * 10**6
    end = _time(params.text("end")) or now_ns + 1
    start = _time(params.text("start"))
    if start is None:
        since = params.text("since")
        start = end - (int(parse_seconds(since) * 1e9) if since else _HOUR_NS)
    if end < start:
        raise LogqlError("end timestamp must not be before or equal to start time")
    text = params.text("limit")
    if text and not text.isdecimal():
        raise LogqlError(f'strconv.Atoi: parsing "{text[:40]}": invalid syntax')
    return _Asked(params, Span(start, max(end, start + 1)), int(text or _LIMIT) or _LIMIT)


def _time(text: str) -> int | None:
    """Nanoseconds of a time: seconds with or without a fraction up to ten digits, nanoseconds
    beyond, or RFC 3339."""
    if not text:
        return None
    try:
        if "." in text and text.replace(".", "", 1).isdecimal():
            return int(float(text) * 1e9)
        if text.isdecimal():
            return int(text) * 10**9 if len(text) <= 10 else int(text[:19])
    except ValueError as error:
        raise LogqlError(f'could not parse "{text[:40]}" as a time') from error
    found = nanoseconds(text)
    if found is None:
        raise LogqlError(f'cannot parse "{text[:40]}" to a valid timestamp')
    return found


def _query(asked: _Asked) -> str:
    return asked.params.text("query")


async def query_range(request: Request) -> Response:
    """Lines, or series, between `start` and `end`."""
    asked = await _asked(request)
    query = parse(_query(asked))
    if isinstance(query, ast.LogQuery):
        found = await while_connected(
            request,
            lines(
                services(request).log_search,
                query,
                asked.span,
                asked.limit,
                newest_first=asked.newest_first,
            ),
        )
        return _data(await asyncio.to_thread(loki_json.streams, found, _is_apart(request)), request)
    engine = _engine(request)
    start_ms = asked.span.start_ns // 10**6
    # Loki aligns what it splits, and Grafana expects bars at multiples of the step.
    start_ms -= start_ms % asked.step_ms
    # The last bar is the newest lines', though its step is not over.
    end_ms = -(-asked.span.end_ns // 10**6 // asked.step_ms) * asked.step_ms
    result = await while_connected(
        request, engine.range(_query(asked), start_ms, end_ms, asked.step_ms)
    )
    return _data(_matrix(result), request, result)


async def query(request: Request) -> Response:
    """The value of a metric query at one time."""
    asked = await _asked(request)
    now_ms = services(request).clock.now_ms()
    at_ns = _time(asked.params.text("time"))
    at_ms = now_ms if at_ns is None else at_ns // 10**6
    result = await while_connected(request, _engine(request).instant(_query(asked), at_ms))
    if result.kind is ValueType.SCALAR:
        value = as_json.scalar(float(result.values[0, 0]), at_ms)
        return _data(b'{"resultType":"scalar","result":%b' % value, request, result)
    there = result.present[:, 0]
    labels = [one for one, is_there in zip(result.labels, there, strict=True) if is_there]
    vector = as_json.vector(labels, result.values[there, 0], at_ms)
    return _data(b'{"resultType":"vector","result":%b' % vector, request, result)


def _engine(request: Request) -> LogqlEngine:
    used = services(request)
    return LogqlEngine(used.log_search, used.clock)


def _matrix(result: Result) -> bytes:
    rows = as_json.matrix(result.labels, result.times, result.values, result.present)
    return b'{"resultType":"matrix","result":%b' % rows


def _is_apart(request: Request) -> bool:
    """Grafana asks for labels by where they come from."""
    return "categorize-labels" in request.headers.get("x-loki-response-encoding-flags", "")


def _data(part: bytes, request: Request, result: Result | None = None) -> Response:
    """The envelope; `part` is an object that is not closed yet."""
    flags = b',"encodingFlags":["categorize-labels"]' if _is_apart(request) else b""
    notes = b""
    if result is not None and result.warnings:
        notes = b',"warnings":' + msgspec.json.encode(list(result.warnings))
    stats = b',"stats":' + loki_json.NO_STATS
    body = b'{"status":"success","data":%b%b%b}%b}' % (part, flags, stats, notes)
    return Response(body, media_type="application/json")


def _success(data: object) -> Response:
    body = msgspec.json.encode({"status": "success", "data": data})
    return Response(body, media_type="application/json")


def _matchers(asked: _Asked) -> tuple[Matcher, ...]:
    text = asked.params.text("query")
    return parse_selector(text) if text.strip() not in ("", "{}") else ()


async def labels(request: Request) -> Response:
    """The names of labels."""
    asked = await _asked(request)
    found = await known.names(services(request).log_search, asked.span, _matchers(asked))
    return _success(found)


async def values(request: Request) -> Response:
    """The values of a label."""
    asked = await _asked(request)
    name = str(request.path_params["name"])
    search = services(request).log_search
    return _success(await known.values(search, asked.span, name, _matchers(asked)))


async def series(request: Request) -> Response:
    """The streams that selectors find, by the labels that are kept of every line."""
    asked = await _asked(request)
    texts = asked.params.all("match[]") or asked.params.all("match") or ["{}"]
    search = services(request).log_search
    found: list[dict[str, str]] = []
    for text in texts[:20]:
        matchers = parse_selector(text) if text.strip() != "{}" else ()
        found += [one for one in await known.streams(search, asked.span, matchers)
                  if one not in found]  # fmt: skip
    return _success(found)


async def stats(request: Request) -> Response:
    """How much a selector finds."""
    asked = await _asked(request)
    found = await known.size(services(request).log_search, asked.span, _matchers(asked))
    return Response(msgspec.json.encode(found), media_type="application/json")


async def volume(request: Request) -> Response:
    """Bytes by labels at one time."""
    asked = await _asked(request)
    names = _volume_labels(asked)
    search = services(request).log_search
    found = await known.volume(search, asked.span, _matchers(asked), names, asked.limit)
    at = asked.span.end_ns // 10**9
    rows = [{"metric": metric, "value": [at, str(size)]} for metric, size in found]
    return _success({"resultType": "vector", "result": rows, "stats": {}})


async def volume_range(request: Request) -> Response:
    """Bytes by labels over time."""
    asked = await _asked(request)
    names = _volume_labels(asked)
    selector = asked.params.text("query")
    text = f"sum by ({', '.join(names)}) (bytes_over_time({selector}[{asked.step_ms}ms]))"
    span = asked.span
    result = await _engine(request).range(
        text, span.start_ns // 10**6, span.end_ns // 10**6, asked.step_ms
    )
    return _data(_matrix(result), request, result)


def _volume_labels(asked: _Asked) -> tuple[str, ...]:
    wanted = tuple(one for one in asked.params.text("targetLabels").split(",") if one)
    if wanted:
        return wanted
    return tuple(dict.fromkeys(one.name for one in _matchers(asked))) or ("service_name",)


async def detected_labels(request: Request) -> Response:
    """Labels of few values, for Grafana's exploring without queries."""
    asked = await _asked(request)
    search = services(request).log_search
    found = await known.detected_labels(search, asked.span, _matchers(asked))
    body = {"detectedLabels": [{"label": name, "cardinality": count} for name, count in found]}
    return Response(msgspec.json.encode(body), media_type="application/json")


async def detected_fields(request: Request) -> Response:
    """Fields of the lines that a query finds, with their kinds."""
    asked = await _asked(request)
    query = parse(_query(asked))
    if not isinstance(query, ast.LogQuery):
        raise LogqlError("detected fields need a query for lines")
    search = services(request).log_search
    found = await lines(search, query, asked.span, 1000, newest_first=True)
    fields = await asyncio.to_thread(known.detected_fields, found)
    body = {"fields": fields[: asked.limit or 1000], "limit": asked.limit}
    return Response(msgspec.json.encode(body), media_type="application/json")


async def patterns(request: Request) -> Response:
    """What lines are made of, with how many of each there were over time."""
    asked = await _asked(request)
    search = services(request).log_search
    found = await known.patterns(search, asked.span, _matchers(asked), asked.step_ms // 1000 or 1)
    return _success(found)


async def format_query(request: Request) -> Response:
    """The query again, if it is one, with single blanks between its parts."""
    asked = await _asked(request)
    parse(_query(asked))
    return _success(_BLANKS.sub(lambda found: found[1] or " ", _query(asked).strip()))


async def build_info(request: Request) -> Response:
    """Which version of Tocsin this is, where programs ask for Loki's."""
    told = {"version": services(request).config.version, "revision": "", "branch": ""}
    told |= {"buildDate": "", "buildUser": "", "goVersion": ""}
    return Response(msgspec.json.encode(told), media_type="application/json")


def _loki(handler: Handler) -> Handler:
    """The handler with its faults as Loki tells them: the words alone."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except CallerLeft:
            return PlainTextResponse("the request was canceled by the client", 499)
        except (QueryTimeout, TimeoutError) as error:
            return PlainTextResponse(str(error) or "context deadline exceeded", 504)
        except (NotFound, BadParameter, Rejected) as fault:
            return PlainTextResponse(str(fault), status_of(fault))
        except Fault as fault:
            return PlainTextResponse(str(fault), status_of(fault), retry_headers(fault))

    answered.__name__ = getattr(handler, "__name__", "answered")
    answered.__doc__ = handler.__doc__
    return answered


_AT = (
    ("query", query),
    ("query_range", query_range),
    ("labels", labels),
    ("label", labels),
    ("label/{name}/values", values),
    ("series", series),
    ("index/stats", stats),
    ("index/volume", volume),
    ("index/volume_range", volume_range),
    ("detected_labels", detected_labels),
    ("detected_fields", detected_fields),
    ("patterns", patterns),
    ("format_query", format_query),
    ("status/buildinfo", build_info),
)
ADDRESSES: Addresses = tuple(
    Address(f"/loki/api/v1/{path}", _loki(handler), Access.READ, _BOTH) for path, handler in _AT
)
