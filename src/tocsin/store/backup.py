"""Telemetry and a few files beside it, copied out while running and back into a fresh store."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Permanent, Rejected
from tocsin.store.backup_target import Moved, Place, Target, opened, untold
from tocsin.store.client import Store, quoted
from tocsin.store.errors import StoreError
from tocsin.store.usage import usage

_log = log.get("backup")
_MANIFEST = "manifest.json"
_LIMIT_SECONDS = 6 * 3600.0
_FORMAT = 1
_NAME = re.compile(r"\w[\w.-]*")


class CopiedFile(msgspec.Struct, frozen=True):
    """One of the files beside the telemetry."""

    name: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. Written last: a backup without one is not complete.

    `rows` by table are those at its beginning; the telemetry's own checksums are the engine's.
    """

    created_ms: int
    database: str
    rows: dict[str, int]
    files: list[CopiedFile]
    format: int = _FORMAT


async def backup(
    store: Store,
    target: Target,
    clock: Clock,
    files: Mapping[str, Path] | None = None,
    *,
    staging: Path | None = None,
    moved: Moved = untold,
) -> Manifest:
    """Copy the telemetry, and `files` by name, to the target while everything runs.

    Each table is copied as it is at one moment. The caller makes the files stand still (SQLite's
    backup API). Raises Rejected when the target holds a backup already or cannot be used,
    Temporary when a bucket is away.
    """
    embedded = store.endpoint.embedded
    async with opened(target, clock, embedded=embedded, staging=staging, moved=moved) as place:
        if await place.read(_MANIFEST) is not None:
            raise Rejected(f"{target} holds a backup already; give each backup a place of its own")
        rows = {each.table: each.rows for each in await usage(store)}
        await _engine(
            store, target, f"BACKUP DATABASE {quoted(store.database)} TO {place.telemetry}"
        )
        await place.written()
        copied = [await _copied(place, name, path) for name, path in (files or {}).items()]
        manifest = Manifest(clock.now_ms(), store.database, rows, copied)
        await place.write(_MANIFEST, msgspec.json.encode(manifest))
    _log.info("backup_made", target=str(target), rows=sum(rows.values()), files=len(copied))
    return manifest


async def restore(
    store: Store,
    target: Target,
    clock: Clock,
    files_to: Path,
    *,
    staging: Path | None = None,
    moved: Moved = untold,
) -> Manifest:
    """Bring a backup back into an empty database, and its files into the folder `files_to`.

    Raises NotFound when there is no complete backup, Rejected when the database has tables or a
    file of that name is there, Permanent when a file is damaged.
    """
    embedded = store.endpoint.embedded
    async with opened(target, clock, embedded=embedded, staging=staging, moved=moved) as place:
        manifest = await _manifest(place, target)
        if await store.fetch_bytes("SHOW TABLES", fmt="TSV", lane="short"):
            raise Rejected(
                f"database {store.database} has tables; restore into a fresh data folder"
            )
        await asyncio.to_thread(_make_room, files_to, manifest)
        contents = {file.name: await _intact(place, target, file) for file in manifest.files}
        await place.fetched()
        names = f"{quoted(manifest.database)} AS {quoted(store.database)}"
        await _engine(store, target, f"RESTORE DATABASE {names} FROM {place.telemetry}")
    for name, data in contents.items():
        await asyncio.to_thread((files_to / name).write_bytes, data)
    _log.info("backup_restored", target=str(target), rows=sum(manifest.rows.values()))
    return manifest


async def _copied(place: Place, name: str, path: Path) -> CopiedFile:
    if _NAME.fullmatch(name) is None:
        raise Rejected(f"{name!r} is not a plain file name for a backup")
    data = await asyncio.to_thread(path.read_bytes)
    await place.write(name, data)
    return CopiedFile(name, len(data), hashlib.sha256(data).hexdigest())


async def _manifest(place: Place, target: Target) -> Manifest:
    text = await place.read(_MANIFEST)
    if text is None:
        raise NotFound(f"{target} holds no complete backup: there is no {_MANIFEST}")
    manifest = msgspec.json.decode(text, type=Manifest)
    if manifest.format != _FORMAT:
        raise Permanent(f"{target} was written by a newer Tocsin; restore it with that one")
    for file in manifest.files:
        if _NAME.fullmatch(file.name) is None:
            raise Permanent(f"{target} names a file {file.name!r}, which no backup of ours does")
    return manifest


def _make_room(folder: Path, manifest: Manifest) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in manifest.files:
        if (folder / file.name).exists():
            raise Rejected(f"{folder / file.name} is there already; restore into a fresh folder")


async def _intact(place: Place, target: Target, file: CopiedFile) -> bytes:
    data = await place.read(file.name) or b""
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Permanent(f"{file.name} in {target} is damaged: its checksum differs")
    return data


async def _engine(store: Store, target: Target, sql: str) -> None:
    try:
        await store.command(sql, timeout_seconds=_LIMIT_SECONDS)
    except StoreError as error:
        raise Rejected(f"{target} cannot be used: {error}") from error
