"""Which series, labels and values are there, and what do metrics mean?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from tocsin.model.labels import Labels
from tocsin.model.samples import Metadata
from tocsin.query.promql.quoting import is_valid_label_name, quote
from tocsin.web.api.prometheus_answer import (
    TRUNCATED,
    answering,
    success,
    success_raw,
    while_connected,
)
from tocsin.web.api.prometheus_json import labels_json
from tocsin.web.api.prometheus_params import MAX_MS, MIN_MS, BadParameter, Params
from tocsin.web.routing import Access, Address, Addresses, get
from tocsin.web.services import services

_T = TypeVar("_T")

_INLINE_SERIES = 5_000
"""More label sets than that are written beside the event loop."""

_ESCAPED = "U__"
_LONGEST_CODE = 6


async def series(request: Request) -> Response:
    """Label sets of the series that `match[]` selects."""
    params = await Params.of(request)
    if not params.all("match[]"):
        raise BadParameter("no match[] parameter provided")
    limit = params.limit()
    start_ms, end_ms = _range(params)
    sets = params.named_matcher_sets()
    # One more than the limit tells whether something was cut off.
    wanted = limit + 1 if limit else 0
    found = await while_connected(
        request, services(request).source.series(sets, start_ms, end_ms, wanted)
    )
    kept, warnings = _cut(found, limit)
    if len(kept) > _INLINE_SERIES:
        return success_raw(await asyncio.to_thread(_label_sets, kept), warnings=warnings)
    return success_raw(_label_sets(kept), warnings=warnings)


async def label_names(request: Request) -> Response:
    """Names of the labels that series have."""
    params = await Params.of(request)
    limit = params.limit()
    start_ms, end_ms = _range(params)
    sets = params.matcher_sets()
    found = await while_connected(
        request, services(request).source.label_names(sets, start_ms, end_ms)
    )
    kept, warnings = _cut(found, limit)
    return success(kept, warnings=warnings)


async def label_values(request: Request) -> Response:
    """Values of one label; a name of any letters is written as `U__…`."""
    name = unescaped(request.path_params["name"])
    if not is_valid_label_name(name):
        raise BadParameter(f"invalid label name: {quote(name)}")
    params = await Params.of(request)
    limit = params.limit()
    start_ms, end_ms = _range(params)
    sets = params.matcher_sets()
    found = await while_connected(
        request, services(request).source.label_values(name, sets, start_ms, end_ms)
    )
    kept, warnings = _cut(found, limit)
    return success(kept, warnings=warnings)


async def metadata(request: Request) -> Response:
    """Type, help and unit of metrics."""
    params = await Params.of(request)
    limit, each = _count(params, "limit"), _count(params, "limit_per_metric")
    if limit == 0:
        return success({})
    found = await while_connected(
        request, services(request).source.metadata(params.text("metric"), limit or 0)
    )
    return success(
        {metric: [_shown(one) for one in entries[:each]] for metric, entries in found.items()}
    )


def _label_sets(found: Sequence[Labels]) -> bytes:
    return b"[" + b",".join(map(labels_json, found)) + b"]"


def _shown(entry: Metadata) -> dict[str, str]:
    return {"type": entry.type, "help": entry.help, "unit": entry.unit}


def _range(params: Params) -> tuple[int, int]:
    return params.time("start", MIN_MS), params.time("end", MAX_MS)


def _count(params: Params, name: str) -> int | None:
    text = params.text(name)
    if not text:
        return None
    try:
        count = int(text)
    except ValueError as error:
        raise BadParameter(f"{name} must be a number") from error
    return None if count < 0 else count


def _cut(found: Sequence[_T], limit: int) -> tuple[Sequence[_T], tuple[str, ...]]:
    if not limit or len(found) <= limit:
        return found, ()
    return found[:limit], (TRUNCATED,)


def unescaped(name: str) -> str:
    """The name that `U__` and its codes stand for (`U__http_2e_status` is `http.status`).

    A name that is not written so, or wrongly, is itself.
    """
    if not name.startswith(_ESCAPED):
        return name
    letters: list[str] = []
    parts = name[len(_ESCAPED) :].split("_")
    index = 0
    letters.append(parts[0])
    while index + 1 < len(parts):
        code = parts[index + 1]
        if index + 2 >= len(parts):
            return name
        letter = _letter(code)
        if letter is None:
            return name
        letters += [letter, parts[index + 2]]
        index += 2
    return "".join(letters)


def _letter(code: str) -> str | None:
    """What stands between two underscores: nothing for `_` itself, or a letter's code."""
    if code == "":
        return "_"
    if len(code) > _LONGEST_CODE or any(digit not in "0123456789abcdefABCDEF" for digit in code):
        return None
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else None


_BOTH = ("GET", "POST")

ADDRESSES: Addresses = (
    Address("/api/v1/series", answering(series), Access.READ, _BOTH),
    Address("/api/v1/labels", answering(label_names), Access.READ, _BOTH),
    get("/api/v1/label/{name}/values", answering(label_values), Access.READ),
    get("/api/v1/metadata", answering(metadata), Access.READ),
)
