"""What do front ends post to `/api/logs`? `{"logs": [{level, message, context?, timestamp, …}]}`.

The body is that of the usual `FrontendLogger`: an object with `logs`, a list, or one entry.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.ingest.logs.fields import flattened, record_of
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord

SOURCE = "frontend"
INVALID = "Invalid log data"
_MOST = 10_000


def decode(
    body: bytes, *, now_ns: int, service: str = "", agent: str = ""
) -> tuple[list[LogRecord], int]:
    """The lines, and how many entries were none. `agent` is the browser's own name for itself.

    Raises Rejected when nothing of the body is a line.
    """
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(INVALID) from error
    if isinstance(data, dict) and isinstance(data.get("logs"), list):
        data = data["logs"]
    entries = data if isinstance(data, list) else [data]
    if len(entries) > _MOST:
        raise Rejected(f"more than {_MOST} lines in one body; send smaller batches")
    records = [
        _record(entry, now_ns, service, agent)
        for entry in entries
        if isinstance(entry, dict) and _says_something(entry)
    ]
    if entries and not records:
        raise Rejected(INVALID)
    return records, len(entries) - len(records)


def _says_something(entry: dict[str, Any]) -> bool:  # Any: JSON from a browser
    message = entry.get("message", entry.get("msg"))
    return bool(message) if isinstance(message, str) else message is not None


def _record(entry: dict[str, Any], now_ns: int, service: str, agent: str) -> LogRecord:
    fields = flattened(entry)
    record = record_of(fields, now_ns=now_ns)
    record.source = SOURCE
    record.service = record.service or service or SOURCE
    if agent:
        record.attributes.setdefault("user_agent.original", agent)
    return record
