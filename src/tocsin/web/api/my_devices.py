"""A person's browsers that ring: `/api/me/devices`, and what browsers need to subscribe."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import NotFound
from tocsin.oncall.webpush.device import Device, checked
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.incident_json import as_json, body_of
from tocsin.web.me import myself
from tocsin.web.pager import pager
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses


class PushKey(msgspec.Struct, frozen=True):
    """The `applicationServerKey` of subscriptions."""

    key: str


class KeysGiven(msgspec.Struct, frozen=True):
    """As a browser's `PushSubscription.toJSON()` has them."""

    p256dh: str
    auth: str


class SubscriptionGiven(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's `PushSubscription.toJSON()`, and what the person calls the browser."""

    endpoint: str
    keys: KeysGiven
    name: str = ""
    person: str = ""
    """Counts only while login is off."""


class Renewal(msgspec.Struct, frozen=True):
    """The subscription that takes the place of the one with the endpoint `old`."""

    old: str
    subscription: SubscriptionGiven


class DeviceShown(msgspec.Struct, frozen=True, kw_only=True):
    """A browser, without its secret address."""

    id: str
    name: str
    host: str
    since: str
    rang: str
    error: str


def shown_device(one: Device) -> DeviceShown:
    """As the API tells it; `rang` is empty when it never did."""
    return DeviceShown(
        id=one.id,
        name=one.name,
        host=one.host,
        since=iso(one.made_ms),
        rang=iso(one.rung_ms) if one.rung_ms else "",
        error=one.error,
    )


async def _key(request: Request) -> Response:
    """What browsers need to subscribe."""
    return as_json(PushKey(pager(request).push_key()))


async def _list(request: Request) -> Response:
    """Your browsers that ring."""
    devices = await pager(request).devices.of(myself(request))
    return as_json([shown_device(one) for one in devices])


async def _add(request: Request) -> Response:
    """Let a browser ring for you."""
    given = await body_of(request, SubscriptionGiven)
    kept = await pager(request).devices.add(_device(request, given, myself(request, given.person)))
    await _recorded(request, "device_added", kept)
    return as_json(shown_device(kept), 201)


async def _remove(request: Request) -> Response:
    """It rings no more."""
    found = await _mine(request)
    await pager(request).devices.remove(found)
    await _recorded(request, "device_removed", found)
    return Response(status_code=204)


async def _test(request: Request) -> Response:
    """Have it ring now. An answer says that its push service took the message."""
    found = await _mine(request)
    await pager(request).ring(found, found.person)
    return as_json(shown_device(await pager(request).devices.get(found.person, found.id)))


async def _renew(request: Request) -> Response:
    """A browser has renewed its subscription by itself. Whoever knows the old endpoint may say
    so: nobody else was ever told it."""
    door = pager(request)
    door.attempts.count(f"renew {request.client.host if request.client else ''}")
    given = await body_of(request, Renewal)
    for one in await door.devices.all():
        if one.endpoint == given.old:
            fresh = _device(request, given.subscription, one.person)
            await door.devices.remove(one)
            await door.devices.add(msgspec.structs.replace(fresh, name=one.name))
            return Response(status_code=204)
    raise NotFound("no device has that endpoint")


def _device(request: Request, given: SubscriptionGiven, person: str) -> Device:
    made = Device(
        person=person,
        endpoint=given.endpoint,
        p256dh=given.keys.p256dh,
        auth=given.keys.auth,
        name=given.name,
    )
    return checked(made, allow_http=pager(request).allow_private())


async def _mine(request: Request) -> Device:
    return await pager(request).devices.get(myself(request), str(request.path_params["id"]))


async def _recorded(request: Request, what: str, device: Device) -> None:
    ip = request.client.host if request.client else ""
    detail = {"device": device.name, "push_service": device.host}
    await people(request).audit.record(device.person, what, device.id, detail=detail, ip=ip)


_ONE = "/api/me/devices/{id}"

ADDRESSES: Addresses = (
    Address("/api/push/key", _key, Access.READ, answer=PushKey),
    Address("/api/push/renew", _renew, Access.PUBLIC, ("POST",), Renewal),
    Address("/api/me/devices", _list, Access.READ, answer=list[DeviceShown]),
    Address("/api/me/devices", _add, Access.READ, ("POST",), SubscriptionGiven, DeviceShown),
    Address(_ONE, _remove, Access.READ, ("DELETE",)),
    Address(f"{_ONE}/test", _test, Access.READ, ("POST",), None, DeviceShown),
)
