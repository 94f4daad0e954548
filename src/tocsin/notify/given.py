"""Which keys of a receiver exclude each other, and which must be there?"""

from __future__ import annotations

import msgspec

from tocsin.kit.fault import Rejected


def at_most_one(config: msgspec.Struct, *names: str) -> None:
    """Raises Rejected when several of these keys are given."""
    given = _given(config, names)
    if len(given) > 1:
        raise Rejected(f"{' and '.join(given)} exclude each other; keep one of them")


def exactly_one(config: msgspec.Struct, *names: str) -> None:
    """Raises Rejected unless one of these keys is given."""
    at_most_one(config, *names)
    if not _given(config, names):
        raise Rejected(f"one of {' and '.join(names)} must be given")


def _given(config: msgspec.Struct, names: tuple[str, ...]) -> list[str]:
    by_key = {field.encode_name: field.name for field in msgspec.structs.fields(config)}
    return [name for name in names if getattr(config, by_key[name])]
