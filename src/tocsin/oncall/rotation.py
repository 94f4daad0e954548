"""Whose turn is it? People who take turns of one length, handed over by a place's clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.alert.attention.recurrence import wall
from tocsin.oncall.wall_clock import reached_ms


@dataclass(frozen=True, slots=True)
class Rotation:
    """People one after another. `anchor` is what the clocks of `zone` show when the first one's
    turn begins, `length` what they advance until the next one's: a hand-off at 09:00 stays there
    when clocks change."""

    people: tuple[str, ...]
    anchor: datetime
    length: timedelta
    zone: str

    def begins_ms(self, turn: int) -> int:
        """When that turn begins, which is when the one before ends; the first is turn 0."""
        return reached_ms(self.anchor + turn * self.length, self.zone)

    def turn_at(self, at_ms: int) -> int:
        """Which turn it is then; negative before the first one."""
        turn = (wall(at_ms, self.zone) - self.anchor) // self.length
        # Clocks that were set back show a time again of which the turn is over.
        while self.begins_ms(turn + 1) <= at_ms:
            turn += 1
        while self.begins_ms(turn) > at_ms:
            turn -= 1
        return turn

    def person(self, turn: int) -> str:
        """Whose turn it is."""
        return self.people[turn % len(self.people)]

    def after(self, turn: int, not_these: frozenset[str]) -> list[str]:
        """Who follows in the rotation, the next one first, each once, without some."""
        following = (self.person(turn + step) for step in range(1, len(self.people)))
        return [name for name in dict.fromkeys(following) if name not in not_these]
