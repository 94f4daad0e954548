"""What do Sentry's transactions, and the spans of its newer SDKs, say as spans?

https://develop.sentry.dev/sdk/data-model/event-payloads/transaction/
https://develop.sentry.dev/sdk/telemetry/spans/span-protocol/
"""

from __future__ import annotations

from typing import Any

from tocsin.errortracking.sentry_event import hexadecimal, moment, user_id
from tocsin.errortracking.texts import dictionary, text, texts
from tocsin.model.spans import KINDS, STATUSES, Span

_MOST = 5_000
_KINDS = {
    "http.server": "server",
    "http.client": "client",
    "db": "client",
    "cache": "client",
    "rpc.server": "server",
    "rpc.client": "client",
    "grpc.server": "server",
    "grpc.client": "client",
    "queue.publish": "producer",
    "queue.process": "consumer",
    "queue.task": "consumer",
    "websocket.server": "server",
}
_FINE = {"ok": 1, "unset": 0, "unknown": 0, "": 0}


def of_transaction(raw: dict[str, Any], project: str) -> list[Span]:  # Any: JSON of senders
    """The transaction itself, which is the root here, and the spans inside it."""
    contexts = dictionary(raw.get("contexts"))
    trace = dictionary(contexts.get("trace"))
    tags = texts(raw.get("tags"), most=100, longest=500)
    data = texts(trace.get("data"), most=200)
    service = _service(tags, data, project)
    resource = {
        "service.version": text(raw.get("release"), 200),
        "telemetry.sdk.name": text(dictionary(raw.get("sdk")).get("name"), 100),
    }
    shared = {
        "service": service,
        "environment": text(raw.get("environment"), 100),
        "host": text(raw.get("server_name"), 200),
        "user_id": user_id(raw.get("user")),
        "resource": {name: value for name, value in resource.items() if value},
    }
    request = dictionary(raw.get("request"))
    own = {**tags, **data}
    for name, value in (
        ("http.request.method", request.get("method")),
        ("url.full", request.get("url")),
    ):
        if value and name not in own:
            own[name] = text(value, 2_048)
    root = {**trace, **{k: raw.get(k) for k in ("start_timestamp", "timestamp")}}
    spans = [_span(root, text(raw.get("transaction"), 500), own, shared, "")]
    inside = raw.get("spans")
    trace_id = spans[0].trace_id
    for one in inside[:_MOST] if isinstance(inside, list) else ():
        each = dictionary(one)
        name = text(each.get("description"), 500) or text(each.get("op"), 500)
        kept = {**texts(each.get("tags")), **texts(each.get("data"), most=200)}
        spans.append(_span(each, name, kept, shared, trace_id))
    return [one for one in spans if one.trace_id and one.span_id and one.ts_ns]


def of_container(raw: dict[str, Any], project: str) -> list[Span]:  # Any: JSON of senders
    """The spans of a `span` item: one of version 1, or several of version 2."""
    items = raw.get("items")
    if not isinstance(items, list):
        items = [raw]
    spans = [_streamed(dictionary(one), project) for one in items[:_MOST]]
    return [one for one in spans if one.trace_id and one.span_id and one.ts_ns]


def plain_attributes(raw: Any) -> dict[str, str]:  # Any: JSON of senders
    """Attributes that are `{"value": …, "type": …}`, or values."""
    given = dictionary(raw)
    return texts(
        {
            name: one["value"] if isinstance(one, dict) and "value" in one else one
            for name, one in given.items()
        },
        most=300,
    )


def _streamed(raw: dict[str, Any], project: str) -> Span:  # Any: JSON of senders
    own = plain_attributes(raw.get("attributes"))
    own |= {k: v for k, v in texts(raw.get("data")).items() if k not in own}
    shared = {
        "service": _service(own, {}, project),
        "environment": own.get("sentry.environment", ""),
        "host": own.get("server.address", "") if own.get("sentry.op") == "http.server" else "",
        "user_id": own.get("user.id", ""),
        "resource": {"service.version": own["sentry.release"]} if own.get("sentry.release") else {},
    }
    each = {**raw, "op": raw.get("op") or own.get("sentry.op", "")}
    if "end_timestamp" in raw:
        each["timestamp"] = raw["end_timestamp"]
    name = text(raw.get("name"), 500) or text(raw.get("description"), 500) or text(each["op"], 500)
    return _span(each, name, own, shared, "")


def _service(tags: dict[str, str], data: dict[str, str], project: str) -> str:
    for given in (tags, data):
        for name in ("service.name", "service"):
            if given.get(name):
                return given[name][:200]
    return project


def _span(
    raw: dict[str, Any],  # Any: JSON of senders
    name: str,
    attributes: dict[str, str],
    shared: dict[str, Any],  # Any: fields of Span
    trace_id: str,
) -> Span:
    begin, end = moment(raw.get("start_timestamp")), moment(raw.get("timestamp"))
    op, status = text(raw.get("op"), 100), text(raw.get("status"), 100).lower()
    kind = next(
        (_KINDS[start] for start in _KINDS if op == start or op.startswith(f"{start}.")), "internal"
    )
    told = {"sentry.op": op, "sentry.origin": text(raw.get("origin"), 100), "sentry.status": status}
    number = _FINE.get(status, STATUSES.index("error"))
    return Span(
        ts_ns=begin or end,
        duration_ns=max(0, end - begin) if begin and end else 0,
        trace_id=hexadecimal(raw.get("trace_id"), 32) or trace_id,
        span_id=hexadecimal(raw.get("span_id"), 16),
        parent_id=hexadecimal(raw.get("parent_span_id"), 16),
        name=name or op or "(no name)",
        kind=KINDS.index(kind),
        status=number,
        status_message=status if number == STATUSES.index("error") else "",
        attributes={**attributes, **{key: value for key, value in told.items() if value}},
        **shared,
    )
