"""From which copy is a calendar read that somebody else keeps? From its file; while that is gone or
wrong, from the last copy that was right, so that a slip in it takes nobody off call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tocsin.kit.fault import Rejected

T = TypeVar("T")

_LARGEST_BYTES = 1 << 20


class CalendarFiles:
    """Reads calendars relative to `folder`. `kept` is where copies of right ones lie; None: each
    must be right as it is."""

    def __init__(self, folder: Path, kept: Path | None = None) -> None:
        self.files: list[Path] = []
        """What was looked for, to be watched."""
        self.good: dict[Path, bytes] = {}
        """What was right, by where its copy belongs."""
        self.troubles: list[str] = []
        """What people should know, a sentence for each calendar that is read from its copy."""
        self._folder = folder
        self._kept = kept

    def read(self, name: str, strict: Callable[[bytes], T], lenient: Callable[[bytes], T]) -> T:
        """What the calendar comes to; its copy is read by `lenient`, as the configuration around it
        may have changed. Raises Rejected when neither can be read."""
        file = (self._folder / Path(name).expanduser()).resolve()
        self.files.append(file)
        try:
            data = _content(file)
            found = strict(data)
        except Rejected as error:
            why = str(error) if str(file) in str(error) else f"{file}: {error}"
            instead = self._from_copy(file, why, lenient)
            if instead is None:
                raise Rejected(why) from error
            return instead
        if self._kept is not None:
            self.good[self._copy(file)] = data
        return found

    def _copy(self, file: Path) -> Path:
        name = hashlib.blake2b(str(file).encode(), digest_size=12).hexdigest()
        return (self._kept or Path()) / f"{name}.ics"

    def _from_copy(self, file: Path, why: str, lenient: Callable[[bytes], T]) -> T | None:
        copy = self._copy(file)
        if self._kept is None or not copy.is_file():
            return None
        try:
            found = lenient(_content(copy))
        except Rejected:  # a copy that an older Tocsin could read
            return None
        self.troubles.append(
            f"the calendar cannot be taken over as it is, and its last right copy counts: {why}"
        )
        return found


def keep(good: dict[Path, bytes]) -> None:
    """Write copies of what was right. Raises OSError."""
    for copy, data in good.items():
        if copy.is_file() and copy.read_bytes() == data:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        fresh = copy.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(copy)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise Rejected(f"cannot read {file}: {error.strerror}") from error
