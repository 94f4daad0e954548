"""Where does each line of a growing file begin and end, and which are too long?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line without its end: `start` and `end` are where it and the next one begin."""

    text: str
    start: int
    end: int
    at_ns: int = 0
    """When it was said, if that is written beside it."""
    stream: str = ""
    """Of which of a container's streams it is."""


class Splitter:
    """Takes bytes as they come and answers whole lines; holds `max_bytes` of one at the most."""

    def __init__(self, offset: int, max_bytes: int) -> None:
        self._max = max_bytes
        self._start = offset
        self._held = bytearray()
        self._dropped = 0

    @property
    def is_within_a_line(self) -> bool:
        """Whether a line was begun and did not end yet."""
        return bool(self._held)

    def add(self, chunk: bytes) -> list[RawLine]:
        """The lines that these bytes complete."""
        *whole, rest = chunk.split(b"\n")
        lines = []
        for part in whole:
            self._hold(part)
            lines.append(self._line(1))
        self._hold(rest)
        return lines

    def rest(self) -> RawLine | None:
        """What is left without an end, as no more will come."""
        return self._line(0) if self._held else None

    def _hold(self, part: bytes) -> None:
        room = self._max - len(self._held)
        self._held += part[:room]
        self._dropped += max(0, len(part) - room)

    def _line(self, ending: int) -> RawLine:
        length = len(self._held) + self._dropped
        # A writer that does not append goes on behind a hole when its file was cut to nothing.
        text = self._held.removesuffix(b"\r").lstrip(b"\x00").decode("utf-8", "replace")
        if self._dropped:
            text += f" … [cut, {length:,} bytes]"
        line = RawLine(text, self._start, self._start + length + ending)
        self._start = line.end
        self._held.clear()
        self._dropped = 0
        return line
