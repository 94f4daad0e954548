"""What does one schedule of the configuration come to?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from tocsin.alert.attention.recurrence import zone
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.model.people import Person
from tocsin.oncall.calendar_file import CalendarFiles
from tocsin.oncall.config import HolidayEntry, HolidaysEntry, LayerEntry, ScheduleEntry
from tocsin.oncall.holiday import SOURCE as HOLIDAY
from tocsin.oncall.holiday import Holiday
from tocsin.oncall.layer import Layer
from tocsin.oncall.layer_reading import LayerReader, holiday_times
from tocsin.oncall.mistakes import Mistakes
from tocsin.oncall.schedule import IMPORT, OVERRIDE, Schedule
from tocsin.oncall.stretch import NOBODY
from tocsin.oncall.wall_clock import DAY_MS

if TYPE_CHECKING:
    from tocsin.oncall.imported import ImportedCalendar

T = TypeVar("T")

UNCOVERED = "uncovered"
_RESERVED = (IMPORT, HOLIDAY, OVERRIDE)
_HORIZON_MS = 182 * DAY_MS
_YEARS_MS = (1_577_836_800_000, 2_524_608_000_000)
"""From 2020 until 2050: holidays that overlap do so there."""
_LOOK_MS = 15 * DAY_MS
"""Restrictions come again every week: whatever a layer leaves to others shows within two."""


class ScheduleReader:
    """One schedule as it stands; what is wrong with it goes to `mistakes`."""

    def __init__(
        self,
        name: str,
        part: Document,
        entry: ScheduleEntry,
        people: Mapping[str, Person],
        mistakes: Mistakes,
    ) -> None:
        self._name = name
        self._part = part
        self._entry = entry
        self._people = people
        self._mistakes = mistakes
        self._zone = self._checked_zone()

    def schedule(self, calendars: CalendarFiles, now_ms: int) -> Schedule:
        """The schedule."""
        entry = self._entry
        layers, positions = self._layers()
        imported = self._imported(calendars, now_ms) if entry.imports else None
        if not layers and not entry.imports and entry.layers is None:
            problem = "the schedule puts nobody on call: give it layers, or a calendar to import"
            self._mistakes.add(self._part, problem)
        holidays = self._holidays(entry.holidays, calendars) if entry.holidays else ()
        made = Schedule(
            name=self._name,
            zone=self._zone,
            layers=layers,
            holidays=holidays,
            imported=imported.between if imported else None,
            description=entry.description,
            allow_gaps=entry.allow_gaps,
            people=frozenset(
                (
                    *(person for layer in layers for person in layer.rotation.people),
                    *(one.stand_in for one in holidays if one.stand_in != NOBODY),
                    *(imported.people if imported else ()),
                )
            ),
        )
        self._refuse_hidden(made, positions)
        return made

    def _checked_zone(self) -> str:
        try:
            zone(self._entry.timezone)
        except Rejected as error:
            self._mistakes.add(self._part, str(error), "timezone")
            return "UTC"
        return self._entry.timezone

    def _layers(self) -> tuple[tuple[Layer, ...], list[Document]]:
        """Each that can be read, and where it stands."""
        found: list[Layer] = []
        parts: list[Document] = []
        document, mistakes = self._entry.layers, self._mistakes
        if document is not None and not document.data:
            mistakes.add(document, "the list of layers is empty; give it a layer")
        for number, (name, part, entry) in enumerate(
            mistakes.entries(document, LayerEntry, "layer"), start=1
        ):
            if name in _RESERVED:
                mistakes.add(part, f"a layer cannot be called {name!r}; choose another name")
            reader = LayerReader(part, entry, self._zone, self._people, mistakes)
            layer = reader.layer(name or f"layer {number}")
            if layer is not None:
                found.append(layer)
                parts.append(part)
        return tuple(found), parts

    def _refuse_hidden(self, made: Schedule, parts: list[Document]) -> None:
        """A layer over which others always lie is never on call: nobody can mean that."""
        edges = [edge for layer in made.layers for edge in (layer.starts_ms, layer.ends_ms)]
        for position, layer in enumerate(made.layers):
            looks = {edge for edge in edges if layer.starts_ms <= edge < layer.ends_ms}
            shown = [
                one.layer == position
                for look in looks
                for one in made.layered(look, min(look + _LOOK_MS, layer.ends_ms), layer.rank)
            ]
            if any(shown):
                continue
            later = [one.name for one in made.layers[position + 1 :] if one.rank == layer.rank]
            if not later:
                problem = f"{layer.name!r} never counts: its hours do not come before its end"
                self._mistakes.add(parts[position], problem)
                continue
            self._mistakes.add(
                parts[position],
                f"{layer.name!r} overlaps with {', '.join(later)} at all times and would never "
                "count; remove one, restrict it to some hours, or make it rank: secondary",
            )

    def _imported(self, calendars: CalendarFiles, now_ms: int) -> ImportedCalendar | None:
        # Imported here: what reads calendars is slow to load, and few schedules need it.
        from tocsin.oncall.imported import read_people_calendar

        read = partial(read_people_calendar, people=self._people, default_zone=self._zone)

        def strict(data: bytes) -> ImportedCalendar:
            found = read(data)
            if both := found.overlap(now_ms, now_ms + _HORIZON_MS):
                raise Rejected(f"the events {both} overlap; end one earlier")
            return found

        lenient = partial(read, is_strict=False)
        return self._from_file(calendars, self._entry.imports, strict, lenient, "import")

    def _holidays(self, entry: HolidaysEntry, calendars: CalendarFiles) -> tuple[Holiday, ...]:
        self._check_stand_in(entry, self._part, "holidays")
        return (*self._filed(entry, calendars), *self._dates(entry))

    def _filed(self, entry: HolidaysEntry, calendars: CalendarFiles) -> list[Holiday]:
        if not entry.file:
            return []
        from tocsin.oncall.calendar_event import read_events  # slow to load, as above

        read = partial(read_events, default_zone=self._zone)
        events = self._from_file(calendars, entry.file, read, read, "holidays", "file")
        who, whose = _who(entry.stand_in), frozenset(entry.people)
        return [Holiday(one.name or HOLIDAY, one.between, who, whose) for one in events or ()]

    def _dates(self, entry: HolidaysEntry) -> list[Holiday]:
        found: list[Holiday] = []
        for name, part, one in self._mistakes.entries(
            entry.dates, HolidayEntry, "holiday", may_repeat=True
        ):
            self._check_stand_in(one, part)
            try:
                times = holiday_times(one.date, one.until, self._zone)
            except Rejected as error:
                self._mistakes.add(part, str(error), "date")
                continue
            stand_in = _who(one.stand_in or entry.stand_in)
            holiday = Holiday(name or one.date, times, stand_in, frozenset(one.people))
            for other in found:
                if _differ_at_once(holiday, other):
                    problem = (
                        f"it overlaps with {other.name!r}, which puts others on call; join them"
                    )
                    self._mistakes.add(part, problem, "date")
            found.append(holiday)
        return found

    def _check_stand_in(
        self, entry: HolidayEntry | HolidaysEntry, part: Document, *path: str
    ) -> None:
        people, where = self._people, "oncall.people"
        if _who(entry.stand_in) != NOBODY:
            self._mistakes.known(part, entry.stand_in, people, where, *path, "stand_in")
        for number, name in enumerate(entry.people):
            self._mistakes.known(part, name, people, where, *path, "people", number)

    def _from_file(
        self,
        calendars: CalendarFiles,
        name: str,
        strict: Callable[[bytes], T],
        lenient: Callable[[bytes], T],
        *path: str,
    ) -> T | None:
        """What a calendar comes to; None, and a mistake, when it cannot be read."""
        try:
            return calendars.read(name, strict, lenient)
        except Rejected as error:
            self._mistakes.add(self._part, str(error), *path)
            return None


def _who(stand_in: str) -> str:
    return NOBODY if stand_in == UNCOVERED else stand_in


def _differ_at_once(one: Holiday, other: Holiday) -> bool:
    """Whether they put different people on call for the same at the same time."""
    if one.stand_in == other.stand_in or (
        one.people and other.people and not one.people & other.people
    ):
        return False
    return any(other.times(starts, ends) for starts, ends in one.times(*_YEARS_MS))
