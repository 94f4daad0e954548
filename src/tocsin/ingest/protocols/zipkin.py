"""Zipkin's spans, version 2, as JSON.

https://zipkin.io/zipkin-api/ (POST /spans); how they are spans of OpenTelemetry:
https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/
"""

from __future__ import annotations

import re
from hashlib import blake2b

import msgspec

from tocsin.ingest.logs.fields import scalar_text
from tocsin.ingest.traces.conventions import origin_of
from tocsin.kit.fault import Rejected
from tocsin.model.span_names import ENVIRONMENTS, HOST, SERVICE, USERS, first
from tocsin.model.spans import KINDS, STATUSES, Span, SpanEvent

_KINDS = {kind.upper(): KINDS.index(kind) for kind in ("client", "server", "producer", "consumer")}
_UNSET, _OK, _ERROR = map(STATUSES.index, ("unset", "ok", "error"))
_OF_RESOURCE = (SERVICE, HOST, *ENVIRONMENTS[:2], "service.version", "service.instance.id")
_CODE, _MESSAGE = "otel.status_code", "otel.status_description"
_SCOPES = ("otel.scope.name", "otel.library.name")
_ID = re.compile(r"[0-9a-f]{1,32}")
_LATEST_US = 9_223_372_036_000_000
_MOST_US = 1 << 53


class _Endpoint(msgspec.Struct, rename="camel"):
    service_name: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None
    port: int | None = None


class _Annotation(msgspec.Struct):
    timestamp: float = 0
    value: str = ""


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str
    id: str
    parent_id: str | None = None
    name: str | None = None
    kind: str | None = None
    timestamp: float | None = None
    duration: float | None = None
    local_endpoint: _Endpoint | None = None
    remote_endpoint: _Endpoint | None = None
    annotations: list[_Annotation] | None = None
    tags: dict[str, str | float | bool | None] | None = None
    shared: bool | None = None


_decoder = msgspec.json.Decoder(list[_Span], strict=False)


def decode(body: bytes, *, now_ns: int) -> list[Span]:
    """The spans of a request; one whose ids are no ids has none. Raises Rejected."""
    try:
        given = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is no list of Zipkin spans (version 2, JSON): {error}") from error
    resources: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    spans = [_span(one, resources, now_ns) for one in given]
    _separate(given, spans)
    return spans


def _span(
    one: _Span, resources: dict[tuple[tuple[str, str], ...], dict[str, str]], now_ns: int
) -> Span:
    tags = {key: _text(value) for key, value in (one.tags or {}).items() if value is not None}
    resource = {name: tags.pop(name) for name in _OF_RESOURCE if name in tags}
    if one.local_endpoint is not None:
        _add_local(resource, one.local_endpoint)
    resource = resources.setdefault(tuple(resource.items()), resource)
    origin = origin_of(resource)
    if one.remote_endpoint is not None:
        _add_remote(tags, one.remote_endpoint)
    status, message = _status(tags)
    begin = _nanoseconds(one.timestamp, now_ns)
    return Span(
        ts_ns=begin,
        duration_ns=_duration_ns(one.duration),
        trace_id=_id(one.trace_id, 32),
        span_id=_id(one.id, 16),
        parent_id=_id(one.parent_id or "", 16),
        name=one.name or "",
        service=origin.service,
        environment=origin.environment,
        host=origin.host,
        kind=_KINDS.get((one.kind or "").upper(), KINDS.index("internal")),
        status=status,
        status_message=message,
        scope=next((tags.pop(name) for name in _SCOPES if tags.get(name)), ""),
        user_id=first(tags, USERS) or origin.user_id,
        attributes=tags,
        resource=resource,
        events=tuple(
            SpanEvent(ts_ns=_nanoseconds(each.timestamp, begin), name=each.value)
            for each in one.annotations or ()
        ),
    )


def _add_local(resource: dict[str, str], here: _Endpoint) -> None:
    if here.service_name:
        resource[SERVICE] = here.service_name
    if address := here.ipv4 or here.ipv6:
        resource["net.host.ip"] = address


def _add_remote(tags: dict[str, str], there: _Endpoint) -> None:
    if there.service_name:
        tags.setdefault("peer.service", there.service_name)
    if address := there.ipv4 or there.ipv6:
        tags.setdefault("network.peer.address", address)
    if there.port:
        tags.setdefault("network.peer.port", str(there.port))


def _status(tags: dict[str, str]) -> tuple[int, str]:
    """What is in `error` says that it failed, and is no attribute; `false` says nothing."""
    code, message = tags.pop(_CODE, "").upper(), tags.pop(_MESSAGE, "")
    error = tags.pop("error", None)
    if (error is not None and error.lower() != "false") or code == "ERROR":
        said = "" if (error or "").lower() == "true" else (error or "")
        return _ERROR, message or said
    return (_OK if code == "OK" else _UNSET), message


def _separate(given: list[_Span], spans: list[Span]) -> None:
    """Give the called side of a call that shares its caller's id one of its own, and to what it did
    too, as far as that came with it: a span is one operation here.

    https://github.com/openzipkin/b3-propagation#how-is-this-different-from-w3c-trace-context
    """
    own: dict[tuple[str, str, str], str] = {}
    for one, span in zip(given, spans, strict=True):
        if one.shared and span.span_id:
            shared = span.span_id
            digest = blake2b(f"{span.trace_id}{shared}{span.service}".encode(), digest_size=8)
            span.span_id, span.parent_id = digest.hexdigest(), shared
            own[span.trace_id, span.service, shared] = span.span_id
    if not own:
        return
    for one, span in zip(given, spans, strict=True):
        if not one.shared:
            key = span.trace_id, span.service, span.parent_id
            span.parent_id = own.get(key, span.parent_id)


def _text(value: str | float | bool) -> str:
    return scalar_text(value)


def _nanoseconds(microseconds: float | None, otherwise: int) -> int:
    if microseconds is None or not 0 < microseconds <= _LATEST_US:
        return otherwise
    return round(microseconds) * 1000


def _duration_ns(microseconds: float | None) -> int:
    if microseconds is None or not microseconds > 0:  # a text may say NaN
        return 0
    return round(min(microseconds, _MOST_US)) * 1000


def _id(text: str, digits: int) -> str:
    """Filled with zeros on the left; empty when it is no id. Trace ids of 8 bytes are usual."""
    plain = text.lower()
    if not _ID.fullmatch(plain) or len(plain.lstrip("0")) > digits:
        return ""
    return plain.zfill(digits)[-digits:]
