"""One file that is read as it grows: by its inode, whatever it is called meanwhile."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tocsin.agent.entries import Entry, Origin
from tocsin.agent.joining import Gatherer, Joined, Joining
from tocsin.agent.positions import FINGERPRINT_BYTES, FilePosition, Fingerprint
from tocsin.agent.splitter import RawLine, Splitter
from tocsin.kit import log

_log = log.get("agent")
_CHUNK = 64 << 10
_IDLE_NS = 300_000_000
"""An entry is complete when its file did not grow for so long."""
_LINGERS_NS = 10_000_000_000
"""A program may write to a file that was rotated away until it opens the new one."""

Decode = Callable[[RawLine], RawLine | None]
"""What a line of a container's file says; None while a part of a line is waited for."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file's lines are read."""

    origin: Origin
    make_gatherer: Callable[[], Gatherer]
    max_line: int
    make_decode: Callable[[], Decode] | None = None


class Tailed:
    """An open file. It stays readable when it is renamed or deleted."""

    def __init__(
        self, path: Path, reading: Reading, offset: int | None, *, found_at: Path | None = None
    ) -> None:
        """Open it to be read from there; None begins at its end. `found_at` is what it was called
        before rotations. Raises OSError."""
        self._raw: BinaryIO = path.open("rb")
        stat = os.fstat(self._raw.fileno())
        self.path = path
        self.found_at = found_at or path
        self.ident = (stat.st_dev, stat.st_ino)
        self.is_packed = path.suffix == ".gz"
        self.is_current = True
        """Whether it is still where it is looked for; what was rotated away ends some time."""
        self.is_truncated = False
        self.fingerprint = Fingerprint()
        self.read_ns = 0
        self.generation = 0
        """How often it was cut to nothing."""
        self.reading = reading
        self._unpacked = gzip.GzipFile(fileobj=self._raw) if self.is_packed else None
        self._idle_since = 0
        self._learn()
        self._begin(stat.st_size if offset is None else offset)

    def _begin(self, offset: int) -> None:
        self.kept_offset = self.taken_offset = self._at = offset
        self._splitter = Splitter(offset, self.reading.max_line)
        self._joining = Joining(self.reading.make_gatherer(), offset)
        self._decode = self.reading.make_decode() if self.reading.make_decode else None

    @property
    def place(self) -> str:
        """Its name among what an agent reads."""
        return f"{self.ident[0]}:{self.ident[1]}:{self.generation}"

    def position(self, offset: int, *, finished: bool = False) -> FilePosition:
        """What is remembered of it when everything up to there is kept."""
        return FilePosition(
            device=self.ident[0],
            inode=self.ident[1],
            path=str(self.path),
            found_at=str(self.found_at),
            offset=offset,
            fingerprint=self.fingerprint,
            read_ns=self.read_ns,
            finished=finished,
        )

    def is_finished(self, now_ns: int) -> bool:
        """Whether it was rotated away and everything in it is kept."""
        if self.is_current or self.kept_offset < self.taken_offset or not self._idle_since:
            return False
        if not self.is_packed and os.fstat(self._raw.fileno()).st_size > self._at:
            return False
        return now_ns - self._idle_since >= _LINGERS_NS and not self._splitter.is_within_a_line

    def read(self, room_bytes: int, now_ns: int) -> list[Entry]:
        """The entries that have come; none, with `is_truncated`, when it was cut to nothing."""
        found: list[Joined] = []
        stat = os.fstat(self._raw.fileno())
        if self._was_truncated(stat.st_size):
            self.is_truncated = True
            return []
        size = 0
        while size < room_bytes and (chunk := self._chunk()):
            size += len(chunk)
            self._at += len(chunk)
            for line in self._splitter.add(chunk):
                self._take(line, found)
        if size:
            self.read_ns = self._idle_since = now_ns
        elif now_ns - self._idle_since >= _IDLE_NS:
            self._idle_since = self._idle_since or now_ns
            self._rest(found)
        self._learn()
        if found:
            self.taken_offset = found[-1].end
        at_ns = min(now_ns, stat.st_mtime_ns)
        return [self._entry(one, at_ns) for one in found]

    def leftover(self, now_ns: int) -> list[Entry]:
        """What was gathered of a file that is not what it was."""
        found: list[Joined] = []
        if (last := self._splitter.rest()) is not None:
            self._take(last, found)
        found.extend(self._joining.rest())
        return [self._entry(one, now_ns) for one in found]

    def begin_anew(self) -> None:
        """From its start, as it was cut to nothing."""
        self.is_truncated = False
        self.fingerprint = Fingerprint()
        self.generation += 1
        self._idle_since = 0
        self._learn()
        self._begin(0)

    def close(self) -> None:
        """Let go of it."""
        if self._unpacked is not None:
            self._unpacked.close()
        self._raw.close()

    def _chunk(self) -> bytes:
        if self._unpacked is None:
            return os.pread(self._raw.fileno(), _CHUNK, self._at)
        try:
            self._unpacked.seek(self._at)
            return self._unpacked.read(_CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            _log.warning("file_is_damaged", path=str(self.path), error=str(error))
            return b""

    def _take(self, line: RawLine, found: list[Joined]) -> None:
        decoded = self._decode(line) if self._decode else line
        if decoded is not None:
            found.extend(self._joining.add(decoded))

    def _rest(self, found: list[Joined]) -> None:
        """What stands at the end of a file that does not grow; a line without its end may still."""
        if not self.is_current and (last := self._splitter.rest()) is not None:
            self._take(last, found)
        found.extend(self._joining.rest())

    def _entry(self, one: Joined, at_ns: int) -> Entry:
        attributes = {"log.iostream": one.stream} if one.stream else {}
        when = one.at_ns or at_ns
        return Entry(one.text, when, self.reading.origin, self.place, one.end, attributes)

    def _was_truncated(self, size: int) -> bool:
        if self.is_packed:
            return False
        return size < self._at or not self.fingerprint.fits(self._head())

    def _learn(self) -> None:
        """The fingerprint grows with a file that was short."""
        if self.fingerprint.length < (1 if self.is_packed else FINGERPRINT_BYTES):
            head = self._head()
            if len(head) > self.fingerprint.length:
                self.fingerprint = Fingerprint.of(head)

    def _head(self) -> bytes:
        if self._unpacked is None:
            return os.pread(self._raw.fileno(), FINGERPRINT_BYTES, 0)
        return head_of(self.path)


def head_of(path: Path) -> bytes:
    """What a file begins with, unpacked; nothing when it cannot be read."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return packed.read(FINGERPRINT_BYTES)
        with path.open("rb") as stream:
            return stream.read(FINGERPRINT_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""
