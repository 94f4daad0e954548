"""Which files did a rotation make of another one?"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Seen:
    """A file in a folder, by what it is."""

    path: Path
    ident: tuple[int, int]
    size: int
    changed_ns: int


def seen(path: Path) -> Seen | None:
    """A regular file as it is now; None when it is none, or gone."""
    try:
        stat = path.stat()
    except OSError:
        return None
    if not os.path.isfile(path):
        return None
    return Seen(path, (stat.st_dev, stat.st_ino), stat.st_size, stat.st_mtime_ns)


def rotated(path: Path) -> Iterator[Seen]:
    """The files beside this one that rotations made of it: `app.log.1`, `app.log-20260131.gz`,
    `app-2026-01-31.log`. The oldest first."""
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    whole = re.escape(path.name)
    name = re.compile(
        rf"(?:{whole}[.\-_][\w.:+-]{{1,64}}|{stem}[.\-_]\d[\w.:+-]{{0,64}}{suffix}(?:\.gz)?)"
    )
    try:
        with os.scandir(path.parent) as entries:
            paths = [Path(one.path) for one in entries if name.fullmatch(one.name)]
    except OSError:
        return
    known = [one for each in paths if _is_readable(each) and (one := seen(each)) is not None]
    yield from sorted(known, key=lambda one: one.changed_ns)


def _is_readable(path: Path) -> bool:
    return path.suffix not in (".bz2", ".xz", ".zst", ".zip", ".new", ".tmp")
