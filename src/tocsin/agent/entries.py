"""What is read: an entry of a log, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all lines of a place have in common; the head of a block on the wire."""

    host: str = ""
    service: str = ""
    fallback_service: str = ""
    """Whose lines they are when they do not tell."""
    environment: str = ""
    source: str = ""
    """The path of a file, or `journald`, `stdin`."""
    attributes: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, of one line or of several that belong together, and where the next one begins.

    `place` names what it was read from, `position` is where in it to go on once it is kept: an
    offset of bytes, or a cursor.
    """

    text: str
    at_ns: int
    origin: Origin
    place: str
    position: int | str
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """About how much of a batch it takes."""
        return len(self.text) + 40
