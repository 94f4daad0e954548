"""Who can be reached how, at this moment? The roster's people with what they set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tocsin.model.people import Person
from tocsin.oncall.paging.contacts import Contacts, reachable
from tocsin.oncall.roster import Roster
from tocsin.oncall.webpush.device import Devices


class AddressBook:
    """Implements `paging.caller.Directory`."""

    def __init__(self, roster: Callable[[], Roster], contacts: Contacts, devices: Devices) -> None:
        self._roster = roster
        self._contacts = contacts
        self._devices = devices

    async def people(self) -> Mapping[str, Person]:
        """Everybody of the roster. Raises Temporary."""
        set_by = await self._contacts.all()
        ring = {one.person for one in await self._devices.all()}
        return {
            name: reachable(person, set_by.get(name), has_device=name in ring)
            for name, person in self._roster().people.items()
        }

    async def person(self, name: str) -> Person:
        """One, also somebody with a login who is not on the roster. Raises Temporary."""
        known = (await self.people()).get(name)
        if known is not None:
            return known
        has_device = bool(await self._devices.of(name))
        return reachable(Person(name=name), await self._contacts.of(name), has_device=has_device)

    def is_callable(self, name: str) -> bool:
        """Whether the configuration lets anybody be paged by that name."""
        return name in self._roster().people
