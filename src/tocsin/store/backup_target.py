"""Where may a backup go? A folder, or a bucket that speaks S3."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent, Rejected
from tocsin.store.literal import literal
from tocsin.store.s3 import S3, Bucket

_TELEMETRY = "telemetry"
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 120.0

Moved = Callable[[int], None]
"""Told the bytes of each file that went to a bucket or came from one."""


def untold(_size_bytes: int) -> None:
    """For callers who show no progress."""


class Folder(msgspec.Struct, frozen=True):
    """A folder on this machine, absolute; made when it is not there."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


Target: TypeAlias = Folder | S3


class Place(Protocol):
    """An opened target."""

    async def write(self, name: str, data: bytes) -> None:
        """Write a small file."""

    async def read(self, name: str) -> bytes | None:
        """A small file; None when it is not there."""

    @property
    def telemetry(self) -> str:
        """Where the engine writes to or reads from, in SQL."""

    async def written(self) -> None:
        """The engine has written: bring it to where it belongs."""

    async def fetched(self) -> None:
        """The engine is about to read: bring it to where it can."""


@asynccontextmanager
async def opened(
    target: Target, clock: Clock, *, embedded: bool, staging: Path | None, moved: Moved = untold
) -> AsyncIterator[Place]:
    """The target, ready for use. The embedded engine reaches a bucket by way of a folder below
    `staging` (the system's temporary folder if None), which needs room for the whole backup.

    Raises Rejected for a folder when the engine is not on this machine.
    """
    if isinstance(target, Folder):
        if not embedded:
            raise Rejected(
                f"a ClickHouse server cannot write to the folder {target}; give an s3://… target"
            )
        yield _OnDisk(target.path)
        return
    timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        bucket = Bucket(target, session, clock)
        if not embedded:
            yield _InBucket(target, bucket)
            return
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, "", "tocsin-backup-", staging))
        try:
            yield _Staged(bucket, folder, moved)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class _OnDisk:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.telemetry = f"File({literal(str(folder / _TELEMETRY))})"

    async def write(self, name: str, data: bytes) -> None:
        await asyncio.to_thread(self._write, name, data)

    async def read(self, name: str) -> bytes | None:
        try:
            return await asyncio.to_thread((self._folder / name).read_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def written(self) -> None:
        """The engine wrote it where it belongs."""

    async def fetched(self) -> None:
        """The engine reads it where it is."""

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(data)


class _InBucket:
    def __init__(self, place: S3, bucket: Bucket) -> None:
        self._bucket = bucket
        arguments = (place.url(_TELEMETRY), place.access_key, place.secret_key)
        self.telemetry = f"S3({', '.join(literal(each) for each in arguments)})"

    async def write(self, name: str, data: bytes) -> None:
        await self._bucket.put(name, data)

    async def read(self, name: str) -> bytes | None:
        return await self._bucket.get(name)

    async def written(self) -> None:
        """The server wrote it where it belongs."""

    async def fetched(self) -> None:
        """The server reads it where it is."""


class _Staged:
    def __init__(self, bucket: Bucket, folder: Path, moved: Moved) -> None:
        self._bucket = bucket
        self._moved = moved
        self._folder = folder
        self.telemetry = f"File({literal(str(folder / _TELEMETRY))})"

    async def write(self, name: str, data: bytes) -> None:
        await self._bucket.put(name, data)

    async def read(self, name: str) -> bytes | None:
        return await self._bucket.get(name)

    async def written(self) -> None:
        for path in await asyncio.to_thread(_files, self._folder):
            await self._bucket.put_file(path.relative_to(self._folder).as_posix(), path)
            self._moved(path.stat().st_size)

    async def fetched(self) -> None:
        async for name in self._bucket.names(_TELEMETRY):
            path = self._folder / name
            if not path.resolve().is_relative_to(self._folder.resolve()):
                raise Permanent(f"the backup names a file outside of it: {name!r}")
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            await self._bucket.get_file(name, path)
            self._moved(path.stat().st_size)


def parse_target(
    text: str,
    *,
    endpoint: str = "https://s3.amazonaws.com",
    access_key: str = "",
    secret_key: str = "",
    region: str = "us-east-1",
) -> Target:
    """A path, or `s3://bucket/prefix`; raises Rejected when it is neither."""
    if not text.startswith("s3://"):
        if "://" in text or not text:
            raise Rejected(f"{text!r} is no place for a backup; give a folder or s3://bucket/path")
        return Folder(Path(text).absolute())
    parts = urlsplit(text)
    if not parts.netloc:
        raise Rejected(f"{text!r} names no bucket; write s3://bucket/path")
    if not access_key or not secret_key:
        raise Rejected("an s3:// backup needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    return S3(endpoint, parts.netloc, parts.path.strip("/"), access_key, secret_key, region)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
