"""One request: entries as the bytes that are sent, and the file that they wait in.

A batch waits in a file until the server has answered, so that an agent that was killed sends the
same bytes again: the server knows them, and keeps each line once.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tocsin.agent.entries import Entry, Origin
from tocsin.agent.positions import Positions, write_whole
from tocsin.kit.fault import Permanent

_LEVEL = 3


class Block(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the body: entries of one origin, each its nanoseconds, its text and its
    own attributes."""

    batch: str = ""
    """In the first block: what no other batch is called. Without it two batches of the same lines
    would be the same bytes."""
    origin: Origin
    entries: list[tuple[int, str, dict[str, str]]]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A batch on its way, and what to remember once it is kept."""

    after: Positions
    body: bytes


def encode(entries: Sequence[Entry], name: str) -> bytes:
    """The body, packed; `name` is what no other batch is called."""
    blocks: list[Block] = []
    for one in entries:
        if not blocks or blocks[-1].origin != one.origin:
            blocks.append(Block(batch="" if blocks else name, origin=one.origin, entries=[]))
        blocks[-1].entries.append((one.at_ns, one.text, one.attributes))
    lines = b"\n".join(msgspec.json.encode(block) for block in blocks)
    return gzip.compress(lines, compresslevel=_LEVEL, mtime=0)


def halves(body: bytes) -> tuple[bytes, bytes] | None:
    """A body as two, for a server that takes less at once; None for a single entry."""
    decode = msgspec.json.Decoder(Block).decode
    blocks = [decode(line) for line in gzip.decompress(body).split(b"\n")]
    rows = [(block.origin, row) for block in blocks for row in block.entries]
    if len(rows) < 2:
        return None
    entries = [Entry(text, at, origin, "", 0, own) for origin, (at, text, own) in rows]
    name = blocks[0].batch
    middle = len(entries) // 2
    return encode(entries[:middle], f"{name}/1"), encode(entries[middle:], f"{name}/2")


class Spool:
    """The one batch that is on its way."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, waiting: Waiting) -> None:
        """Keep it until it is done."""
        write_whole(self._path, msgspec.msgpack.encode(waiting))

    def get(self) -> Waiting | None:
        """The one that an earlier process left. Raises Permanent when the file is damaged."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Permanent(f"cannot read {self._path}: {error.strerror}") from error
        try:
            return msgspec.msgpack.decode(content, type=Waiting)
        except msgspec.DecodeError as error:
            raise Permanent(f"{self._path} holds no batch ({error}); move it away") from error

    def done(self) -> None:
        """It is kept."""
        self._path.unlink(missing_ok=True)

    def put_aside(self, sequence: int) -> Path:
        """Keep it under another name: the server will never take it."""
        aside = self._path.with_name(f"{self._path.name}.refused-{sequence}")
        self._path.replace(aside)
        return aside
