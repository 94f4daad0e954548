"""Many spans as columns: what a request of a thousand is while it is taken in.

A thousand objects, each with a map of its own, take longer to make, to look at and to forget than
to send. So each step looks at a column; who wants one span asks for it and gets an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Any, overload

from tocsin.model.spans import Span, SpanEvent, SpanLink

Texts = tuple[str, ...]

_KINDS, _MOST_NAMES = 1_024, 64
"""So many sets of at most so many names are remembered."""


@dataclass(slots=True, eq=False, kw_only=True)
class SpanTable(Sequence[Span]):
    """Row `i` of each column is what `Span` says of the same name; nobody changes a column in
    place once the table is made.

    Attributes are two columns: the names of each span's, which spans of one kind share, and all
    values of all spans one after the other. Spans of one resource share its map.
    """

    ts_ns: list[int] = field(default_factory=list)
    duration_ns: list[int] = field(default_factory=list)
    trace_id: list[str] = field(default_factory=list)
    span_id: list[str] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    parent_id: list[str] = field(default_factory=list)
    service: list[str] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    host: list[str] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    status_message: list[str] = field(default_factory=list)
    scope: list[str] = field(default_factory=list)
    trace_state: list[str] = field(default_factory=list)
    user_id: list[str] = field(default_factory=list)
    weight: list[int] = field(default_factory=list)
    names: list[Texts] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    resource: list[dict[str, str]] = field(default_factory=list)
    events: list[tuple[SpanEvent, ...]] = field(default_factory=list)
    links: list[tuple[SpanLink, ...]] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ts_ns)

    @overload
    def __getitem__(self, place: int) -> Span: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Span]: ...
    def __getitem__(self, place: int | slice) -> Span | Sequence[Span]:
        """A span of its own: changing it changes nothing here."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        alike = {name: read(self)[place] for name, read in _ALIKE.items()}
        return Span(**alike, attributes=self.attributes(place))

    def attributes(self, place: int) -> dict[str, str]:
        """The attributes of one span."""
        start, names = self.starts()[place], self.names[place]
        return dict(zip(names, self.values[start : start + len(names)], strict=True))

    def first(self, place: int, wanted: Texts) -> str:
        """The value of the first of the wanted attributes of a span that has one, else nothing."""
        for at in places(self.names[place], wanted):
            value = self.values[self.starts()[place] + at]
            if value:
                return value
        return ""

    def starts(self) -> list[int]:
        """Where each span's values begin."""
        if len(self._starts) < len(self.names):
            self._starts = list(accumulate(map(len, self.names), initial=0))
        return self._starts


def places(names: Texts, wanted: Texts) -> tuple[int, ...]:
    """Where those of the wanted names that are there stand, in the order in which they are
    wanted."""
    return _known_places(names, wanted) if len(names) <= _MOST_NAMES else _places(names, wanted)


def _places(names: Texts, wanted: Texts) -> tuple[int, ...]:
    return tuple(names.index(name) for name in wanted if name in names)


_known_places = lru_cache(maxsize=_KINDS)(_places)

_ALIKE = {
    one.name: attrgetter(one.name)
    for one in fields(SpanTable)
    if one.name not in ("names", "values", "_starts")
}
"""Columns that have the name of a span's field."""


def table_of(spans: Iterable[Span]) -> SpanTable:
    """The spans as a table; a table is one already."""
    if isinstance(spans, SpanTable):
        return spans
    given = list(spans)
    columns: dict[str, list[Any]] = {name: list(map(read, given)) for name, read in _ALIKE.items()}
    return SpanTable(
        **columns,
        names=[tuple(one.attributes) for one in given],
        values=[value for one in given for value in one.attributes.values()],
    )
