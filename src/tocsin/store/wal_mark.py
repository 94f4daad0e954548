"""How far has the store taken the write-ahead log? One small file, replaced as a whole."""

from __future__ import annotations

import errno
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from tocsin.kit import log

_NAME = "applied"
_log = log.get("store.wal")


class Position(NamedTuple):
    """A place between two records; positions sort in the order of the log."""

    segment: int
    offset: int


START = Position(0, 0)


class Mark(NamedTuple):
    """The store has what lies before `applied`, and may have what lies before `until`: that was
    on its way as one, under `token`."""

    applied: Position
    until: Position
    token: str


def read_mark(folder: Path) -> Mark:
    """The mark of a folder; its very start when there is none or it is damaged."""
    try:
        text = (folder / _NAME).read_bytes()
    except FileNotFoundError:
        return Mark(START, START, "")
    check, _, content = text.partition(b" ")
    if check != _check(content):
        _log.error("wal_mark_damaged", file=str(folder / _NAME), consequence="all is replayed")
        return Mark(START, START, "")
    return msgspec.json.decode(content, type=Mark)


def write_mark(folder: Path, mark: Mark, *, fsync: bool) -> None:
    """Replace the mark; a process killed meanwhile leaves the old one or the new one."""
    content = msgspec.json.encode(mark)
    fresh = folder / f"{_NAME}.new"
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        whole = _check(content) + b" " + content
        if os.write(file, whole) < len(whole):
            # The last bytes of a disk: half a mark would have everything replayed.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if fsync:
            os.fsync(file)
    finally:
        os.close(file)
    fresh.replace(folder / _NAME)
    if fsync:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _check(content: bytes) -> bytes:
    return f"{zlib.crc32(content):08x}".encode()
