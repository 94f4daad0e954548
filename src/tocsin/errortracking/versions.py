"""Which of two releases came later?"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SEMVER = re.compile(
    r"(?:.*@)?v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?"
    r"(?:-([0-9A-Za-z.-]{1,100}))?(?:\+.*)?"
)


def order(release: str) -> tuple[object, ...] | None:
    """What releases like `shop@1.2.3-rc.1+build` are ordered by (semver.org, 11); None for a name
    that is no version."""
    found = _SEMVER.fullmatch(release)
    if found is None or found[2] is None:
        return None
    numbers = tuple(int(one or 0) for one in found.groups()[:4])
    before = tuple(
        (0, int(one), "") if one.isdigit() else (1, 0, one) for one in (found[5] or "").split(".")
    )
    return (*numbers, 0 if found[5] else 1, before)


def is_newer(one: str, other: str, first_seen: Mapping[str, int], *, when_ms: int) -> bool:
    """Whether `one` is a later release than `other`: by their versions where both have one of the
    same package, else by whether `one` was seen before `when_ms` already."""
    if one == other:
        return False
    same_package = one.rpartition("@")[0] == other.rpartition("@")[0]
    mine, its = order(one), order(other)
    if same_package and mine is not None and its is not None:
        return mine > its
    return first_seen.get(one, when_ms) >= when_ms
