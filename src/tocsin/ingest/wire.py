"""How are protobuf's bytes walked without building messages? (protobuf.dev, "Encoding")"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tocsin.kit.fault import Rejected

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_DOUBLE = struct.Struct("<d")


def varint(body: bytes, at: int, stop: int) -> tuple[int, int]:
    """The number at `at` and the place after it; raises Rejected past `stop` or ten bytes."""
    value = shift = 0
    while at < stop:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift >= 70:
            raise Rejected(f"byte {at}: a protobuf number is longer than ten bytes")
    raise Rejected(f"byte {at}: the protobuf message ends within a number")


def signed(value: int) -> int:
    """A varint as int64."""
    return value - (1 << 64) if value >= 1 << 63 else value


def fields(body: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Walk one message: (field number, wire type, first byte, place after the last byte).

    A varint's value stands in the third place. Raises Rejected on anything malformed.
    """
    while at < stop:
        # Numbers of one byte, which nearly all tags and sizes are, cost no call.
        key = body[at]
        at += 1
        if key > 0x7F:
            key, at = varint(body, at - 1, stop)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise Rejected(f"byte {at}: a protobuf field has the number 0")
        if kind == VARINT:
            value, at = varint(body, at, stop)
            yield number, kind, value, at
            continue
        if kind == BYTES:
            size = body[at] if at < stop else 0x80
            at += 1
            if size > 0x7F:
                size, at = varint(body, at - 1, stop)
        elif kind == FIXED64:
            size = 8
        elif kind == FIXED32:
            size = 4
        else:
            raise Rejected(f"byte {at}: protobuf wire type {kind} is not supported")
        if at + size > stop:
            raise Rejected(f"byte {at}: a protobuf field is longer than its message")
        yield number, kind, at, at + size
        at += size


def double(body: bytes, at: int) -> float:
    """The eight bytes at `at` as a float, bit for bit."""
    value: float = _DOUBLE.unpack_from(body, at)[0]
    return value


def text(body: bytes, at: int, stop: int) -> str:
    """UTF-8 text; raises Rejected when it is not."""
    try:
        return body[at:stop].decode()
    except UnicodeDecodeError as error:
        raise Rejected("a label, name or help text is not valid UTF-8") from error


def numbers(body: bytes, at: int, stop: int) -> list[int]:
    """A packed list of varints."""
    found: list[int] = []
    while at < stop:
        value, at = varint(body, at, stop)
        found.append(value)
    return found
