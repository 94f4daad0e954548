"""How does a compressed body become bytes without becoming a bomb?"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cramjam

from tocsin.kit.fault import Rejected, TooLarge

_MOST_ENCODINGS = 4
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS


def inflate(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return the decoded body, at most `limit_bytes` long.

    `encoding` is the value of Content-Encoding (RFC 9110, section 8.4); several are undone from the
    last to the first. Raises TooLarge when the result would be longer, Rejected when the bytes are
    not what they claim to be or the encoding is unknown.
    """
    names = [part.strip().lower() for part in encoding.split(",")]
    if len(names) > _MOST_ENCODINGS:
        raise Rejected(f"the body is packed {len(names)} times; {_MOST_ENCODINGS} are the most")
    for name in reversed(names):
        if name in ("", "identity"):
            continue
        decode = _DECODERS.get(name)
        if decode is None:
            known = ", ".join(sorted(_DECODERS))
            raise Rejected(f"Content-Encoding {name!r} is not supported; send one of: {known}")
        body = decode(body, limit_bytes)
    if len(body) > limit_bytes:
        raise TooLarge(_too_large(limit_bytes))
    return body


def _too_large(limit_bytes: int) -> str:
    return f"the body is larger than {limit_bytes} bytes once decompressed; send smaller batches"


def _zlib(window_bits: int) -> Callable[[bytes, int], bytes]:
    def decode(body: bytes, limit_bytes: int) -> bytes:
        stream = zlib.decompressobj(window_bits)
        try:
            out = stream.decompress(body, limit_bytes + 1)
        except zlib.error as error:
            raise Rejected(f"the body is not valid gzip or deflate data: {error}") from error
        if len(out) > limit_bytes:
            raise TooLarge(_too_large(limit_bytes))
        if not stream.eof:
            raise Rejected("the compressed body ends too early")
        return out

    return decode


def _into(name: str, decompress_into: Callable[..., int]) -> Callable[[bytes, int], bytes]:
    """Decode into a buffer of the limit's size: what does not fit is refused, never allocated."""

    def decode(body: bytes, limit_bytes: int) -> bytes:
        # Untouched pages of a zeroed bytearray cost no memory, so a large limit is cheap.
        out = bytearray(limit_bytes + 1)
        try:
            size = decompress_into(body, out)
        except cramjam.DecompressionError as error:
            # cramjam tells a full buffer and bad data apart only by words that differ by codec.
            if any(word in str(error).lower() for word in _FULL):
                raise TooLarge(_too_large(limit_bytes)) from error
            raise Rejected(f"the body is not valid {name} data: {error}") from error
        if size > limit_bytes:
            raise TooLarge(_too_large(limit_bytes))
        return bytes(memoryview(out)[:size])

    return decode


_FULL = ("write zero", "failed to write whole buffer", "too small", "buffer", "no space")


def _snappy(body: bytes, limit_bytes: int) -> bytes:
    """Decode snappy's block format, whose first bytes tell the size (format_description.txt)."""
    size = shift = 0
    for byte in body[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    else:
        raise Rejected("the body is not valid snappy data: no length at its start")
    if size > limit_bytes:
        raise TooLarge(_too_large(limit_bytes))
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise Rejected(f"the body is not valid snappy data: {error}") from error


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _zlib(_ZLIB_OR_GZIP),
    "x-gzip": _zlib(_ZLIB_OR_GZIP),
    "deflate": _zlib(_ZLIB_OR_GZIP),
    "snappy": _snappy,
    "zstd": _into("zstd", cramjam.zstd.decompress_into),
    "zstd1": _into("zstd", cramjam.zstd.decompress_into),
    "br": _into("brotli", cramjam.brotli.decompress_into),
}
