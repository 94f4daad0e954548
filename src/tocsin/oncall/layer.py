"""Who does one layer of a schedule put on call?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tocsin.oncall.restriction import Hours, open_between
from tocsin.oncall.rotation import Rotation
from tocsin.oncall.stretch import Stretch
from tocsin.oncall.wall_clock import DAY_MS

PRIMARY, SECONDARY = 0, 1
EVER_MS = 253_402_300_799_000


@dataclass(frozen=True, slots=True)
class Layer:
    """One rotation, perhaps in some hours of the week only, from a moment until another one."""

    name: str
    rotation: Rotation
    restrictions: tuple[Hours, ...] = ()
    """Empty: all week."""
    starts_ms: int = 0
    ends_ms: int = EVER_MS
    rank: int = PRIMARY

    @property
    def longest_ms(self) -> int:
        """No turn is longer; a day for what clocks and zones may do to it."""
        return round(self.rotation.length / timedelta(milliseconds=1)) + DAY_MS

    def between(self, from_ms: int, to_ms: int, position: int) -> list[Stretch]:
        """The stretches that lie in that range at least in part, at their full length; `position`
        is the layer's in its schedule."""
        low, high = max(from_ms, self.starts_ms), min(to_ms, self.ends_ms)
        if low >= high:
            return []
        found = [
            part
            for turn in range(self.rotation.turn_at(low), self.rotation.turn_at(high - 1) + 1)
            for part in self._turn(turn, position)
        ]
        return [one for one in found if one.starts_ms < to_ms and one.ends_ms > from_ms]

    def _turn(self, turn: int, position: int) -> list[Stretch]:
        rotation = self.rotation
        starts = max(rotation.begins_ms(turn), self.starts_ms)
        ends = min(rotation.begins_ms(turn + 1), self.ends_ms)
        if starts >= ends:
            return []
        open_times = [(starts, ends)]
        if self.restrictions:
            open_times = open_between(self.restrictions, rotation.zone, starts, ends)
        person = rotation.person(turn)
        return [
            Stretch(max(begin, starts), min(end, ends), person, self.name, turn, position)
            for begin, end in open_times
        ]
