"""Which errors do log lines and spans hold? The same reports as an SDK's events."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from tocsin.errortracking.answers import Thrown
from tocsin.errortracking.fingerprint import Subject
from tocsin.errortracking.merging import event_id_of_line
from tocsin.errortracking.sentry_event import Report, culprit_of, title_of
from tocsin.errortracking.stack_text import MARKS, found_in
from tocsin.errortracking.texts import text
from tocsin.model.errors import ErrorEvent
from tocsin.model.logs import LogRecord
from tocsin.model.spans import Span, SpanEvent

_ERROR = 17
_TYPES = ("exception.type", "error.type", "err.type", "error.kind", "exc_type")
_MESSAGES = ("exception.message", "error.message", "err.message", "exc_message")
_STACKS = (
    "exception.stacktrace",
    "error.stack_trace",
    "error.stack",
    "err.stack",
    "stack",
    "stack_trace",
    "stacktrace",
    "exc_info",
    "exception",
)
_SDK_PLATFORMS = {
    "nodejs": "node",
    "webjs": "javascript",
    "dotnet": "csharp",
    "rust": "native",
    "cpp": "native",
    "swift": "native",
}
_FIELDS, _LONGEST = 50, 100_000
_TAGS = ("http.route", "http.method", "http.request.method", "url.path", "code.namespace", "logger")


def may_hold(record: LogRecord) -> bool:
    """Whether a line may hold an exception; quick, as all lines are asked."""
    if record.level < _ERROR:
        return False
    attributes = record.attributes
    if any(name in attributes for name in _TYPES[:3]) or any(
        name in attributes for name in _STACKS
    ):
        return True
    return "\n" in record.body and any(mark in record.body for mark in MARKS)


def of_line(record: LogRecord, line_id: str, project: str) -> Report | None:
    """The error of a line; None when it holds none after all."""
    attributes = _clean(record.attributes)
    body = text(record.body, _LONGEST)
    kind, value = _first(attributes, _TYPES), _first(attributes, _MESSAGES)
    platform, chain = _chain(kind, value, _first(attributes, _STACKS) or body)
    if not chain:
        return None
    last = chain[-1]
    message = body.splitlines()[0][:2_000] if body else ""
    event = ErrorEvent(
        ts_ns=record.ts_ns,
        event_id=event_id_of_line(line_id),
        project=project,
        issue=0,
        kind=last.kind,
        value=last.value or message,
        culprit=culprit_of(chain),
        level=record.level,
        source="logs",
        platform=_SDK_PLATFORMS.get(attributes.get("telemetry.sdk.language", ""), platform),
        service=record.service,
        environment=record.environment,
        release=attributes.get("service.version", attributes.get("release", ""))[:200],
        host=record.host,
        user_id=record.user_id,
        trace_id=record.trace_id,
        span_id=record.span_id,
        weight=max(1, record.weight),
        tags=_tags(attributes),
    )
    return _report(event, chain, message, attributes, line_id)


def of_span(span: Span, happened: SpanEvent, number: int, project: str) -> Report | None:
    """The error that a span recorded; None when it says nothing of it."""
    told, own = _clean(happened.attributes), _clean(span.attributes)
    kind, value = told.get("exception.type", ""), told.get("exception.message", "")
    platform, chain = _chain(kind, value, told.get("exception.stacktrace", ""))
    if not chain:
        return None
    last = chain[-1]
    digest = blake2b(f"{span.trace_id} {span.span_id} {number}".encode(), digest_size=16)
    resource = span.resource
    event = ErrorEvent(
        ts_ns=happened.ts_ns or span.ts_ns,
        event_id=digest.hexdigest(),
        project=project,
        issue=0,
        kind=last.kind,
        value=last.value,
        culprit=culprit_of(chain) or span.name[:300],
        source="spans",
        platform=_SDK_PLATFORMS.get(resource.get("telemetry.sdk.language", ""), "") or platform,
        service=span.service,
        environment=span.environment,
        release=resource.get("service.version", "")[:200],
        host=span.host,
        user_id=span.user_id,
        trace_id=span.trace_id,
        span_id=span.span_id,
        transaction=span.name[:300],
        handled=told.get("exception.escaped", "").lower() != "true",
        weight=max(1, span.weight),
        tags=_tags(own),
    )
    return _report(event, chain, "", own, "")


def _chain(kind: str, value: str, stack: str) -> tuple[str, tuple[Thrown, ...]]:
    """What the text says, with the type and message that are known besides."""
    found = found_in(stack) if stack else None
    if found is not None:
        last = found.chain[-1]
        if not kind or kind == last.kind or kind.rpartition(".")[2] == last.kind:
            return found.platform, found.chain
        named = Thrown(
            kind=kind[:300],
            value=value[:8_192] or last.value,
            frames=last.frames,
            frames_left_out=last.frames_left_out,
        )
        return found.platform, (*found.chain[:-1], named)
    return "", (Thrown(kind=kind[:300], value=value[:8_192]),) if kind else ()


def _report(
    event: ErrorEvent,
    chain: tuple[Thrown, ...],
    message: str,
    attributes: Mapping[str, str],
    line_id: str,
) -> Report:
    told = (*_STACKS, *_TYPES, *_MESSAGES)
    fields = {name: value[:2_048] for name, value in attributes.items() if name not in told}
    subject = Subject(
        project=event.project,
        platform=event.platform,
        exceptions=chain,
        message="" if any(one.frames for one in chain) else message,
    )
    return Report(
        event=event,
        exceptions=chain,
        subject=subject,
        message=message,
        title=title_of(event.kind, event.value, message),
        line_id=line_id,
        fields=dict(list(fields.items())[:_FIELDS]),
    )


def _clean(attributes: Mapping[str, str]) -> dict[str, str]:
    """Without what no JSON and no database takes."""
    return {text(name, 200): text(value, _LONGEST) for name, value in attributes.items()}


def _tags(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: attributes[name][:200] for name in _TAGS if attributes.get(name)}


def _first(attributes: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((attributes[name] for name in names if attributes.get(name)), "")
