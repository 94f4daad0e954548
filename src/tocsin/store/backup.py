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
from tocsin.store.backup_target import Folder, Target
from tocsin.store.client import Store, quoted
from tocsin.store.errors import StoreError
from tocsin.store.usage import usage

_log = log.get("backup")
_MANIFEST = "manifest.json"
_LIMIT_SECONDS = 6 * 3600.0
_FORMAT = 1
_NAME = re.compile(r"[\w.-]+")


class CopiedFile(msgspec.Struct, frozen=True):
    """One of the files beside the telemetry."""

    name: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. Written last: a backup without one is not complete."""

    created_ms: int
    database: str
    rows: dict[str, int]
    files: list[CopiedFile]
    format: int = _FORMAT


async def backup(
    store: Store, target: Target, clock: Clock, files: Mapping[str, Path] | None = None
) -> Manifest:
    """Copy the telemetry, and `files` by name, to the target while everything runs.

    Each table is copied as it is at one moment. The caller makes the files stand still (SQLite's
    backup API). Raises Rejected when the target holds a backup already or cannot be used.
    """
    _check(store, target)
    if await _exists(store, target, _MANIFEST):
        raise Rejected(f"{target} holds a backup already; give each backup a place of its own")
    rows = {each.table: each.rows for each in await usage(store)}
    await _engine(store, target, f"BACKUP DATABASE {quoted(store.database)} TO {target.sql()}")
    copied = []
    for name, path in (files or {}).items():
        if _NAME.fullmatch(name) is None:
            raise Rejected(f"{name!r} is not a plain file name for a backup")
        data = await asyncio.to_thread(path.read_bytes)
        await _write(store, target, name, data)
        copied.append(CopiedFile(name, len(data), hashlib.sha256(data).hexdigest()))
    manifest = Manifest(clock.now_ms(), store.database, rows, copied)
    await _write(store, target, _MANIFEST, msgspec.json.encode(manifest))
    _log.info("backup_made", target=str(target), rows=sum(rows.values()), files=len(copied))
    return manifest


async def restore(store: Store, target: Target, files_to: Path) -> Manifest:
    """Bring a backup back into an empty database, and its files into the folder `files_to`.

    Raises NotFound when there is no complete backup, Rejected when the database has tables or a
    file of that name is there, Permanent when a file is damaged.
    """
    _check(store, target)
    manifest = await _manifest(store, target)
    if await store.fetch_bytes("SHOW TABLES", fmt="TSV", lane="short"):
        raise Rejected(
            f"database {store.database} has tables; restore into a fresh data folder or database"
        )
    await asyncio.to_thread(_make_room, files_to, manifest)
    contents = {file.name: await _intact(store, target, file) for file in manifest.files}
    sql = f"RESTORE DATABASE {quoted(manifest.database)} AS {quoted(store.database)}"
    await _engine(store, target, f"{sql} FROM {target.sql()}")
    for name, data in contents.items():
        await asyncio.to_thread((files_to / name).write_bytes, data)
    _log.info("backup_restored", target=str(target), rows=sum(manifest.rows.values()))
    return manifest


async def _manifest(store: Store, target: Target) -> Manifest:
    if not await _exists(store, target, _MANIFEST):
        raise NotFound(f"{target} holds no complete backup: there is no {_MANIFEST}")
    manifest = msgspec.json.decode(await _read(store, target, _MANIFEST), type=Manifest)
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


async def _intact(store: Store, target: Target, file: CopiedFile) -> bytes:
    data = await _read(store, target, file.name)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Permanent(f"{file.name} in {target} is damaged: its checksum differs")
    return data


def _check(store: Store, target: Target) -> None:
    if isinstance(target, Folder) and not store.endpoint.embedded:
        raise Rejected(
            f"a ClickHouse server cannot write to the folder {target}; give an s3://… target"
        )


async def _engine(store: Store, target: Target, sql: str) -> None:
    try:
        await store.command(sql, timeout_seconds=_LIMIT_SECONDS)
    except StoreError as error:
        raise Rejected(f"{target} cannot be used: {target.hidden(str(error))}") from error


async def _write(store: Store, target: Target, name: str, data: bytes) -> None:
    if isinstance(target, Folder):
        await asyncio.to_thread(_write_file, target.path / name, data)
        return
    sql = f"INSERT INTO FUNCTION {target.file(name, 'data String')} FORMAT RawBLOB"
    await store.send(sql, data, settings={"s3_truncate_on_insert": 1})


def _write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


async def _read(store: Store, target: Target, name: str) -> bytes:
    if isinstance(target, Folder):
        return await asyncio.to_thread((target.path / name).read_bytes)
    return await store.fetch_bytes(f"SELECT * FROM {target.file(name)}", fmt="RawBLOB")


async def _exists(store: Store, target: Target, name: str) -> bool:
    if isinstance(target, Folder):
        return (target.path / name).exists()
    settings = {"s3_throw_on_zero_files_match": 0}
    sql = f"SELECT count() FROM {target.listing(name)}"
    return await store.fetch_bytes(sql, fmt="TSV", settings=settings) != b"0\n"
