"""Bodies that a ClickHouse client compressed."""

from __future__ import annotations

import cramjam

from tocsin.kit.compress import inflate
from tocsin.kit.fault import Rejected, TooLarge


def decode(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """The plain body: LZ4 frames, which only ClickHouse's clients send, or one of `inflate`'s.

    Raises TooLarge beyond `limit_bytes`, Rejected when the bytes are not what they claim to be.
    """
    if encoding.strip().lower() != "lz4":
        return inflate(body, encoding, limit_bytes)
    out = bytearray(limit_bytes + 1)
    try:
        size = cramjam.lz4.decompress_into(body, out)
    except cramjam.DecompressionError as error:
        raise Rejected(f"the body is not valid LZ4 data or too large: {error}") from error
    if size > limit_bytes:
        raise TooLarge(f"the body is larger than {limit_bytes} bytes once decompressed")
    return bytes(memoryview(out)[:size])
