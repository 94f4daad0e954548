"""Which lines come again in another request, or in the same one of which only a part was kept?
They are remembered for a while, their names over a restart, as they are kept with the lines."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import repeat

_REMEMBERED = 500_000
_GOLDEN = 0x9E37_79B9_7F4A_7C15


class Resent:
    """The names of lines that were kept lately; the oldest are forgotten first."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._names: OrderedDict[int, None] = OrderedDict()

    def known(self, names: Sequence[int]) -> frozenset[int]:
        """The places of names that were kept; 0 names nothing."""
        if not self._names:
            return frozenset()
        return frozenset(place for place, name in enumerate(names) if name and name in self._names)

    def has_begun(self, key: int) -> bool:
        """Whether a part of a request was kept."""
        return _own(key, 0) in self._names

    def remember(self, names: Iterable[int]) -> None:
        """These were kept."""
        for name in names:
            if name:
                self._names[name] = None
        while len(self._names) > self._most:
            self._names.popitem(last=False)


def named_within(key: int, names: Sequence[int], count: int) -> list[int]:
    """Names for all lines of a request of which only a part was let in, also for those to which
    their sender gave none: when it comes again as a whole, its other lines are told apart."""
    given = names or repeat(0, count)
    return [name or _own(key, place) for place, name in enumerate(given)]


def part_of(key: int, places: Sequence[int], *, is_first: bool) -> int:
    """The key of a part. It is not the request's, which would be taken for kept as a whole."""
    return key ^ (1 if is_first else 2 * (places[0] + 1) if places else 2)


def _own(key: int, place: int) -> int:
    # The key is a hash already; the odd number keeps the places of a request apart.
    return (key + (place + 1) * _GOLDEN) % (1 << 64) or 1
