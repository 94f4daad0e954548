"""Where may a backup go? A folder, or a bucket that speaks S3."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from tocsin.kit.fault import Rejected

_TELEMETRY = "telemetry"


class Folder(msgspec.Struct, frozen=True):
    """A folder on this machine, absolute; made when it is not there."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def sql(self) -> str:
        """The engine's name for the telemetry's place."""
        return f"File({literal(str(self.path / _TELEMETRY))})"

    def hidden(self, text: str) -> str:
        """The text without secrets: there are none."""
        return text


class S3(msgspec.Struct, frozen=True):
    """A place in a bucket. `endpoint` is the service's address, `https://s3.amazonaws.com`."""

    endpoint: str
    bucket: str
    prefix: str
    access_key: str
    secret_key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def __repr__(self) -> str:
        return f"S3({self})"

    def sql(self) -> str:
        """The engine's name for the telemetry's place."""
        return f"S3({self._arguments(_TELEMETRY)})"

    def file(self, name: str, structure: str = "") -> str:
        """The engine's table function that reads or writes one whole file."""
        more = f", {literal(structure)}" if structure else ""
        return f"s3({self._arguments(name)}, 'RawBLOB'{more})"

    def listing(self, name: str) -> str:
        """The engine's table function with a row when the file is there."""
        # A pattern makes the engine list instead of failing on a file that is not there.
        return f"s3({self._arguments(name + '*')}, 'RawBLOB', 'data String')"

    def hidden(self, text: str) -> str:
        """The text without the secret key."""
        return text.replace(self.secret_key, "***") if self.secret_key else text

    def _arguments(self, name: str) -> str:
        parts = [self.endpoint.rstrip("/"), self.bucket, *self.prefix.split("/"), name]
        url = "/".join(part for part in parts if part)
        return ", ".join(literal(each) for each in (url, self.access_key, self.secret_key))


Target: TypeAlias = Folder | S3


def parse_target(
    text: str,
    *,
    endpoint: str = "https://s3.amazonaws.com",
    access_key: str = "",
    secret_key: str = "",
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
    return S3(endpoint, parts.netloc, parts.path.strip("/"), access_key, secret_key)


def literal(text: str) -> str:
    """A string for SQL where the engine takes no parameters."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
