"""Who is on call on a holiday? A stand-in, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.alert.attention.recurrence import wall
from tocsin.oncall.stretch import NOBODY, Stretch, over
from tocsin.oncall.wall_clock import reached_ms

SOURCE = "holiday"

Times = Callable[[int, int], Sequence[tuple[int, int]]]
"""When something takes place between two moments: begin and end of each time, all in ms."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """One holiday, once or every year."""

    name: str
    times: Times
    stand_in: str = NOBODY
    """Who is on call then; NOBODY when nobody is."""
    people: frozenset[str] = frozenset()
    """Whose holiday it is; of nobody in particular: everyone's."""

    def laid_over(self, base: Sequence[Stretch], from_ms: int, to_ms: int) -> list[Stretch]:
        """The stretches with those of the holiday in that range over them."""
        found = list(base)
        for starts, ends in self.times(from_ms, to_ms):
            found = over(found, self._instead(found, starts, ends))
        return found

    def _instead(self, base: Sequence[Stretch], starts: int, ends: int) -> list[Stretch]:
        """Nothing where nobody would be on call anyway, unless it is everyone's and has a stand-in:
        a holiday without one makes no gap wider."""
        lying = Stretch(starts, ends, self.stand_in, SOURCE, note=self.name)
        if not self.people and self.stand_in != NOBODY:
            return [lying]
        return [
            replace(lying, starts_ms=max(one.starts_ms, starts), ends_ms=min(one.ends_ms, ends))
            for one in base
            if (not self.people or one.person in self.people)
            and one.starts_ms < ends
            and one.ends_ms > starts
        ]


def once(begins: datetime, ends: datetime, zone: str) -> Times:
    """From one time until another by a place's clocks."""
    times = reached_ms(begins, zone), reached_ms(ends, zone)

    def between(from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        return [times] if times[0] < to_ms and times[1] > from_ms else []

    return between


def every_year(month: int, day: int, zone: str) -> Times:
    """That day of each year by a place's clocks; the 29th of February in leap years."""

    def between(from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        first, last = wall(from_ms, zone).year - 1, wall(to_ms, zone).year
        found = []
        for year in range(first, last + 1):
            try:
                begins = datetime(year, month, day)  # noqa: DTZ001 - by the clocks of `zone`
            except ValueError:
                continue
            found.append((reached_ms(begins, zone), reached_ms(begins + timedelta(days=1), zone)))
        return [(starts, ends) for starts, ends in found if starts < to_ms and ends > from_ms]

    return between
