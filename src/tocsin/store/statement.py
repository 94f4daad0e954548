"""What does a request ask of the engine, and in which lane does it run?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LANES = ("short", "query", "insert", "background", "control")

_INSERT = re.compile(rb"\s*INSERT\s+INTO\s", re.IGNORECASE)
_DATA = re.compile(rb"\sFORMAT\s+(\w+)[ \t\r;]*(?:\n|$)", re.IGNORECASE)
_SLOW = re.compile(
    r"\s*(BACKUP|RESTORE|OPTIMIZE|ALTER|CREATE|DROP|TRUNCATE|RENAME|ATTACH|DETACH|SYSTEM)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with its parameters, settings, and an INSERT's data.

    `data` belongs to an INSERT whose `format` it is in; None when the statement is complete.
    """

    sql: str
    lane: str
    data: bytes | None = None
    format: str = "TabSeparated"
    database: str = ""
    params: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def reading(self, path: str) -> str:
        """The INSERT, reading its data from a file: inline data would have to be text."""
        return f"{self.sql} FROM INFILE '{path}' COMPRESSION 'none' FORMAT {self.format}"


def split(query: str, body: bytes) -> tuple[str, bytes | None, str | None]:
    """The SQL, an INSERT's data, and its format, as ClickHouse reads `query` and body together."""
    head = query.encode() + b"\n" if query else b""
    if body and _INSERT.match(head):
        found = _DATA.search(head)
        if found is not None and found.end() == len(head):
            return head[: found.start()].decode(), body, found.group(1).decode()
    whole = head + body
    if not _INSERT.match(whole):
        return whole.decode().rstrip().rstrip(";"), None, None
    found = _DATA.search(whole, 0, max(65536, len(query) + 2))
    if found is None or found.end() >= len(whole):
        return whole.decode().rstrip().rstrip(";"), None, None
    return whole[: found.start()].decode(), whole[found.end() :], found.group(1).decode()


def lane_of(sql: str, wanted: str) -> str:
    """The lane that the caller asks for, else one by the kind of statement."""
    if wanted in LANES:
        return wanted
    if _INSERT.match(sql[:64].encode()):
        return "insert"
    return "background" if _SLOW.match(sql) else "query"
