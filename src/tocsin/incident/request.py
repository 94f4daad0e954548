"""What do people and programs ask for when they change an incident, and who are they?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.model.incidents import Entry, Incident, Link
from tocsin.state.incidents import Stale

TOCSIN = "tocsin"
"""The author of what happens by itself."""


class Author(msgspec.Struct, frozen=True):
    """Who changes it, and through what: ("ana", "page"), ("tocsin", "alerts")."""

    name: str
    source: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An incident to be opened; `started_ms` 0 means now. What the incident's fields say."""

    severity: str
    title: str
    description: str = ""
    services: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    assignee: str = ""
    roles: Mapping[str, str] = {}
    join_key: str = ""
    started_ms: int = 0
    is_public: bool = False
    is_drill: bool = False
    taken: Author | None = None
    """Who has taken it on before it is opened."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be different; None leaves it as it is."""

    title: str | None = None
    description: str | None = None
    services: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    cause: str | None = None
    root_cause: str | None = None
    resolution: str | None = None
    measures: tuple[str, ...] | None = None
    started_ms: int | None = None
    is_public: bool | None = None

    @property
    def fields(self) -> dict[str, object]:
        """Those that are given, by name."""
        names = self.__struct_fields__
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended; what is empty stays as the incident has it."""

    resolution: str = ""
    root_cause: str = ""
    cause: str = ""
    measures: tuple[str, ...] = ()


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that fire, as links of an incident; `severity` is the worst of theirs. `is_quiet`: the
    timeline does not tell of it, because they flap. `insists`: their severity counts anew although
    they were known. `taken`: who took the worst of them on before."""

    links: tuple[Link, ...]
    severity: str = ""
    services: tuple[str, ...] = ()
    is_quiet: bool = False
    insists: bool = False
    taken: Author | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an incident; `before` is None for a new one. Both are equal when only its
    timeline grew. `entries` have no ids."""

    before: Incident | None
    after: Incident
    entries: Sequence[Entry]


class Conflict(Stale):
    """Somebody changed the same meanwhile: `entries` tell who and what."""

    def __init__(self, now: Incident, entries: Sequence[Entry]) -> None:
        super().__init__(now)
        said = "; ".join(f"{one.author} ({one.source}): {one.text}" for one in entries[-5:])
        if said:
            self.args = (f"{self.args[0]}. Meanwhile: {said}",)
        self.entries = entries
