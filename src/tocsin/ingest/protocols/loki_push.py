"""Loki's push API: streams of labels with their lines, as snappy protobuf or JSON.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from tocsin.ingest import wire
from tocsin.ingest.logs.line import hint
from tocsin.kit.fault import Rejected
from tocsin.kit.timestamps import nanoseconds
from tocsin.model.logs import LogRecord, level_of

_SERVICE = (
    *("service_name", "service.name", "service", "app", "application", "app_name"),
    *("app_kubernetes_io_name", "container", "container_name", "k8s_container_name"),
    *("component", "workload", "job", "k8s_job_name", "logger"),
)
"""The labels that name a service, as Loki's own discovery ranks them."""
_LEVEL = ("level", "severity", "detected_level", "severity_text", "lvl", "loglevel")
_HOST = ("host", "hostname", "instance", "node_name", "node", "host_name")
_ENVIRONMENT = ("environment", "env", "deployment_environment", "deployment_environment_name")
_SOURCE = ("source", "filename", "stream_name")
_TRACE, _SPAN = ("trace_id", "traceId", "traceID", "traceid"), ("span_id", "spanId", "spanID")
_USER = ("user_id", "userId", "userid")
_PAIR = re.compile(r'\s*([a-zA-Z_][\w.-]*)\s*=\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*(,|$)', re.ASCII)
_LONGEST_LABELS = 64 << 10
_MOST_LINES = 1_000_000


def decode_protobuf(body: bytes, *, now_ns: int) -> list[LogRecord]:
    """The lines of a logproto.PushRequest, decompressed. Raises Rejected when it is none."""
    records: list[LogRecord] = []
    for number, kind, start, stop in wire.fields(body, 0, len(body)):
        if number == 1 and kind == wire.BYTES:
            _stream(body, start, stop, records, now_ns)
    return records


def _stream(body: bytes, start: int, stop: int, records: list[LogRecord], now_ns: int) -> None:
    origin = _Origin({})
    entries: list[tuple[int, int]] = []
    for number, kind, first, last in wire.fields(body, start, stop):
        if kind != wire.BYTES:
            continue
        if number == 1:
            origin = _Origin(labels_of(_text(body, first, last)))
        elif number == 2:
            entries.append((first, last))
    if len(records) + len(entries) > _MOST_LINES:
        raise Rejected(f"more than {_MOST_LINES} lines in one request; send smaller batches")
    records.extend(_entry(body, first, last, origin, now_ns) for first, last in entries)


def _entry(body: bytes, start: int, stop: int, origin: _Origin, now_ns: int) -> LogRecord:
    at, line = 0, ""
    metadata: dict[str, str] = {}
    for number, kind, first, last in wire.fields(body, start, stop):
        if kind != wire.BYTES:
            continue
        if number == 1:
            at = _timestamp(body, first, last)
        elif number == 2:
            line = _text(body, first, last)
        elif number == 3:
            pair = {n: _text(body, a, b) for n, k, a, b in wire.fields(body, first, last) if k == 2}
            metadata[pair.get(1, "")] = pair.get(2, "")
    return origin.record(at or now_ns, line, metadata)


def _timestamp(body: bytes, start: int, stop: int) -> int:
    """google.protobuf.Timestamp in nanoseconds; 0 for one that no clock shows."""
    seconds = nanos = 0
    for number, kind, value, _ in wire.fields(body, start, stop):
        if kind == wire.VARINT and number == 1:
            seconds = wire.signed(value)
        elif kind == wire.VARINT and number == 2:
            nanos = value
    if not 0 <= seconds < 9_223_372_036 or nanos >= 1_000_000_000:
        return 0
    return seconds * 1_000_000_000 + nanos


def _text(body: bytes, start: int, stop: int) -> str:
    return body[start:stop].decode("utf-8", "replace")


