"""How do the templates of the trace pages write durations, services and questions?"""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.model.spans import KINDS, STATUSES
from tocsin.query.logs.compare import quoted
from tocsin.web.pages.filters import duration

COLOURS = 12
"""Of series; more services share them."""
_OFFSET, _PRIME, _BITS = 0x811C9DC5, 0x01000193, 0xFFFFFFFF


def nano_duration(ns: float) -> str:
    """Nanoseconds in words: 850 µs, 12 ms, 3.2 s."""
    return f"{ns:.0f} ns" if 0 < ns < 1_000 else duration(ns / 1e9)


def colours_of(services: Iterable[str]) -> dict[str, int]:
    """1 to 12 for each service: by a hash of its name (FNV-1a, 32 bits), so that it keeps its
    colour; of two with the same, the later by name takes the next that is free."""
    found: dict[str, int] = {}
    for name in sorted(set(services)):
        slot = _hash(name) % COLOURS
        for _ in range(COLOURS):
            if slot + 1 not in found.values():
                break
            slot = (slot + 1) % COLOURS
        found[name] = slot + 1
    return found


def _hash(text: str) -> int:
    found = _OFFSET
    for letter in text.encode():
        found = ((found ^ letter) * _PRIME) & _BITS
    return found


def kind_word(number: int) -> str:
    """The word of a span's kind, empty where it does not say."""
    return KINDS[number] if 0 < number < len(KINDS) else ""


def status_word(number: int) -> str:
    """The word of a span's status."""
    return STATUSES[number] if number < len(STATUSES) else STATUSES[0]


def asks(field: str, value: str) -> str:
    """What asks for spans of a value."""
    return f"{field}:{quoted(value)}"


FILTERS = {
    "nano_duration": nano_duration,
    "kind_word": kind_word,
    "status_word": status_word,
    "asks": asks,
}
