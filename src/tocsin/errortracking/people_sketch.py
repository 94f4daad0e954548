"""How many people were that, when not all of them can be remembered?

The smallest 256 of their hashes tell: exactly up to 256, beyond within some six percent (the
k-minimum-values estimate: Bar-Yossef and others, 2002). Two such sets join into one.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

KEPT = 256
"""Hashes of a set."""
_SPACE = 1 << 64


def hash_of(user: str) -> int:
    """64 bits of a user's id."""
    digest = blake2b(user.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def joined(one: Iterable[int], other: Iterable[int]) -> tuple[int, ...]:
    """The smallest of both, in order."""
    return tuple(sorted({*one, *other})[:KEPT])


def count(hashes: tuple[int, ...]) -> int:
    """How many people have such hashes."""
    if len(hashes) < KEPT:
        return len(hashes)
    return round((KEPT - 1) * _SPACE / (hashes[-1] + 1))
