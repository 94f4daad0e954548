"""Who is on call by a schedule? Its layers, what was imported, holidays, and what people changed.

What comes later in that order counts where it says something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tocsin.oncall.holiday import Holiday
from tocsin.oncall.layer import PRIMARY, SECONDARY, Layer
from tocsin.oncall.stretch import NOBODY, Stretch, gaps, joined, over, within
from tocsin.oncall.wall_clock import DAY_MS

IMPORT = "import"
OVERRIDE = "override"
"""What stretches come from that no layer made; holidays beside them."""

Imported = Callable[[int, int], Sequence[Stretch]]
"""What a calendar says between two moments (ms): stretches at their full length."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody is on call; `reason` when that is meant, else empty."""

    schedule: str
    starts_ms: int
    ends_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule as configured. Instants in ms since the epoch."""

    name: str
    zone: str
    layers: tuple[Layer, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    imported: Imported | None = field(default=None, compare=False)
    description: str = ""
    allow_gaps: bool = False
    """Whether it is meant that at times nobody is on call."""
    people: frozenset[str] = frozenset()
    """Everybody whom it may put on call."""

    @property
    def has_secondary(self) -> bool:
        """Whether layers of its own say who is second."""
        return any(layer.rank == SECONDARY for layer in self.layers)

    @property
    def margin_ms(self) -> int:
        """How far around a range to look, so that no stretch in it is seen cut off."""
        return max((layer.longest_ms for layer in self.layers), default=7 * DAY_MS)

    def layered(self, from_ms: int, to_ms: int, rank: int = PRIMARY) -> list[Stretch]:
        """What the layers of a rank say: later ones count where they say something."""
        found: list[Stretch] = []
        for position, layer in enumerate(self.layers):
            if layer.rank == rank:
                found = over(found, layer.between(from_ms, to_ms, position))
        return found

    def planned(self, from_ms: int, to_ms: int) -> list[Stretch]:
        """Who is first by layers, imports and holidays; NOBODY where that is meant."""
        found = self.layered(from_ms, to_ms)
        if self.imported is not None:
            found = over(found, self.imported(from_ms, to_ms))
        for holiday in self.holidays:
            found = holiday.laid_over(found, from_ms, to_ms)
        return found

    def first(self, from_ms: int, to_ms: int, overrides: Sequence[Stretch]) -> list[Stretch]:
        """Who is first after all, NOBODY where nobody is on purpose. `overrides` do not overlap."""
        planned = self.planned(from_ms, to_ms)
        return joined(over(planned, within(overrides, from_ms, to_ms)))

    def second(
        self,
        from_ms: int,
        to_ms: int,
        overrides: Sequence[Stretch],
        second_overrides: Sequence[Stretch],
        rank: int = SECONDARY,
    ) -> list[Stretch]:
        """Who is called when the first does not answer: by layers of that rank, else whoever
        follows in the rotation that is in force. Never who is first, nor whose turn was given to
        somebody else."""
        if self.has_secondary:
            found = self.layered(from_ms, to_ms, rank)
        else:
            found = self._following(from_ms, to_ms, overrides, rank)
        return joined(over(found, within(second_overrides, from_ms, to_ms)))

    def _following(
        self, from_ms: int, to_ms: int, overrides: Sequence[Stretch], rank: int
    ) -> list[Stretch]:
        found: list[Stretch] = []
        first = self.first(from_ms, to_ms, overrides)
        for turn in self.layered(from_ms, to_ms):
            rotation = self.layers[turn.layer].rotation
            for chief in within(first, turn.starts_ms, turn.ends_ms):
                who = rotation.after(turn.turn, frozenset((turn.person, chief.person)))
                if len(who) < rank or chief.person == NOBODY:
                    continue
                found.append(
                    replace(
                        turn,
                        person=who[rank - 1],
                        starts_ms=max(turn.starts_ms, chief.starts_ms),
                        ends_ms=min(turn.ends_ms, chief.ends_ms),
                    )
                )
        return found


def gaps_of(schedule: str, stretches: Sequence[Stretch], from_ms: int, to_ms: int) -> list[Gap]:
    """When nobody is on call in that range, in order: those that are meant with their reason."""
    unmeant = [Gap(schedule, start, end) for start, end in gaps(stretches, from_ms, to_ms)]
    meant = [
        Gap(schedule, max(one.starts_ms, from_ms), min(one.ends_ms, to_ms), one.note or one.source)
        for one in within(stretches, from_ms, to_ms)
        if one.person == NOBODY
    ]
    return sorted((*unmeant, *meant), key=lambda gap: gap.starts_ms)
