"""Lines of anything: JSON objects (a list, or one a line) and plain text, one line each.

A mapping says which of the sender's fields are which parts of a record: `body=text,level=sev`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tocsin.ingest.logs.line import record_of_document, record_of_line
from tocsin.ingest.logs.multiline import joined
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord

PARTS: Mapping[str, str] = {
    "body": "message",
    "message": "message",
    "time": "@timestamp",
    "timestamp": "@timestamp",
    "level": "level",
    "service": "service.name",
    "host": "host.name",
    "environment": "deployment.environment.name",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "user_id": "user_id",
}
"""The parts that a mapping may name, and the field that each is."""
_MOST = 200_000

_decode_object = msgspec.json.Decoder(dict[str, object]).decode


def mapping_of(text: str) -> dict[str, str]:
    """`body=text,level=sev` as the sender's dotted field -> our field. Raises Rejected."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        part, equals, field = pair.partition("=")
        if not equals or part.strip() not in PARTS or not field.strip():
            known = ", ".join(PARTS)
            raise Rejected(f"mapping: expected part=field, a part of {known}; got {pair[:80]!r}")
        found[field.strip()] = PARTS[part.strip()]
    return found


def decode(
    body: bytes, *, now_ns: int, mapping: Mapping[str, str] | None = None
) -> list[LogRecord]:
    """A record of each object or line; stack traces stay one. Raises Rejected for a list that is
    no JSON, or too many lines."""
    mapping = mapping or {}
    stripped = body.strip()
    if stripped.startswith(b"[") and stripped.endswith(b"]") and (found := _listed(stripped)):
        return [_of_object(one, mapping, now_ns) for one in found]
    text = body.decode("utf-8", "replace")
    lines = (line for line in text.split("\n") if line.strip())
    if body.count(b"\n") > _MOST:
        raise Rejected(f"more than {_MOST} lines in one body; send smaller batches")
    return [_of_line(line.rstrip("\r"), mapping, now_ns) for line in joined(lines)]


def _listed(body: bytes) -> list[dict[str, object]]:
    """The objects of a JSON list; none when it is text that begins with a bracket."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return []
    if len(found) > _MOST:
        raise Rejected(f"more than {_MOST} lines in one body; send smaller batches")
    return found


def _of_line(line: str, mapping: Mapping[str, str], now_ns: int) -> LogRecord:
    if mapping and line.lstrip().startswith("{"):
        try:
            return _of_object(_decode_object(line.encode()), mapping, now_ns)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            return record_of_line(line, now_ns=now_ns)
    return record_of_line(line, now_ns=now_ns)


def _of_object(document: dict[str, object], mapping: Mapping[str, str], now_ns: int) -> LogRecord:
    original = msgspec.json.encode(document).decode()
    renamed = {mapping.get(name, name): value for name, value in document.items()}
    for field, part in mapping.items():
        if "." in field and (value := _within(document, field.split("."))) is not None:
            renamed[part] = value
    return record_of_document(renamed, now_ns=now_ns, original=original)


def _within(document: object, path: list[str]) -> object:
    for step in path:
        if not isinstance(document, dict):
            return None
        document = document.get(step)
    return document
