"""What `tocsin agent` sends: blocks of entries, one a line, each with the origin they share.

`{"batch", "origin": {"host", "service", "fallback_service", "environment", "source", "attributes"},
"entries": [[nanoseconds, "text", {own attributes}], …]}`; the batch's name only
makes its bytes differ from those of other batches of the same lines.
"""

from __future__ import annotations

import msgspec

from tocsin.ingest.logs.line import record_of_line
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord, level_of

_MOST = 500_000


class _Origin(msgspec.Struct, frozen=True, kw_only=True):
    host: str = ""
    service: str = ""
    fallback_service: str = ""
    environment: str = ""
    source: str = ""
    attributes: dict[str, str] = {}


class _Block(msgspec.Struct, frozen=True, kw_only=True):
    origin: _Origin
    entries: list[tuple[int, str, dict[str, str]]]


_decode = msgspec.json.Decoder(_Block).decode


def decode(body: bytes, *, now_ns: int) -> list[LogRecord]:
    """A record of each entry; an entry without a time was said now. Raises Rejected, naming the
    line, for anything else."""
    records: list[LogRecord] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line:
            continue
        try:
            block = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Rejected(f"line {number}: {error}") from error
        if len(records) + len(block.entries) > _MOST:
            raise Rejected(f"more than {_MOST} entries in one body; send smaller batches")
        records.extend(_record(one, block.origin, number, now_ns) for one in block.entries)
    return records


def _record(
    entry: tuple[int, str, dict[str, str]], origin: _Origin, number: int, now_ns: int
) -> LogRecord:
    at, text, attributes = entry
    if not 0 <= at < 1 << 63:
        raise Rejected(f"line {number}: {at} are no nanoseconds since the epoch")
    record = record_of_line(text, now_ns=at or now_ns)
    record.service = origin.service or record.service or origin.fallback_service
    record.host = record.host or origin.host
    record.environment = record.environment or origin.environment
    record.source = origin.source
    severity = attributes.pop("level", "")
    if severity and not record.level:
        record.level, record.severity = level_of(severity), severity
    if origin.attributes or attributes:
        record.attributes = {**origin.attributes, **attributes, **record.attributes}
    return record
