"""Who can be named in incidents? Who can be on call, and who can log in."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.incident.names import Known
from tocsin.kit.clock import Clock
from tocsin.oncall.roster import Roster
from tocsin.state.database import Database
from tocsin.state.users import Users


class KnownPeople:
    """Everybody by name."""

    def __init__(self, database: Database, roster: Callable[[], Roster], clock: Clock) -> None:
        self._users = Users(database, clock)
        self._roster = roster

    async def all(self) -> Known:
        """Each with the full name and the addresses. Raises Temporary."""
        found = {
            one.name: (one.email,) if one.email else ()
            for one in await self._users.all()
            if one.disabled_at is None
        }
        for name, person in self._roster().people.items():
            others = (person.full_name, person.email)
            found[name] = (*found.get(name, ()), *(one for one in others if one))
        return found
