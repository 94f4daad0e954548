"""A body is inflated within its limit, or refused for the right reason."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.compress import inflate
from tocsin.kit.fault import Rejected, TooLarge

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "snappy": lambda body: bytes(cramjam.snappy.compress_raw(body)),
    "zstd": lambda body: bytes(cramjam.zstd.compress(body)),
    "zstd1": lambda body: bytes(cramjam.zstd.compress(body)),
    "br": lambda body: bytes(cramjam.brotli.compress(body)),
}
encodings = pytest.mark.parametrize("encoding", sorted(ENCODERS))


@encodings
def test_what_was_compressed_comes_back(encoding: str) -> None:
    body = b"cpu 1 2 3\n" * 1000
    assert inflate(ENCODERS[encoding](body), encoding, len(body)) == body


@encodings
def test_a_bomb_is_refused_before_it_grows(encoding: str) -> None:
    bomb = ENCODERS[encoding](bytes(12_000_000))
    with pytest.raises(TooLarge):
        inflate(bomb, encoding, 1_000_000)


@encodings
def test_a_body_cut_short_is_refused(encoding: str) -> None:
    whole = ENCODERS[encoding](bytes(range(256)) * 100)
    with pytest.raises(Rejected):
        inflate(whole[: len(whole) // 2], encoding, 1_000_000)


@encodings
@given(junk=st.binary(max_size=300))
def test_junk_never_does_more_than_be_refused(encoding: str, junk: bytes) -> None:
    with contextlib.suppress(Rejected):
        assert len(inflate(junk, encoding, 10_000)) <= 10_000


def test_encodings_are_undone_from_the_last_to_the_first() -> None:
    twice = gzip.compress(bytes(cramjam.zstd.compress(b"hello")))
    assert inflate(twice, "zstd, gzip", 100) == b"hello"


def test_an_unknown_encoding_names_the_known_ones() -> None:
    with pytest.raises(Rejected, match="gzip"):
        inflate(b"", "lzma", 100)


def test_a_plain_body_over_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge):
        inflate(b"12345", "identity", 4)


def test_a_body_that_is_packed_again_and_again_is_refused() -> None:
    with pytest.raises(Rejected, match="5 times"):
        inflate(b"x", "gzip,gzip,gzip,gzip,gzip", 10)
