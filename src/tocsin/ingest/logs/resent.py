"""Which lines come again in another request, or in the same one of which only a part was kept?
They are remembered for a while, their names over a restart, as they are kept with the lines."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

_REMEMBERED = 500_000
_MOST_PARTS = 10_000


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


class Parts:
    """Which lines were kept of requests that were too large for a limit, by the requests' keys:
    when such a one comes again, as its answer was lost, only its other lines are wanted."""

    def __init__(self) -> None:
        self._places: OrderedDict[int, frozenset[int]] = OrderedDict()

    def kept(self, key: int) -> frozenset[int]:
        """The places of the lines that were kept; none when all were, or none is known."""
        return self._places.get(key, frozenset()) if self._places else frozenset()

    def name(self, key: int, places: Sequence[int]) -> int:
        """The name of a part. It is not the request's, which would be taken for kept as a whole."""
        return key ^ (2 * (places[0] + 1) if places else 1)

    def remember(self, key: int, places: Iterable[int]) -> None:
        """These were kept."""
        self._places[key] = self.kept(key).union(places)
        if len(self._places) > _MOST_PARTS:
            self._places.popitem(last=False)
