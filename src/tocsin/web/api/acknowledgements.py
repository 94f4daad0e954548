"""Who has taken on which alert: `/api/acknowledgements`, and one alert's own address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.acknowledge import SOURCES, Acknowledgement
from tocsin.alert.routing.matchers import matches_all, parse_matchers
from tocsin.kit.fault import NotFound, Rejected
from tocsin.kit.quantity import Duration
from tocsin.model.alerts import Alert
from tocsin.model.labels import Matcher
from tocsin.web.api.alertmanager_json import iso, moment_ms
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services

T = TypeVar("T")

_FINGERPRINT = re.compile(r"[0-9a-f]{16}", re.ASCII)
_MOST_AT_ONCE = 10_000
_SOURCES = tuple(one for one in SOURCES if one in ("api", "cli"))


class AckBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long an alert is taken on: `until` is a time (RFC 3339) or a length from now (`2h`);
    without one, until it resolves."""

    note: str = ""
    until: str = ""
    source: str = "api"


class AckManyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As AckBody, for every firing alert that satisfies all `matchers`, each in Alertmanager's
    notation; an alert's fingerprint is named by `fingerprints`."""

    matchers: list[str] = []
    fingerprints: list[str] = []
    note: str = ""
    until: str = ""
    source: str = "api"


class AckShown(msgspec.Struct, frozen=True, kw_only=True):
    """An acknowledgement; `until` is empty when it ends as the alert does."""

    fingerprint: str
    labels: dict[str, str]
    by: str
    at: str
    note: str
    until: str
    source: str


class AckMade(msgspec.Struct, frozen=True):
    """What was taken on."""

    acknowledged: list[AckShown]


class AckCleared(msgspec.Struct, frozen=True):
    """What was given back."""

    cleared: list[str]


def shown_ack(one: Acknowledgement) -> AckShown:
    """As the API tells it."""
    return AckShown(
        fingerprint=one.fingerprint,
        labels=dict(one.labels),
        by=one.by,
        at=iso(one.at_ms),
        note=one.note,
        until=iso(one.until_ms) if one.until_ms else "",
        source=one.source,
    )


def until_ms(text: str, now_ms: int) -> int:
    """The end of an acknowledgement: 0 for none; raises Rejected when it is neither a time nor a
    length."""
    text = text.strip()
    if not text:
        return 0
    if text[:4].isdigit() and "-" in text:
        return moment_ms(text, "until")
    try:
        return now_ms + Duration.from_config(text).ms
    except Rejected as error:
        raise Rejected(
            f"until must be a length such as 2h or a time such as 2026-05-01T12:00:00Z, "
            f"got {text[:40]!r}"
        ) from error


async def acknowledge(
    request: Request, alerts: Sequence[Alert], *, note: str, until: str, source: str
) -> list[Acknowledgement]:
    """Take these alerts on in the name of whoever asks, and write it into the audit trail."""
    used, who = services(request), identity(request)
    now = used.clock.now_ms()
    ends = until_ms(until, now)
    made = [
        Acknowledgement(
            fingerprint=alert.fingerprint,
            labels=alert.labels,
            by=who.name,
            at_ms=now,
            note=note,
            until_ms=ends,
            source=source,
        )
        for alert in alerts
    ]
    await used.acknowledgements.put_all(made)
    detail = {"note": note[:500], "until": iso(ends) if ends else "it resolves", "via": source}
    if len(made) > 1:
        detail["alerts"] = ", ".join(one.fingerprint for one in made[:20])
    target = made[0].fingerprint if len(made) == 1 else f"{len(made)} alerts"
    await _record(request, "alert_acknowledged", target, detail)
    return made


def firing(request: Request) -> dict[str, Alert]:
    """Every alert that is not over, by fingerprint."""
    return {one.alert.fingerprint: one.alert for one in services(request).alerts.states()}


async def give_back(request: Request, fingerprints: Sequence[str], source: str) -> None:
    """Clear acknowledgements in the name of whoever asks; raises NotFound at the first that is
    none."""
    who = identity(request).name
    for one in fingerprints:
        await services(request).acknowledgements.clear(one, who, source)
    target = fingerprints[0] if len(fingerprints) == 1 else f"{len(fingerprints)} alerts"
    await _record(request, "acknowledgement_cleared", target, {"via": source})


