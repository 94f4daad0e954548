"""Who is on call from when to when? Stretches of time, and what happens when some lie over others.

A list of stretches here is always sorted, and none overlaps another.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

NOBODY = ""
"""Who is on call while nobody is on purpose."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `starts_ms` until before `ends_ms`, ms since the epoch."""

    starts_ms: int
    ends_ms: int
    person: str
    source: str
    """The layer's name, "import", "holiday" or "override"."""
    turn: int = 0
    """Which turn of its rotation this belongs to; for others, what tells them apart."""
    layer: int = -1
    """The layer's position in its schedule, -1 when it comes from none."""
    note: str = ""
    """Why, when somebody said it: the holiday's name, the override's reason."""


def within(stretches: Sequence[Stretch], from_ms: int, to_ms: int) -> Sequence[Stretch]:
    """Those that lie in that time at least in part, at their full length."""
    low = bisect_right(stretches, from_ms, key=lambda one: one.ends_ms)
    high = bisect_left(stretches, to_ms, key=lambda one: one.starts_ms)
    return stretches[low:high] if low < high else ()


def over(base: Sequence[Stretch], top: Sequence[Stretch]) -> list[Stretch]:
    """What remains of the base where nothing lies over it, and all that lies over it."""
    if not top:
        return list(base)
    found = list(top)
    at = 0
    for one in base:
        while at < len(top) and top[at].ends_ms <= one.starts_ms:
            at += 1
        since, above = one.starts_ms, at
        while above < len(top) and top[above].starts_ms < one.ends_ms:
            if top[above].starts_ms > since:
                found.append(replace(one, starts_ms=since, ends_ms=top[above].starts_ms))
            since = max(since, top[above].ends_ms)
            above += 1
        if since < one.ends_ms:
            found.append(replace(one, starts_ms=since))
    found.sort(key=lambda one: one.starts_ms)
    return found


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same, those made one that follow each other and differ in nothing else."""
    found: list[Stretch] = []
    for one in stretches:
        last = found[-1] if found else None
        if (
            last
            and last.ends_ms == one.starts_ms
            and replace(last, ends_ms=one.ends_ms) == replace(one, starts_ms=last.starts_ms)
        ):
            found[-1] = replace(last, ends_ms=one.ends_ms)
        elif one.starts_ms < one.ends_ms:
            found.append(one)
    return found


def gaps(stretches: Iterable[Stretch], from_ms: int, to_ms: int) -> list[tuple[int, int]]:
    """The times in between in which none of them lies, not the empty ones."""
    found: list[tuple[int, int]] = []
    since = from_ms
    for one in stretches:
        if one.starts_ms > since:
            found.append((since, min(one.starts_ms, to_ms)))
        since = max(since, one.ends_ms)
    if since < to_ms:
        found.append((since, to_ms))
    return [(start, end) for start, end in found if start < end]