def decode_json(body: bytes, *, now_ns: int) -> list[LogRecord]:
    """The lines of `{"streams": [{"stream": {…}, "values": [["<ns>", "line", {…}]]}]}`; the third
    element, structured metadata, may be missing. Raises Rejected for another shape."""
    try:
        pushed = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not valid JSON: {error}") from error
    streams = pushed.get("streams") if isinstance(pushed, dict) else None
    if not isinstance(streams, list):
        raise Rejected('the body is not {"streams": [{"stream": {…}, "values": […]}]}')
    records: list[LogRecord] = []
    for place, stream in enumerate(streams):
        labels = stream.get("stream") if isinstance(stream, dict) else None
        values = stream.get("values") if isinstance(stream, dict) else None
        if not isinstance(labels, dict) or not isinstance(values, list):
            raise Rejected(f'streams[{place}]: expected {{"stream": {{…}}, "values": […]}}')
        if len(records) + len(values) > _MOST_LINES:
            raise Rejected(f"more than {_MOST_LINES} lines in one request; send smaller batches")
        origin = _Origin({str(name): _plain(value) for name, value in labels.items()})
        records.extend(_value(origin, value, place, now_ns) for value in values)
    return records


def _value(origin: _Origin, value: object, place: int, now_ns: int) -> LogRecord:
    if not isinstance(value, list) or not 2 <= len(value) <= 3 or not isinstance(value[1], str):
        raise Rejected(f'streams[{place}].values: expected ["<ns>", "line"] or a third element')
    at = _nanoseconds(value[0])
    if at is None:
        raise Rejected(f"streams[{place}].values: {str(value[0])[:40]!r} are no nanoseconds")
    third = value[2] if len(value) == 3 else None
    metadata = third if isinstance(third, dict) else {}
    return origin.record(
        at or now_ns, value[1], {str(name): _plain(one) for name, one in metadata.items()}
    )


def _nanoseconds(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        at = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        at = value
    else:
        return nanoseconds(value) if isinstance(value, str) else None
    return at if 0 <= at < 1 << 63 else None


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class _Origin:
    """What a stream's labels say of all its lines. The labels stay attributes, so that a
    question by any of them finds the lines."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels
        self._service = _first(labels, _SERVICE)
        self._host = _first(labels, _HOST)
        self._environment = _first(labels, _ENVIRONMENT)
        self._source = _first(labels, _SOURCE)
        self._severity = _first(labels, _LEVEL)

    def record(self, at_ns: int, line: str, metadata: Mapping[str, str]) -> LogRecord:
        """A line of the stream; the whole is its original where a part of it is its text."""
        attributes = {**self._labels, **metadata} if metadata else dict(self._labels)
        severity = _first(metadata, _LEVEL) or self._severity
        record = LogRecord(
            ts_ns=at_ns,
            body=line,
            service=self._service or _first(metadata, _SERVICE),
            level=level_of(severity),
            severity=severity,
            host=self._host or _first(metadata, _HOST),
            environment=self._environment,
            source=self._source or "loki",
            trace_id=_first(attributes, _TRACE),
            span_id=_first(attributes, _SPAN),
            user_id=_first(attributes, _USER),
            attributes=attributes,
        )
        hint(record)
        return record


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def labels_of(text: str) -> dict[str, str]:
    """The labels of `{level="info", app="x"}`. Raises Rejected when the text is none."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")) or len(text) > _LONGEST_LABELS:
        raise Rejected(f'expected labels such as {{app="x"}}, got {text[:100]!r}')
    inner, labels, at = stripped[1:-1].strip(), {}, 0
    while at < len(inner):
        pair = _PAIR.match(inner, at)
        if pair is None:
            raise Rejected(f'expected label="value" at {inner[at : at + 40]!r} in {text[:100]!r}')
        labels[pair[1]] = _unquoted(pair[2], text)
        at = pair.end()
    return labels


def _unquoted(text: str, whole: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _of_go(text[1:-1], whole)


_GO_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)")
_GO = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _of_go(text: str, whole: str) -> str:
    """A Go string's content (its specification, "Rune literals")."""

    def one(found: re.Match[str]) -> str:
        said = found[1]
        if said[0] in "xuU" and len(said) > 1:
            number = int(said[1:], 16)
        elif len(said) == 3:
            number = int(said, 8)
        else:
            return _GO.get(said, said)
        if number > 0x10FFFF:
            raise Rejected(f"{said!r} in {whole[:100]!r} is no character")
        return chr(number)

    return _GO_ESCAPE.sub(one, text)
