"""Targets in JSON or YAML files that other programs write: `file_sd_configs`."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tocsin.kit.document import ConfigError, Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode, load
from tocsin.scrape.discovery.group import TargetGroup
from tocsin.scrape.discovery.static import StaticConfig

_LOOK_SECONDS = 2.0


class FileConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `file_sd_configs`; the last path segment may contain one `*`."""

    files: tuple[str, ...]
    refresh_interval: Duration = Duration(300)

    def __post_init__(self) -> None:
        for file in self.files:
            if not file.lower().endswith((".json", ".yml", ".yaml")):
                raise Rejected(f"path name {file!r} must end in .json, .yml or .yaml")


class FileDiscovery:
    """Looks every few seconds whether a file changed; a broken file keeps its last targets."""

    def __init__(self, name: str, config: FileConfig, folder: Path) -> None:
        self.name = name
        self.refresh_seconds = min(_LOOK_SECONDS, float(config.refresh_interval) or _LOOK_SECONDS)
        self._patterns = [str(folder / file) for file in config.files]
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._groups: dict[str, list[TargetGroup]] = {}
        self._errors: dict[str, str] = {}

    async def discover(self) -> Sequence[TargetGroup]:
        """The groups of all files; raises Rejected only when none is known and one is broken."""
        await asyncio.to_thread(self._look)
        groups = [group for file in sorted(self._groups) for group in self._groups[file]]
        if self._errors and not groups:
            raise Rejected("; ".join(self._errors.values()))
        return groups

    @property
    def problem(self) -> str:
        """What is wrong with files whose last good content is still used."""
        return "; ".join(self._errors.values())

    def _look(self) -> None:
        files = {file for pattern in self._patterns for file in glob.glob(pattern)}
        for gone in self._seen.keys() - files:
            for known in (self._seen, self._groups, self._errors):
                known.pop(gone, None)
        for file in files:
            self._read(file)

    def _read(self, file: str) -> None:
        try:
            facts = Path(file).stat()
        except OSError as error:
            self._errors[file] = f"{file}: {error.strerror}"
            return
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if self._seen.get(file) == stamp:
            return
        self._seen[file] = stamp
        try:
            configs = parse_groups(load(file))
        except ConfigError as error:
            self._errors[file] = str(error)
            return
        self._errors.pop(file, None)
        meta = {"__meta_filepath": file}
        self._groups[file] = [c.group(f"{file}:{i}", meta) for i, c in enumerate(configs)]


def parse_groups(document: Document) -> list[StaticConfig]:
    """A list of `{targets, labels}`; JSON is YAML too. Raises ConfigError."""
    return decode(document, list[StaticConfig])
