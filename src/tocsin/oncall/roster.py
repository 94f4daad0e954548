"""Who is on call, now or at any time? Everything configured, and what people changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tocsin.kit.document import nearest
from tocsin.kit.fault import NotFound
from tocsin.model.people import Person, Shift, Team
from tocsin.oncall.override import Override
from tocsin.oncall.schedule import OVERRIDE, Gap, Schedule, gaps_of
from tocsin.oncall.stretch import NOBODY, Stretch, over

_EMPTY: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class Roster:
    """All people, teams and schedules at one moment; it does not change.

    `rank` is 0 for who is first on call, 1 for who is second: by the layers with `rank: secondary`,
    or without such, whoever follows in the rotation.
    """

    people: Mapping[str, Person] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    default_schedule: str = ""
    """The one that is meant where none is named; empty when there is no schedule."""
    overrides: tuple[Override, ...] = ()
    _lying: Mapping[tuple[str, int], Sequence[Stretch]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(
        cls,
        people: Mapping[str, Person],
        teams: Mapping[str, Team],
        schedules: Mapping[str, Schedule],
        default_schedule: str,
        overrides: Iterable[Override] = (),
    ) -> Roster:
        """Of overrides that lie over each other the one that was made last counts; those that name
        a person or a schedule that the configuration no longer has do not count."""
        used = tuple(
            sorted(
                (one for one in overrides if one.person in people and one.schedule in schedules),
                key=lambda one: (one.made_ms, one.id),
            )
        )
        lying: dict[tuple[str, int], Sequence[Stretch]] = {}
        for one in used:
            key = one.schedule, one.rank
            stretch = Stretch(
                one.starts_ms, one.ends_ms, one.person, OVERRIDE, one.made_ms, note=one.reason
            )
            lying[key] = over(lying.get(key, _EMPTY), [stretch])
        return cls(people, teams, schedules, default_schedule, used, lying)

    def with_overrides(self, overrides: Iterable[Override]) -> Roster:
        """The same with other overrides."""
        return Roster.of(self.people, self.teams, self.schedules, self.default_schedule, overrides)

    def schedule(self, name: str) -> Schedule:
        """The default one when the name is empty. Raises NotFound with those there are."""
        found = self.schedules.get(name or self.default_schedule)
        if found is None:
            near = nearest(name, self.schedules)
            hint = f'did you mean "{near}"? ' if near else ""
            known = ", ".join(sorted(self.schedules)) or "none"
            raise NotFound(f"there is no schedule {name!r}; {hint}known: {known}")
        return found

    def on_call(self, schedule: str, at_ms: int, *, rank: int = 0) -> str | None:
        """The person's name; None when nobody is. Raises NotFound for an unknown schedule."""
        found = self._stretches(self.schedule(schedule), at_ms, at_ms + 1, rank)
        return (found[0].person or None) if found else None

    def shifts(self, schedule: str, from_ms: int, to_ms: int, *, rank: int = 0) -> list[Shift]:
        """Who is on call in that range, in order; each shift at its full length, also beyond the
        range. Raises NotFound for an unknown schedule."""
        chosen = self.schedule(schedule)
        return [
            Shift(
                schedule=chosen.name,
                layer=one.source,
                person=one.person,
                starts_ms=one.starts_ms,
                ends_ms=one.ends_ms,
            )
            for one in self._whole(chosen, from_ms, to_ms, rank)
            if one.person != NOBODY
        ]

    def shift_at(self, schedule: str, at_ms: int, *, rank: int = 0) -> Shift | None:
        """The shift of who is on call then; None when nobody is."""
        found = self.shifts(schedule, at_ms, at_ms + 1, rank=rank)
        return found[0] if found else None

    def gaps(self, schedule: str, from_ms: int, to_ms: int) -> list[Gap]:
        """When nobody is first on call in that range, in order. Raises NotFound."""
        chosen = self.schedule(schedule)
        return gaps_of(chosen.name, self._stretches(chosen, from_ms, to_ms, 0), from_ms, to_ms)

    def schedules_of(self, person: str) -> list[str]:
        """The schedules that may put somebody on call."""
        overridden = {one.schedule for one in self.overrides if one.person == person}
        return [
            name
            for name, one in self.schedules.items()
            if person in one.people or name in overridden
        ]

    def _whole(self, chosen: Schedule, from_ms: int, to_ms: int, rank: int) -> list[Stretch]:
        margin = chosen.margin_ms
        found = self._stretches(chosen, from_ms - margin, to_ms + margin, rank)
        return [one for one in found if one.starts_ms < to_ms and one.ends_ms > from_ms]

    def _stretches(self, chosen: Schedule, from_ms: int, to_ms: int, rank: int) -> list[Stretch]:
        first = self._lying.get((chosen.name, 0), _EMPTY)
        if rank == 0:
            found = chosen.first(from_ms, to_ms, first)
        else:
            second = self._lying.get((chosen.name, rank), _EMPTY)
            found = chosen.second(from_ms, to_ms, first, second, rank)
        return [one for one in found if one.starts_ms < to_ms and one.ends_ms > from_ms]


NO_ROSTER = Roster()
"""Without a configuration: nobody, nothing."""
