"""How does a log line look to programs? What the API answers, and what the command line reads."""

from __future__ import annotations

import msgspec

from tocsin.kit.timestamps import nanoseconds


class ShownLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `id` names it in `/api/logs/lines/<id>`; `time` is RFC 3339 with nanoseconds,
    `level` one of trace to fatal or unknown, `severity` the word as it came, `original` the whole
    as it came where `message` is only a part of it."""

    time: str
    message: str
    level: str
    id: str
    severity: str = ""
    service: str = ""
    host: str = ""
    environment: str = ""
    source: str = ""
    trace_id: str = ""
    span_id: str = ""
    user_id: str = ""
    pattern: str = ""
    attributes: dict[str, str] = {}
    original: str = ""

    @property
    def ts_ns(self) -> int:
        """Its time, nanoseconds since the epoch."""
        return nanoseconds(self.time) or 0
