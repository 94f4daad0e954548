"""Which lines are one entry, and where in the file does each entry end?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tocsin.agent.splitter import RawLine
from tocsin.ingest.logs.multiline import MOST_CHARACTERS, MOST_LINES, Joiner
from tocsin.kit.regex import compile_pattern


class Gatherer(Protocol):
    """Gathers lines; `add` answers what is complete, `rest` what is left."""

    def add(self, line: str) -> str | None: ...
    def rest(self) -> str | None: ...


class StartJoiner:
    """An entry begins with a line that matches; the others go on with it."""

    def __init__(self, start: str) -> None:
        self._start = compile_pattern(start)
        self._lines: list[str] = []
        self._size = 0

    def add(self, line: str) -> str | None:
        """Take a line; the entry before it when that is complete."""
        is_full = len(self._lines) >= MOST_LINES or self._size + len(line) > MOST_CHARACTERS
        complete = self.rest() if is_full or self._start.search(line) is not None else None
        self._lines.append(line)
        self._size += len(line)
        return complete

    def rest(self) -> str | None:
        """What was gathered; None when that is nothing."""
        complete = "\n".join(self._lines) if self._lines else None
        self._lines, self._size = [], 0
        return complete


class Single:
    """Each line is an entry."""

    def __init__(self) -> None:
        self._line: str | None = None

    def add(self, line: str) -> str | None:
        """Take a line; the one before it."""
        complete, self._line = self._line, line
        return complete

    def rest(self) -> str | None:
        """The last line."""
        complete, self._line = self._line, None
        return complete


def gatherer(*, multiline: bool, start: str) -> Gatherer:
    """The way to join that is configured."""
    if start:
        return StartJoiner(start)
    return Joiner() if multiline else Single()


@dataclass(frozen=True, slots=True)
class Joined:
    """An entry's text; `end` is where the next one begins."""

    text: str
    end: int
    at_ns: int = 0
    stream: str = ""


class Joining:
    """Lines in, entries with their ends out; blank lines alone are nothing."""

    def __init__(self, gather: Gatherer, offset: int) -> None:
        self._gather = gather
        self._first: RawLine | None = None
        self._offset = offset

    def add(self, line: RawLine) -> list[Joined]:
        """Take a line; the entry that it completes, if it does."""
        found = self.rest() if self._first and self._first.stream != line.stream else []
        complete, first = self._gather.add(line.text), self._first
        if complete is not None or first is None:
            self._first = line
        if complete is not None and first is not None:
            found += _entry(complete, first, self._offset)
        self._offset = line.end
        return found

    def rest(self) -> list[Joined]:
        """What was gathered, as nothing more will come."""
        complete, first, self._first = self._gather.rest(), self._first, None
        return _entry(complete, first, self._offset) if complete is not None and first else []


def _entry(text: str, first: RawLine, end: int) -> list[Joined]:
    return [Joined(text, end, first.at_ns, first.stream)] if text.strip() else []
