"""Datadog's log intake: JSON entries, or lines of text, with tags.

https://docs.datadoghq.com/api/latest/logs/#send-logs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tocsin.ingest.logs.fields import flattened, record_of
from tocsin.ingest.logs.line import record_of_line
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord

_MOST = 10_000
_SHARED = ("ddsource", "ddtags", "service", "hostname")
"""What may stand in the query string for all lines."""


def decode(body: bytes, *, is_json: bool, query: Mapping[str, str], now_ns: int) -> list[LogRecord]:
    """The lines of a body. Raises Rejected when it says that it is JSON and is none."""
    shared = {name: query[name] for name in _SHARED if query.get(name)}
    text = body.decode("utf-8", "replace")
    if not is_json and not text.lstrip().startswith(("[", "{")):
        lines = [line for line in text.splitlines() if line.strip()]
        return [_record({"message": line}, shared, now_ns) for line in _within(lines)]
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not valid JSON: {error}") from error
    entries = data if isinstance(data, list) else [data]
    return [_record(_entry(entry), shared, now_ns) for entry in _within(entries)]


def _within(entries: Sequence[object]) -> Sequence[object]:
    if len(entries) > _MOST:
        raise Rejected(f"more than {_MOST} lines in one body; send smaller batches")
    return entries


def _entry(entry: object) -> dict[str, object]:
    if isinstance(entry, dict):
        return entry
    if isinstance(entry, str):
        return {"message": entry}
    raise Rejected("an entry is neither an object nor a text")


def _record(entry: object, shared: Mapping[str, str], now_ns: int) -> LogRecord:
    fields = {**shared, **flattened(_entry(entry))}
    tags = ",".join(text for text in (shared.get("ddtags"), fields.pop("ddtags", "")) if text)
    source = fields.pop("ddsource", "") or "datadog"
    message = fields.get("message", "")
    record = record_of(fields, now_ns=now_ns)
    if message and record.body == message:
        _read(record, message, now_ns)
    record.source = source
    for tag in dict.fromkeys(tags.split(",")):
        name, colon, value = tag.strip().partition(":")
        if name:
            record.attributes.setdefault(name, value if colon else "true")
    record.environment = record.environment or record.attributes.get("env", "")
    record.service = record.service or record.attributes.get("service", "")
    return record


def _read(record: LogRecord, message: str, now_ns: int) -> None:
    """What the message, mostly a line as the program wrote it, says of itself."""
    found = record_of_line(message, now_ns=now_ns)
    record.body, record.original = found.body, found.original
    record.attributes = {**found.attributes, **record.attributes}
    if record.ts_ns == now_ns:
        record.ts_ns = found.ts_ns
    # The agent calls a line without a level "info".
    if found.level and record.level in (0, 9):
        record.level, record.severity = found.level, found.severity
    for name in ("service", "host", "environment", "trace_id", "span_id", "user_id"):
        setattr(record, name, getattr(record, name) or getattr(found, name))
