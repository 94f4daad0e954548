"""Which browsers may ring, and for whom? Kept until the push service says that one is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.oncall.webpush.encoding import raw
from tocsin.oncall.webpush.encryption import AUTH_BYTES, public_key
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ONCALL_NOTES

_LONGEST_ENDPOINT = 2000
_LONGEST_NAME = 100
_MOST_OF_ONE = 20


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One browser of one person, as its subscription names it (Push API, PushSubscription)."""

    person: str
    endpoint: str
    p256dh: str
    auth: str
    name: str = ""
    made_ms: int = 0
    rung_ms: int = 0
    """When a page was last taken by its push service; 0: never."""
    error: str = ""
    """What went wrong last; empty when nothing did."""

    @property
    def id(self) -> str:
        """Names it without its address, which is a secret."""
        return hashlib.sha256(self.endpoint.encode()).hexdigest()[:20]

    @property
    def host(self) -> str:
        """Whose push service it is."""
        return urlsplit(self.endpoint).hostname or ""


def checked(device: Device, *, allow_http: bool) -> Device:
    """The device; raises Rejected for keys or an address that are none. `allow_http` is for push
    services of one's own on this machine."""
    url = urlsplit(device.endpoint)
    schemes = ("https", "http") if allow_http else ("https",)
    if len(device.endpoint) > _LONGEST_ENDPOINT or url.scheme not in schemes or not url.hostname:
        raise Rejected("the endpoint of a push subscription must be an https:// address")
    if url.username or url.password:
        raise Rejected("the endpoint of a push subscription has no user in it")
    public_key(raw(device.p256dh, "p256dh"))
    if len(raw(device.auth, "auth")) != AUTH_BYTES:
        raise Rejected(f"auth must have {AUTH_BYTES} bytes")
    name = " ".join(device.name.split())[:_LONGEST_NAME] or "A browser"
    return msgspec.structs.replace(device, name=name)


class Devices:
    """Every browser that may ring. All raise Temporary when the database does not answer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._shelf = Shelf(database, ONCALL_NOTES, kind="device")
        self._clock = clock

    async def all(self) -> list[Device]:
        """The oldest first."""
        found = [msgspec.json.decode(one.content, type=Device) for one in await self._shelf.all()]
        return sorted(found, key=lambda one: (one.made_ms, one.id))

    async def of(self, person: str) -> list[Device]:
        """A person's."""
        return [one for one in await self.all() if one.person == person]

    async def get(self, person: str, device_id: str) -> Device:
        """Raises NotFound, also for somebody else's."""
        for one in await self.of(person):
            if one.id == device_id:
                return one
        raise NotFound(f"{person} has no such device (any more)")

    async def add(self, device: Device) -> Device:
        """Let it ring, for this person alone from now on. Raises Rejected beyond 20 of one."""
        others = [one for one in await self.of(device.person) if one.id != device.id]
        if len(others) >= _MOST_OF_ONE:
            raise Rejected(f"at most {_MOST_OF_ONE} devices ring for one person; remove one")
        kept = msgspec.structs.replace(device, made_ms=device.made_ms or self._clock.now_ms())
        await self._save((kept,))
        return kept

    async def rang(self, device: Device, error: str = "") -> None:
        """It rang, or why it did not."""
        now = self._clock.now_ms()
        rung = device.rung_ms if error else now
        await self._save((msgspec.structs.replace(device, rung_ms=rung, error=error),))

    async def remove(self, device: Device) -> None:
        """It rings no more."""
        await self._shelf.forget((device.id,))

    async def _save(self, devices: Iterable[Device]) -> None:
        now = self._clock.now_ms()
        await self._shelf.save(
            {one.id: Kept(content=msgspec.json.encode(one), updated_at=now) for one in devices}
        )
