"""How far was each file read? Kept in a file that survives the agent, and a machine's power."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import msgspec

from tocsin.kit.fault import Permanent

FINGERPRINT_BYTES = 1024
"""So much of a file's beginning tells it from others."""


class Fingerprint(msgspec.Struct, frozen=True, array_like=True):
    """What a file begins with: how many bytes were looked at, and their digest."""

    length: int = 0
    digest: str = ""

    @classmethod
    def of(cls, head: bytes) -> Fingerprint:
        """Of the first bytes of a file."""
        head = head[:FINGERPRINT_BYTES]
        return cls(len(head), blake2b(head, digest_size=12).hexdigest())

    def fits(self, head: bytes) -> bool:
        """Whether a file that begins so may be the same one, or a copy."""
        return len(head) >= self.length and Fingerprint.of(head[: self.length]) == self


class FilePosition(msgspec.Struct, frozen=True, kw_only=True):
    """One file by device and inode: what it begins with, where to go on, and where it was."""

    device: int
    inode: int
    path: str
    """Where it is, or was last."""
    found_at: str = ""
    """Where it was before rotations; its lines are of this file."""
    offset: int
    fingerprint: Fingerprint
    read_ns: int
    """When it was read last."""
    finished: bool = False
    """It was rotated away and read to its end."""


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of what an agent remembers. `sequence` numbers the batches that were kept."""

    agent: str = ""
    """What no other agent is called, drawn at the first start."""
    sequence: int = 0
    files: tuple[FilePosition, ...] = ()
    cursor: str = ""
    """The journal's."""


def load(path: Path) -> Positions | None:
    """What is remembered; None at the first start. Raises Permanent when the file is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Permanent(f"cannot read the positions in {path}: {error.strerror}") from error
    try:
        return msgspec.json.decode(content, type=Positions)
    except msgspec.DecodeError as error:
        raise Permanent(
            f"{path} holds no positions ({error}); move it away to begin anew"
        ) from error


def save(path: Path, positions: Positions) -> None:
    """Replace what is remembered, at once and for good."""
    write_whole(path, msgspec.json.encode(positions))


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by a whole one. Raises Permanent when that is not possible."""
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except OSError as error:
        raise Permanent(f"cannot write {path}: {error.strerror}") from error
