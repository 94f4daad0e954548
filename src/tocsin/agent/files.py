"""Files that grow: found by globs, followed through every kind of rotation, read in turn."""

from __future__ import annotations

import glob
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tocsin.agent.entries import Entry
from tocsin.agent.positions import FINGERPRINT_BYTES, FilePosition
from tocsin.agent.rotation import Seen, rotated, seen
from tocsin.agent.tailed import Reading, Tailed, head_of
from tocsin.kit import log

_log = log.get("agent")
_FINISHED_KEPT = 1_000
_OPEN_MOST = 4_000
_BEFORE_NS = 60_000_000_000
_TURN_BYTES = 128 << 10
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")

Ident = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Watch:
    """Files of one kind: where they are, and how each is read."""

    paths: Sequence[str]
    exclude: Sequence[str]
    reading: Callable[[Path], Reading | None]
    """None for a file that is left alone."""
    begin_at_end: bool = False


class Files:
    """`scan` may run beside `read`; all else is called by whoever reads."""

    def __init__(
        self, watches: Sequence[Watch], remembered: Iterable[FilePosition], *, is_first_start: bool
    ) -> None:
        self._watches = watches
        self._lock = threading.Lock()
        self._tails: dict[Ident, Tailed] = {}
        self._remembered: dict[Ident, FilePosition] = {}
        self._finished: OrderedDict[Ident, FilePosition] = OrderedDict()
        self._at: dict[str, Ident] = {}
        """Which file was last seen at each path."""
        self._first_scan = is_first_start
        self._turn = 0
        for one in remembered:
            ident = (one.device, one.inode)
            if one.finished:
                self._finished[ident] = one
            else:
                self._remembered[ident] = one
                self._at[one.path] = ident

    # What there is.

    def scan(self) -> None:
        """Look for new, renamed and rotated files. What cannot be opened is logged and left."""
        found = self._found()
        with self._lock:
            for ident, tail in self._tails.items():
                tail.is_current = ident in found
                if ident in found:
                    tail.path = found[ident][0].path
        for ident, (one, watch) in found.items():
            before = self._at.get(str(one.path))
            self._open_found(one, watch)
            if before is not None and before != ident:
                self._catch_up(one.path, watch, found)
            self._at[str(one.path)] = ident
        self._read_on(found)
        self._first_scan = False

    def _found(self) -> dict[Ident, tuple[Seen, Watch]]:
        found: dict[Ident, tuple[Seen, Watch]] = {}
        for watch in self._watches:
            for pattern in watch.paths:
                for name in glob.iglob(pattern, recursive=True):
                    if name.endswith(_PACKED) or any(fnmatch(name, no) for no in watch.exclude):
                        continue
                    one = seen(Path(name))
                    if one is not None:
                        found.setdefault(one.ident, (one, watch))
        return found

    def _open_found(self, one: Seen, watch: Watch) -> None:
        if one.ident in self._tails:
            return
        known = self._remembered.get(one.ident) or self._finished.get(one.ident)
        head = head_of(one.path)
        if known is not None and known.fingerprint.fits(head) and one.size >= known.offset:
            self._open(one, watch, known.offset)
        elif known is not None:  # cut to nothing while nobody looked
            if (copy := self._copy_of(known, one.path)) is not None:
                self._open(copy, watch, known.offset, found_at=one.path)
            self._open(one, watch, 0)
        elif not self._is_copy(one, head):
            at_end = self._first_scan and watch.begin_at_end
            self._open(one, watch, None if at_end else 0)

    def _catch_up(self, path: Path, watch: Watch, found: Mapping[Ident, object]) -> None:
        """Another file is at the path: read on in the one before, and in those in between."""
        last_ns = self._last_read(str(path))
        for one in rotated(path):
            if one.ident in self._tails or one.ident in self._finished or one.ident in found:
                continue
            before = self._remembered.get(one.ident)
            head = head_of(one.path)
            if before is not None and before.fingerprint.fits(head):
                self._open(one, watch, before.offset, found_at=path)
            elif (same := self._same(head, path)) is not None:
                ident = (same.device, same.inode)
                if ident in self._remembered and ident not in self._tails:  # packed meanwhile
                    self._open(one, watch, same.offset, found_at=path)
                    del self._remembered[ident]
            elif one.changed_ns >= last_ns:
                self._open(one, watch, 0, found_at=path)

    def _open(
        self, one: Seen, watch: Watch, offset: int | None, *, found_at: Path | None = None
    ) -> None:
        """`found_at` is where a file that was rotated away was found once."""
        reading = watch.reading(found_at or one.path)
        if reading is None:
            return
        if len(self._tails) >= _OPEN_MOST:
            _log.error("too_many_files", most=_OPEN_MOST, path=str(one.path))
            return
        try:
            tail = Tailed(one.path, reading, offset, found_at=found_at)
        except OSError as error:
            _log.warning("file_cannot_be_read", path=str(one.path), error=error.strerror)
            return
        tail.is_current = found_at is None
        if (known := self._remembered.get(tail.ident)) is not None:
            tail.read_ns = known.read_ns
        with self._lock:
            self._remembered.pop(tail.ident, None)
            self._finished.pop(tail.ident, None)
            self._tails[tail.ident] = tail
        _log.info("file_opened", path=str(one.path), offset=tail.kept_offset)

    def _read_on(self, found: Mapping[Ident, object]) -> None:
        """Files that were rotated away and not read to their end when the agent ended."""
        for ident, known in list(self._remembered.items()):
            if ident in found:
                continue
            found_at = Path(known.found_at or known.path)
            watch = next((one for one in self._watches if _is_watched(one, found_at)), None)
            for one in [seen(Path(known.path)), *rotated(found_at)]:
                is_same = one is not None and (one.ident == ident or one.path.suffix == ".gz")
                if one is None or watch is None or not is_same or one.ident in self._tails:
                    continue
                if known.fingerprint.fits(head_of(one.path)):
                    self._open(one, watch, known.offset, found_at=found_at)
                    break
            else:
                _log.warning("file_gone", path=known.path, offset=known.offset)
            self._remembered.pop(ident, None)

    def _known(self) -> list[FilePosition]:
        with self._lock:
            tails = [one.position(one.taken_offset) for one in self._tails.values()]
        return [*tails, *self._remembered.values(), *self._finished.values()]

    def _last_read(self, path: str) -> int:
        """When the file at a path was read last, less a while: what is not known and newer than
        that came after it."""
        times = [one.read_ns for one in self._known() if (one.found_at or one.path) == path]
        return max(times, default=0) - _BEFORE_NS

    def _same(self, head: bytes, path: Path) -> FilePosition | None:
        """A file that began so, at that path or as a rotation made it."""
        for one in self._known():
            if Path(one.path).parent == path.parent and _began_so(one, head):
                return one
        return None

    def _is_copy(self, one: Seen, head: bytes) -> bool:
        """Whether it looks like a copy that is made before its original is cut to nothing."""
        return any(
            _began_so(known, head)
            and Path(known.path).parent == one.path.parent
            and len(one.path.name) > len(Path(known.path).name)
            and one.path.name.startswith(Path(known.path).stem)
            for known in self._known()
        )

    def _copy_of(self, known: FilePosition, path: Path) -> Seen | None:
        """The newest copy that has more than was read of the original."""
        if not known.fingerprint.length:
            return None
        for one in reversed(list(rotated(path))):
            if one.ident in self._tails or one.ident in self._finished:
                continue
            is_long = one.path.suffix == ".gz" or one.size >= known.offset
            if is_long and known.fingerprint.fits(head_of(one.path)):
                return one
        return None

    # What they say.

    def read(self, room_bytes: int, now_ns: int) -> list[Entry]:
        """What has come, each file in its turn, about so much of it at the most."""
        with self._lock:
            tails = list(self._tails.values())
        entries: list[Entry] = []
        size = 0
        for number in range(len(tails)):
            if size >= room_bytes:
                break
            tail = tails[(self._turn + number) % len(tails)]
            taken = tail.read(min(_TURN_BYTES, room_bytes - size), now_ns)
            if tail.is_truncated:
                taken = self._truncated(tail, now_ns)
            entries += taken
            size += sum(one.size_bytes for one in taken)
            if not taken and tail.is_finished(now_ns):
                self._finish(tail)
        self._turn += 1
        return entries

    def _truncated(self, tail: Tailed, now_ns: int) -> list[Entry]:
        """What it had more than was read stands in the copy that was made of it."""
        known = tail.position(tail.taken_offset)
        copy = self._copy_of(known, tail.path)
        leftover: list[Entry] = []
        if copy is not None:
            watch = Watch((), (), lambda _path: tail.reading)
            self._open(copy, watch, tail.taken_offset, found_at=tail.found_at)
        else:
            leftover = tail.leftover(now_ns)
        _log.info("file_truncated", path=str(tail.path), copy=str(copy.path) if copy else "")
        tail.begin_anew()
        return leftover

    def _finish(self, tail: Tailed) -> None:
        with self._lock:
            del self._tails[tail.ident]
            self._finished[tail.ident] = tail.position(tail.kept_offset, finished=True)
            while len(self._finished) > _FINISHED_KEPT:
                self._finished.popitem(last=False)
        tail.close()
        _log.info("file_finished", path=str(tail.path))

    # What is kept of it.

    def positions(self, taken: Mapping[str, int | str]) -> list[FilePosition]:
        """What to remember once a batch that ends at these positions is kept."""
        with self._lock:
            tails = list(self._tails.values())
        found = []
        for one in tails:
            offset = taken.get(one.place, one.kept_offset)
            found.append(one.position(int(offset)))
        return [*found, *self._remembered.values(), *self._finished.values()]

    def kept(self, taken: Mapping[str, int | str]) -> None:
        """The server keeps everything up to these positions."""
        with self._lock:
            for tail in self._tails.values():
                if tail.place in taken:
                    tail.kept_offset = int(taken[tail.place])

    def close(self) -> None:
        """Let go of all files."""
        for tail in self._tails.values():
            tail.close()


def _began_so(known: FilePosition, head: bytes) -> bool:
    """Whether two files are one, or copies. Few bytes tell nothing: programs greet with the same
    words each time."""
    length = known.fingerprint.length
    is_telling = length == FINGERPRINT_BYTES or 0 < length == len(head)
    return is_telling and known.fingerprint.fits(head)


def _is_watched(watch: Watch, path: Path) -> bool:
    return any(fnmatch(str(path), pattern) for pattern in watch.paths)
