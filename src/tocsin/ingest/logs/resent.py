"""Which lines come again in another request? Their names are remembered for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

_REMEMBERED = 500_000


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

    def remember(self, names: Iterable[int]) -> None:
        """These were kept."""
        for name in names:
            if name:
                self._names[name] = None
        while len(self._names) > self._most:
            self._names.popitem(last=False)
