"""What an application said: one line, and what is known of it. The rows of the logs table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

LEVELS = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "notice": 10,
    "warn": 13,
    "error": 17,
    "critical": 18,
    "fatal": 21,
}
"""The lowest number of each level's range (OpenTelemetry logs data model, SeverityNumber)."""

_WORDS = {
    "trace": 1,
    "finest": 1,
    "verbose": 5,
    "silly": 1,
    "debug": 5,
    "fine": 5,
    "dbg": 5,
    "info": 9,
    "information": 9,
    "informational": 9,
    "http": 9,
    "log": 9,
    "notice": 10,
    "warn": 13,
    "warning": 13,
    "wrn": 13,
    "error": 17,
    "err": 17,
    "severe": 17,
    "critical": 18,
    "crit": 18,
    "alert": 19,
    "fatal": 21,
    "emerg": 21,
    "emergency": 21,
    "panic": 21,
}
_SYSLOG = (21, 19, 18, 17, 13, 10, 9, 5)


def level_of(word: str) -> int:
    """The severity number of a level's name in any of its usual spellings; 0 when unknown."""
    return _WORDS.get(word.strip().lower(), 0)


def level_of_syslog(severity: int) -> int:
    """The severity number of a syslog severity, 0 to 7 (OpenTelemetry, appendix B)."""
    return _SYSLOG[severity] if 0 <= severity < len(_SYSLOG) else 0


def level_name(number: int) -> str:
    """trace, debug, info, warn, error or fatal; "unknown" for 0."""
    if not 0 < number <= 24:
        return "unknown"
    return ("trace", "debug", "info", "warn", "error", "fatal")[(number - 1) // 4]


class LogRecord(msgspec.Struct, gc=False):
    """One line. Changed in place by the steps that take it in, and by nobody afterwards.

    `ts_ns` is when it was said, nanoseconds since the epoch, UTC. `level` is OpenTelemetry's
    severity number, 1 to 24, or 0; `severity` the word as it came. `body` is the text that people
    read and search; `original` the whole as it came where `body` is only a part of it. `source`
    says where it came from (an index, a file, a stream). Nested attributes have dotted names.
    `weight` is for how many lines it stands, when only one of several was kept.
    """

    ts_ns: int
    body: str
    service: str = ""
    level: int = 0
    severity: str = ""
    host: str = ""
    environment: str = ""
    source: str = ""
    trace_id: str = ""
    span_id: str = ""
    user_id: str = ""
    pattern: int = 0
    weight: int = 1
    attributes: dict[str, str] = {}
    original: str = ""


class LogBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that came in one request, in its order.

    `key` names the request among those of the last minutes, so that a repeated one is recognised;
    a line is named by it and its place, which is in `numbers` where not all lines of the request
    are here. `taken_ms` is when it came, milliseconds. `names` are what the sender calls lines
    that may come again in another request, 0 for the others; empty when there are none.
    """

    records: tuple[LogRecord, ...]
    key: int
    taken_ms: int
    numbers: Sequence[int] | None = None
    names: Sequence[int] = ()

    def number(self, place: int) -> int:
        """The number of the line that is at this place among `records`."""
        return place if self.numbers is None else self.numbers[place]


def line_id(ts_ns: int, key: int, number: int) -> str:
    """How a line is named to programs and in links: its time, so that it is found quickly, its
    request's key and its place there."""
    return f"{ts_ns}-{key}-{number}"
