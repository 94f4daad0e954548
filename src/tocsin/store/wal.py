"""What was acknowledged and is not in the store yet? Records in segments, and how far they went."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tocsin.kit import gauge, log
from tocsin.kit.fault import Temporary
from tocsin.store import folder_lock, wal_record
from tocsin.store.errors import DiskFull, LogFull
from tocsin.store.wal_mark import START, Mark, Position, read_mark, write_mark
from tocsin.store.wal_record import Data, Rows

_PATTERN = "*.wal"
_BUFFERS_AT_ONCE = 512
"""The system takes at most 1,024 buffers in one write (IOV_MAX)."""
_BEYOND = 1 << 62
"""An offset after every record of a segment."""
_TIDY_BYTES = 1 << 20
"""A segment that is applied as a whole goes once it is that large, and not only when full."""

_log = log.get("store.wal")
_bytes = gauge.gauge("wal_bytes", "Bytes of the write-ahead log.")
_segments = gauge.gauge("wal_segments", "Segments of the write-ahead log.")
_appended = gauge.counter("wal_appended_bytes", "Bytes appended to the write-ahead log.")
_corrupt = gauge.counter("wal_corrupt_records", "Damaged places found in the write-ahead log.")
_cut = gauge.counter("wal_cut_tails", "Unfinished records cut off the end of a segment.")


class Replayed(NamedTuple):
    """A record that is not applied, and where it ends."""

    rows: Rows
    end: Position


class WriteAheadLog:
    """Segments of records in a folder that this process holds alone.

    `append` has handed the bytes to the system when it returns: they survive the process, and with
    `fsync` a power cut too. Safe to use from several threads.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fsync: bool = False,
        segment_bytes: int = 32 << 20,
        limit_bytes: int = 512 << 20,
    ) -> None:
        self.folder = folder
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._limit_bytes = limit_bytes
        self._guard = threading.Lock()
        """Of the segments; held for moments only, as appends wait for it on the event loop."""
        self._mark_guard = threading.Lock()
        self._sizes: dict[int, int] = {}
        self._file = -1
        self._lock = -1
        self._number = 0
        self._mark = Mark(START, START, "")

    def open(self) -> None:
        """Hold the folder and see what is there; a folder that is not there is made.

        Raises Permanent when another process holds it.
        """
        self._lock = folder_lock.hold(self.folder)
        self._mark = read_mark(self.folder)
        self._sizes = {int(path.stem): path.stat().st_size for path in self._paths()}
        self._number = max([*self._sizes, self._mark.applied.segment, self._mark.until.segment])
        self._report()

    @property
    def size_bytes(self) -> int:
        """Of all segments."""
        return sum(self._sizes.values())

    @property
    def begins_segment(self) -> bool:
        """Whether the next append makes a file, and waits for the disk."""
        return self._file < 0 or self._sizes[self._number] >= self._segment_bytes

    @property
    def interrupted(self) -> Mark | None:
        """An insert whose outcome nobody knows: it is to be repeated with the same rows."""
        return self._mark if self._mark.until > self._mark.applied else None

    def append(self, rows: Sequence[Rows]) -> Position:
        """Write records after the others, all or none; returns where they end.

        Raises DiskFull without room on the disk, LogFull when the log is as large as it may be.
        """
        pieces = [piece for one in rows for piece in wal_record.encode(one) if len(piece)]
        size = sum(len(piece) for piece in pieces)
        with self._guard:
            self._check_open()
            held = self.size_bytes
            if held and held + size > self._limit_bytes:
                raise LogFull(
                    f"the write-ahead log holds {held >> 20} MiB that the store has not taken "
                    "yet; send the data again later",
                    5.0,
                )
            try:
                return self._write(pieces, size)
            except OSError as error:
                raise _fault_of(error, self.folder) from error

    def begin(self, until: Position, token: str) -> None:
        """Everything up to there is going to be inserted as one, under this token."""
        with self._mark_guard:
            self._set_mark(Mark(self._mark.applied, until, token))

    def applied(self, until: Position) -> None:
        """The store has everything up to there; segments before it are deleted."""
        with self._mark_guard:
            self._set_mark(Mark(until, until, ""))
            with self._guard:
                size = self._sizes.get(self._number, 0)
                if until == Position(self._number, size) and size >= _TIDY_BYTES:
                    self._end_segment()
                done = [one for one in self._sizes if one < until.segment]
                if self._file < 0 and until.offset >= self._sizes.get(until.segment, _BEYOND):
                    done.append(until.segment)
            self._delete(done)

    def unapplied(self) -> Iterator[Replayed]:
        """Records that the store may lack, in order; damage is reported, kept aside and passed."""
        for number in sorted(self._sizes):
            if number < self._mark.applied.segment:
                continue
            data = self._path(number).read_bytes()
            start = self._mark.applied.offset if number == self._mark.applied.segment else 0
            for found in wal_record.scan(data, min(start, len(data))):
                if found.rows is not None:
                    yield Replayed(found.rows, Position(number, found.end))
                else:
                    self._set_aside(number, found.start, data[found.start : found.end], len(data))

    def quarantine(self, rows: Rows, why: str) -> Path:
        """Keep rows that the store refuses in a file of their own, and say so.

        Raises DiskFull or Temporary when that cannot be written.
        """
        path = self.folder / f"refused-{os.urandom(6).hex()}.rows"
        try:
            path.write_bytes(b"".join(wal_record.encode(rows)))
        except OSError as error:
            raise _fault_of(error, self.folder) from error
        _log.error("rows_set_aside", table=rows.table, rows=rows.count, why=why, file=str(path))
        return path

    def forget_all(self) -> None:
        """Delete every segment: the store has all of it."""
        with self._mark_guard:
            with self._guard:
                self._end_segment()
                end = Position(self._number, _BEYOND)
            self._delete(list(self._sizes))
            self._set_mark(Mark(end, end, ""))

    def close(self) -> None:
        """Let go of the folder; what is in it stays."""
        with self._mark_guard, self._guard:
            self._end_segment()
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    def _write(self, pieces: Sequence[Data], size: int) -> Position:
        if self.begins_segment:
            self._begin_segment()
        before = self._sizes[self._number]
        try:
            _write_all(self._file, pieces)
            if self._fsync:
                os.fdatasync(self._file)
        except OSError:
            # Half a record must not stand before whole ones, nor positions be wrong behind it.
            file, self._file = self._file, -1
            try:
                os.ftruncate(file, before)
                os.lseek(file, before, os.SEEK_SET)
                self._file = file
            finally:
                if self._file < 0:
                    os.close(file)
            raise
        self._sizes[self._number] = before + size
        _appended.inc(size)
        self._report()
        return Position(self._number, before + size)

    def _begin_segment(self) -> None:
        self._end_segment()
        number = self._number + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._path(number), flags, 0o600)
        self._number = number
        self._sizes[number] = 0
        sync_folder(self.folder)

    def _end_segment(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _delete(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            try:
                self._path(number).unlink(missing_ok=True)
            except OSError as error:
                # It lies before the mark: nothing of it is inserted again.
                _log.warning("wal_segment_stays", file=str(self._path(number)), error=str(error))
                return
            with self._guard:
                self._sizes.pop(number, None)
                self._report()

    def _check_open(self) -> None:
        if self._lock < 0:
            raise Temporary("the write-ahead log is closed: Tocsin is shutting down", 5.0)

    def _set_mark(self, mark: Mark) -> None:
        self._check_open()
        try:
            write_mark(self.folder, mark, fsync=self._fsync)
        except OSError as error:
            raise _fault_of(error, self.folder) from error
        self._mark = mark

    def _set_aside(self, number: int, start: int, damaged: bytes, size: int) -> None:
        place = f"{self._path(number)}, bytes {start} to {start + len(damaged)}"
        if start + len(damaged) == size and number == self._number:
            _cut.inc()
            _log.warning("wal_tail_cut", place=place)
            return
        _corrupt.inc()
        path = self.folder / f"damaged-{number:08d}-{start}.bin"
        path.write_bytes(damaged)
        _log.error("wal_record_damaged", place=place, file=str(path))

    def _paths(self) -> list[Path]:
        return [path for path in self.folder.glob(_PATTERN) if path.stem.isdecimal()]

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.wal"

    def _report(self) -> None:
        _bytes.set(self.size_bytes)
        _segments.set(len(self._sizes))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _write_all(file: int, pieces: Sequence[Data]) -> None:
    left = [memoryview(piece).cast("B") for piece in pieces]
    while left:
        written = os.writev(file, left[:_BUFFERS_AT_ONCE])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _fault_of(error: OSError, folder: Path) -> Temporary:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"no space is left in {folder} for the write-ahead log: writes are refused, queries "
            "go on; free disk space, or keep less with retention.max_disk_bytes",
            30.0,
        )
    return Temporary(f"the write-ahead log in {folder} cannot be written: {error.strerror}", 5.0)
