"""How do rows lie in the write-ahead log, and how are they found again behind damage?

A record is a mark, the payload's length, a CRC-32 of all that follows, a kind, and the payload.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

Data = bytes | memoryview

_MARK = b"\xd7WAL"
_HEAD = struct.Struct("<4sIIB")
_CHECKED = struct.Struct("<IB")
_SIZE = struct.Struct("<H")
_ROWS = 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table in one of ClickHouse's formats, as they will be inserted."""

    table: str
    columns: tuple[str, ...]
    format: str
    count: int
    data: Data


class _About(msgspec.Struct, array_like=True, frozen=True):
    table: str
    columns: tuple[str, ...]
    format: str
    count: int


class Found(NamedTuple):
    """Bytes `start` to `end` of a segment: rows, or None where they are damaged."""

    start: int
    end: int
    rows: Rows | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_About)


def encode(rows: Rows) -> Sequence[Data]:
    """The record in pieces, to be written one after the other."""
    about = _encoder.encode(_About(rows.table, rows.columns, rows.format, rows.count))
    length = _SIZE.size + len(about) + len(rows.data)
    front = _SIZE.pack(len(about)) + about
    check = zlib.crc32(rows.data, zlib.crc32(front, zlib.crc32(_CHECKED.pack(length, _ROWS))))
    return _HEAD.pack(_MARK, length, check, _ROWS) + front, rows.data


def scan(data: Data, start: int = 0) -> Iterator[Found]:
    """The records of a segment from a place on; damage runs to the next whole record, or the end.

    Without copies: the rows are views of `data`.
    """
    view = memoryview(data)
    whole = bytes(data) if isinstance(data, memoryview) else data
    at = start
    while at < len(view):
        found = _read(view, at)
        if found is None:
            beyond = _next_whole(view, whole, at + 1)
            yield Found(at, beyond, None)
            at = beyond
        else:
            yield found
            at = found.end


def _next_whole(view: memoryview, whole: bytes, at: int) -> int:
    """Where the next record begins that can be read; the end when there is none."""
    while (at := whole.find(_MARK, at)) >= 0:
        if _read(view, at) is not None:
            return at
        at += 1
    return len(view)


def _read(view: memoryview, at: int) -> Found | None:
    body = at + _HEAD.size
    if body > len(view):
        return None
    mark, length, check, kind = _HEAD.unpack_from(view, at)
    end = body + length
    if mark != _MARK or kind != _ROWS or end > len(view) or length < _SIZE.size:
        return None
    if zlib.crc32(view[body:end], zlib.crc32(_CHECKED.pack(length, kind))) != check:
        return None
    (size,) = _SIZE.unpack_from(view, body)
    data = body + _SIZE.size + size
    about = _decoder.decode(view[body + _SIZE.size : data])
    return Found(
        at, end, Rows(about.table, about.columns, about.format, about.count, view[data:end])
    )