async def _list(request: Request) -> Response:
    """Every acknowledgement that counts, the youngest first."""
    used = services(request)
    return _json([shown_ack(one) for one in used.acknowledgements.all(used.clock.now_ms())])


async def _put(request: Request) -> Response:
    """Take one alert on: nobody is told of it again while it fires."""
    body, alert = await _body(request, AckBody), firing(request).get(_fingerprint(request))
    if alert is None:
        raise NotFound(f"no alert {_fingerprint(request)} is firing; see /api/v2/alerts")
    made = await acknowledge(
        request, [alert], note=body.note, until=body.until, source=_source(body.source)
    )
    return _json(shown_ack(made[0]))


async def _put_many(request: Request) -> Response:
    """Take on every firing alert that the matchers or fingerprints name."""
    body = await _body(request, AckManyBody)
    alerts = _chosen(request, body)
    made = await acknowledge(
        request, alerts, note=body.note, until=body.until, source=_source(body.source)
    )
    return _json(AckMade([shown_ack(one) for one in made]))


async def _delete(request: Request) -> Response:
    """Give one alert back: it is told again."""
    await give_back(request, [_fingerprint(request)], "api")
    return _json(AckCleared([_fingerprint(request)]))


async def _delete_many(request: Request) -> Response:
    """Give back every acknowledged alert that the matchers or fingerprints name."""
    body, used = await _body(request, AckManyBody), services(request)
    conditions = _conditions(body)
    found = [
        one.fingerprint
        for one in used.acknowledgements.all(used.clock.now_ms())
        if one.fingerprint in body.fingerprints
        or (conditions and matches_all(conditions, one.labels))
    ]
    if not found:
        raise NotFound("nobody has acknowledged such an alert")
    await give_back(request, found, _source(body.source))
    return _json(AckCleared(found))


def _chosen(request: Request, body: AckManyBody) -> list[Alert]:
    conditions, known = _conditions(body), firing(request)
    found = [
        alert
        for name, alert in known.items()
        if name in body.fingerprints or (conditions and matches_all(conditions, alert.labels))
    ]
    if not found:
        raise NotFound("no such alert is firing; see /api/v2/alerts")
    if len(found) > _MOST_AT_ONCE:
        raise Rejected(f"{len(found)} alerts at once are too many; a silence holds them all back")
    return found


def _conditions(body: AckManyBody) -> list[Matcher]:
    if not body.matchers and not body.fingerprints:
        raise Rejected('name the alerts: matchers (service="api") or fingerprints')
    return [matcher for text in body.matchers for matcher in parse_matchers(text)]


def _fingerprint(request: Request) -> str:
    text = str(request.path_params["fingerprint"])
    if not _FINGERPRINT.fullmatch(text):
        raise Rejected(f"{text[:40]!r} is no fingerprint: 16 hex digits, as /api/v2/alerts shows")
    return text


def _source(text: str) -> str:
    if text not in _SOURCES:
        raise Rejected(f"source is one of {', '.join(_SOURCES)}")
    return text


async def _body(request: Request, kind: type[T]) -> T:
    await keep_body(request)
    body = await request.body() or b"{}"
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error


async def _record(request: Request, what: str, target: str, detail: dict[str, str]) -> None:
    ip = request.client.host if request.client else ""
    await people(request).audit.record(identity(request).name, what, target, detail=detail, ip=ip)


def _json(value: object) -> Response:
    body = msgspec.json.encode(value)
    return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/json")


_ONE = "/api/alerts/{fingerprint}/acknowledge"
_MANY = "/api/acknowledgements"

ADDRESSES: Addresses = (
    Address(_MANY, _list, Access.READ, answer=list[AckShown]),
    Address(_MANY, _put_many, Access.RESPOND, ("POST",), AckManyBody, AckMade),
    Address(_MANY, _delete_many, Access.RESPOND, ("DELETE",), AckManyBody, AckCleared),
    Address(_ONE, _put, Access.RESPOND, ("POST",), AckBody, AckShown),
    Address(_ONE, _delete, Access.RESPOND, ("DELETE",), None, AckCleared),
)
