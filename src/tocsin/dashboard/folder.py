"""Which dashboards do files hold? One file each, read-only, read again when one changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.dashboard.reading import Read, read
from tocsin.kit.fault import Rejected
from tocsin.model.dashboards import LARGEST_BYTES, UID

ENDINGS = (".json", ".yaml", ".yml")
_MOST_FILES = 500


@dataclass(frozen=True, slots=True)
class FolderRead:
    """What a folder holds: dashboards by uid, each with its file, and why others are not shown."""

    dashboards: Mapping[str, tuple[Path, Read]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    sources: tuple[Path, ...] = ()
    """What to watch: the folders too, for files that come and go."""


def read_folder(folder: Path) -> FolderRead:
    """Every dashboard of a folder and those within; a file that cannot be read is named."""
    if not folder.is_dir():
        return FolderRead(problems=(f"dashboards: {folder} is not a folder",))
    found: dict[str, tuple[Path, Read]] = {}
    problems: list[str] = []
    everything = sorted(folder.rglob("*"))
    folders = [folder, *(one for one in everything if one.is_dir())]
    files = [one for one in everything if one.suffix.lower() in ENDINGS and one.is_file()]
    if len(files) > _MOST_FILES:
        problems.append(f"dashboards: {folder} has more than {_MOST_FILES} files; the rest is not")
    for file in files[:_MOST_FILES]:
        try:
            one = read_file(file)
        except Rejected as error:
            problems.append(f"dashboards: {error}")
            continue
        uid = one.uid or uid_of(file.stem)
        if uid in found:
            problems.append(f"dashboards: {file} and {found[uid][0]} are both {uid}")
            continue
        found[uid] = file, one
    return FolderRead(found, tuple(problems), (*folders, *files))


def read_file(file: Path) -> Read:
    """The dashboard of a file. Raises Rejected."""
    try:
        with file.open("rb") as stream:
            content = stream.read(4 * LARGEST_BYTES + 1)
    except OSError as error:
        raise Rejected(f"{file} cannot be read: {error.strerror or error}") from error
    try:
        return read(content.decode("utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise Rejected(f"{file} is not UTF-8 text") from error


def uid_of(words: str) -> str:
    """A uid made of a name: what may be in one, in small letters."""
    made = re.sub(r"[^a-z0-9_]+", "-", words.lower()).strip("-")[:40].strip("-")
    return made if UID.fullmatch(made) else "dashboard"
