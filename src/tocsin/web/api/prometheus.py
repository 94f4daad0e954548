"""Where are PromQL queries asked? `/api/v1/query`, `query_range` and what belongs to them.

https://prometheus.io/docs/prometheus/latest/querying/api/ names the parameters and the JSON.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.model.series import SeriesData
from tocsin.query.promql.ast import Expr, ValueType
from tocsin.query.promql.errors import ParseError
from tocsin.query.promql.faults import InvalidQuery
from tocsin.query.promql.json_tree import to_tree
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import pretty
from tocsin.query.promql.result import QueryOptions, QueryStats, Result
from tocsin.query.promql.selection import selectors_of
from tocsin.web.api import explain
from tocsin.web.api import prometheus_json as as_json
from tocsin.web.api.prometheus_answer import (
    TRUNCATED,
    answering,
    success,
    success_blocks,
    success_raw,
    while_connected,
)
from tocsin.web.api.prometheus_params import (
    MAX_MS,
    MIN_MS,
    BadParameter,
    Params,
    parse_seconds,
)
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

_MOST_POINTS = 11_000
_TOO_FINE = (
    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
    "resolution (?step=XX)"
)
_NO_STEP = "zero or negative query resolution step widths are not accepted. Try a positive integer"
_INLINE_CELLS = 20_000
_WHOLE_CELLS = 100_000
"""Results up to the first number of points are written on the spot, up to the second one in a
thread, larger ones in pieces that are sent one by one."""

_RESULT_TYPES = {
    ValueType.SCALAR: "scalar",
    ValueType.VECTOR: "vector",
    ValueType.MATRIX: "matrix",
    ValueType.STRING: "string",
}


async def query(request: Request) -> Response:
    """The value of a query at one time."""
    params = await Params.of(request)
    limit = params.limit()
    at_ms = params.time("time", services(request).clock.now_ms())
    options = _options(params, services(request).config.query)
    asked = services(request).engine.instant(params.text("query"), at_ms, options)
    result = await _asked(request, asked)
    return await _answer(params, _limited(result, limit))


async def query_range(request: Request) -> Response:
    """The values of a query from `start` to `end`, every `step`."""
    params = await Params.of(request)
    limit = params.limit()
    start_ms, end_ms = params.needed_time("start"), params.needed_time("end")
    if end_ms < start_ms:
        raise BadParameter.named("end", "end timestamp must not be before start time")
    step_ms = int(params.needed_seconds("step") * 1000)
    if step_ms <= 0:
        raise BadParameter.named("step", _NO_STEP)
    if (end_ms - start_ms) // step_ms > _MOST_POINTS:
        raise BadParameter(_TOO_FINE)
    options = _options(params, services(request).config.query)
    text = params.text("query")
    asked = services(request).engine.range(text, start_ms, end_ms, step_ms, options)
    result = await _asked(request, asked)
    return await _answer(params, _limited(result, limit))


async def query_exemplars(request: Request) -> Response:
    """The exemplars of all series that a query selects."""
    params = await Params.of(request)
    start_ms, end_ms = params.time("start", MIN_MS), params.time("end", MAX_MS)
    if end_ms < start_ms:
        raise BadParameter("end timestamp must not be before start timestamp")
    expr = parse(params.text("query"), experimental=_is_experimental(request))
    selectors = [one.matchers for one in selectors_of(expr)]
    if not selectors:
        return success([])
    found = await while_connected(
        request, services(request).source.exemplars(selectors, start_ms, end_ms)
    )
    rows = []
    for series in found:
        shown = [
            b'{"labels":%b,"value":"%b","timestamp":%b}'
            % (
                as_json.labels_json(labels),
                as_json.value_text(value).encode(),
                as_json.time_text(at_ms).encode(),
            )
            for labels, value, at_ms in series.exemplars
        ]
        names = as_json.labels_json(series.labels)
        rows.append(b'{"seriesLabels":%b,"exemplars":[%b]}' % (names, b",".join(shown)))
    return success_raw(b"[" + b",".join(rows) + b"]")


async def format_query(request: Request) -> Response:
    """A query written nicely."""
    expr = _parsed(request, await Params.of(request))
    return success(await asyncio.to_thread(pretty, expr))


async def parse_query(request: Request) -> Response:
    """A query as a tree."""
    return success(to_tree(_parsed(request, await Params.of(request))))


def _is_experimental(request: Request) -> bool:
    return services(request).config.query.experimental


def _parsed(request: Request, params: Params) -> Expr:
    try:
        return parse(params.text("query"), experimental=_is_experimental(request))
    except ParseError as error:
        raise BadParameter.named("query", error) from error


def _options(params: Params, options: QueryOptions) -> QueryOptions:
    timeout = params.seconds("timeout")
    if timeout is not None:
        options = replace(options, timeout_seconds=min(timeout, options.timeout_seconds))
    options = replace(options, explain=bool(params.text("explain")))
    if lookback := params.text("lookback_delta"):
        try:
            options = replace(options, lookback_ms=int(parse_seconds(lookback) * 1000))
        except Rejected as error:
            raise BadParameter(f"error parsing lookback delta duration: {error}") from error
    return options


async def _asked(request: Request, asked: Coroutine[Any, Any, Result]) -> Result:
    try:
        return await while_connected(request, asked)
    except (ParseError, InvalidQuery) as error:
        raise BadParameter.named("query", error) from error


def _size(result: Result) -> int:
    """How many series the answer has; numbers and texts have none."""
    if result.matrix is not None:
        return len(result.matrix.labels)
    return len(result.labels) if result.kind in (ValueType.VECTOR, ValueType.MATRIX) else 0


def _limited(result: Result, limit: int) -> Result:
    """The first `limit` series, and a warning when there were more; 0 means all."""
    if not limit or _size(result) <= limit:
        return result
    warnings = (*result.warnings, TRUNCATED)
    if (data := result.matrix) is not None:
        stop = int(data.offsets[limit])
        cut = replace(
            data,
            labels=data.labels[:limit],
            offsets=data.offsets[: limit + 1],
            ts=data.ts[:stop],
            values=data.values[:stop],
        )
        return replace(result, matrix=cut, warnings=warnings)
    return replace(
        result,
        labels=result.labels[:limit],
        values=result.values[:limit],
        present=result.present[:limit],
        warnings=warnings,
    )


async def _answer(params: Params, result: Result) -> Response:
    before = b'{"resultType":"%b","result":' % _RESULT_TYPES[result.kind].encode()
    after = b"}"
    if params.text("stats"):
        after = b',"stats":' + msgspec.json.encode(_stats(result.stats)) + after
    if params.text("explain"):
        told = explain.explanation(params.text("query"), result.stats)
        after = b',"explain":' + msgspec.json.encode(told) + after
    points = result.present.size if result.matrix is None else len(result.matrix.ts)
    if result.matrix is None and points > _WHOLE_CELLS:
        # Three times as much text as numbers: it is never held as a whole.
        blocks = as_json.matrix_blocks(result.labels, result.times, result.values, result.present)
        shown = itertools.chain([before], blocks, [after])
        return success_blocks(shown, warnings=result.warnings, infos=result.infos)
    if points > _INLINE_CELLS:
        text = await asyncio.to_thread(_shown, result)
    else:
        text = _shown(result)
    data = b"".join([before, text, after])
    return success_raw(data, warnings=result.warnings, infos=result.infos)


def _shown(result: Result) -> bytes:
    at_ms = int(result.times[0]) if len(result.times) else 0
    match result.kind:
        case ValueType.STRING:
            return as_json.string(result.text, at_ms)
        case ValueType.SCALAR:
            return as_json.scalar(float(result.values[0, 0]), at_ms)
        case ValueType.VECTOR:
            there = result.present[:, 0]
            labels = [one for one, is_there in zip(result.labels, there, strict=True) if is_there]
            return as_json.vector(labels, result.values[there, 0], at_ms)
        case ValueType.MATRIX if result.matrix is not None:
            return _samples(result.matrix)
        case ValueType.MATRIX:
            return as_json.matrix(result.labels, result.times, result.values, result.present)


def _samples(data: SeriesData) -> bytes:
    """The samples of a range selector, those without staleness markers."""
    rows = []
    for index, labels in enumerate(data.labels):
        start, stop = int(data.offsets[index]), int(data.offsets[index + 1])
        points = as_json.points(data.ts[start:stop], data.values[start:stop])
        rows.append(b'{"metric":%b,"values":%b}' % (as_json.labels_json(labels), points))
    return b"[" + b",".join(rows) + b"]"


def _stats(stats: QueryStats) -> dict[str, object]:
    return {
        "timings": {
            "evalTotalTime": stats.total_seconds,
            "resultSortTime": 0.0,
            "queryPreparationTime": stats.parse_seconds + stats.fetch_seconds,
            "innerEvalTime": stats.eval_seconds,
            "execQueueTime": 0.0,
            "execTotalTime": stats.total_seconds,
        },
        "samples": {
            "totalQueryableSamples": stats.samples_read,
            "peakSamples": stats.peak_samples,
        },
    }


_BOTH = ("GET", "POST")

ADDRESSES: Addresses = tuple(
    Address(f"/api/v1/{name}", answering(handler), Access.READ, _BOTH)
    for name, handler in (
        ("query", query),
        ("query_range", query_range),
        ("query_exemplars", query_exemplars),
        ("format_query", format_query),
        ("parse_query", parse_query),
    )
)
