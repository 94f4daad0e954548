"""What does another Prometheus pull from Tocsin? The newest sample of chosen series, as text.

https://prometheus.io/docs/prometheus/latest/federation/
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.kit.fault import Fault, Rejected
from tocsin.model.labels import NAME, Labels, make, metric_name
from tocsin.model.samples import is_stale
from tocsin.model.series import SeriesData
from tocsin.query.promql.quoting import is_plain_label_name
from tocsin.web.api.prometheus_answer import CallerLeft, while_connected
from tocsin.web.api.prometheus_json import value_text
from tocsin.web.api.prometheus_params import Params
from tocsin.web.body import answering
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import services

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_STRANGE_IN_METRIC = re.compile(r"^[0-9]|[^a-zA-Z0-9_:]")
_STRANGE = re.compile(r"^[0-9]|[^a-zA-Z0-9_]")
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_UTF8_TEXT = "text/plain; version=1.0.0; escaping=allow-utf-8; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_Newest = tuple[Labels, float, int]


async def federate(request: Request) -> Response:
    """The newest samples of the series that `match[]` selects; nothing without any."""
    params = await Params.of(request)
    sets = params.matcher_sets()
    options = services(request).config.query
    now_ms = services(request).clock.now_ms()
    found: list[SeriesData] = []
    for matchers in sets:
        asked = services(request).source.select(
            matchers,
            now_ms - options.lookback_ms,
            now_ms,
            limit_samples=options.limit_samples,
        )
        try:
            found.append(await while_connected(request, asked))
        except CallerLeft as error:
            raise Rejected("the caller left") from error
    # Who does not say that it reads any letters gets underscores for those of the old names.
    takes_any = "escaping=allow-utf-8" in request.headers.get("accept", "").replace(" ", "")
    text = await asyncio.to_thread(_page, found, takes_any=takes_any)
    return Response(text, headers={"Content-Type": _UTF8_TEXT if takes_any else _TEXT})


def _page(found: Sequence[SeriesData], *, takes_any: bool) -> bytes:
    newest = {sample[0]: sample for data in found for sample in _newest(data)}
    rows = sorted(newest.values(), key=lambda row: metric_name(row[0]))
    if not takes_any:
        rows = [(_underscored(labels), value, at_ms) for labels, value, at_ms in rows]
    return _text(rows)


def _newest(data: SeriesData) -> list[_Newest]:
    """The last sample of each series that has a name and has not ended."""
    last = data.offsets[1:] - 1
    values, times = data.values[last], data.ts[last]
    ended = is_stale(values)
    return [
        (labels, value, at_ms)
        for labels, value, at_ms, is_over in zip(
            data.labels, values.tolist(), times.tolist(), ended.tolist(), strict=True
        )
        if not is_over and metric_name(labels)
    ]


def _text(rows: Sequence[_Newest]) -> bytes:
    lines: list[str] = []
    last = ""
    for labels, value, at_ms in rows:
        name = metric_name(labels)
        if name != last:
            shown = name if _METRIC.fullmatch(name) else f'"{name.translate(_ESCAPES)}"'
            lines.append(f"# TYPE {shown} untyped\n")
            last = name
        lines.append(f"{_series(name, labels)} {value_text(value)} {at_ms}\n")
    return "".join(lines).encode("utf-8", "replace")


def _series(name: str, labels: Labels) -> str:
    pairs = [f'{_label(key)}="{value.translate(_ESCAPES)}"' for key, value in labels if key != NAME]
    if not any(key == "instance" for key, _ in labels):
        # Else the puller would put its own target's instance there.
        pairs.append('instance=""')
    if _METRIC.fullmatch(name):
        return f"{name}{{{','.join(pairs)}}}"
    return f'{{"{name.translate(_ESCAPES)}",{",".join(pairs)}}}'


def _label(name: str) -> str:
    return name if is_plain_label_name(name) else f'"{name.translate(_ESCAPES)}"'


def _underscored(labels: Labels) -> Labels:
    if all(is_plain_label_name(key) for key, _ in labels) and _METRIC.fullmatch(
        metric_name(labels)
    ):
        return labels
    return make(
        (NAME, _STRANGE_IN_METRIC.sub("_", value))
        if key == NAME
        else (_STRANGE.sub("_", key), value)
        for key, value in labels
    )


def _refuse(_request: Request, fault: Fault, status: int) -> Response:
    return PlainTextResponse(f"{fault}\n", status)


ADDRESSES: Addresses = (get("/federate", answering(federate, _refuse), Access.READ),)
