"""What many lines have in common: their text with the parts that vary taken out."""

from __future__ import annotations

from hashlib import blake2b

import msgspec


class LogPattern(msgspec.Struct, frozen=True, kw_only=True):
    """A template and its number, which lines carry. Times are milliseconds since the epoch.

    A template that became more general keeps its number; one that went up in another has that
    one's template, so that patterns of the same service and template are one to people.
    """

    pattern: int
    service: str
    template: str
    example: str
    first_seen_ms: int


def pattern_number(service: str, template: str) -> int:
    """The number of a template when it is first seen: the same wherever and whenever it is."""
    digest = blake2b(f"{service}\0{template}".encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "little") or 1
