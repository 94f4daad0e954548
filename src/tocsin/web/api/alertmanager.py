"""Alertmanager's API: version 2, and version 1's list of alerts.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.alert.deciding.dispatch import AlertState, Dispatcher
from tocsin.alert.routing.group import told_order
from tocsin.alert.routing.matchers import matches_all, parse_matchers
from tocsin.kit.fault import Fault, Rejected
from tocsin.kit.regex import compile_pattern
from tocsin.model.labels import Matcher
from tocsin.model.notices import fingerprint
from tocsin.web.api.alertmanager_json import (
    PostedAlert,
    iso,
    posted_alert,
    shown_alert,
)
from tocsin.web.body import answering, read_body
from tocsin.web.routing import Access, Address, Addresses, Handler
from tocsin.web.services import services

_TRUE = ("true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled")
"""What Alertmanager's parameters take for true; all else is false there, and mostly a slip here."""
_FALSE = ("false", "0", "no", "n", "off", "f", "disabled")


def dispatcher(request: Request) -> Dispatcher:
    """Who knows all alerts."""
    return services(request).alerts


class _Choice:
    """Which alerts are asked for."""

    def __init__(self, request: Request) -> None:
        query = request.query_params
        self._request = request
        self.matchers = filters(query.getlist("filter"))
        self.active = _flag(request, "active")
        self.silenced = _flag(request, "silenced")
        self.inhibited = _flag(request, "inhibited")
        self.unprocessed = _flag(request, "unprocessed")
        pattern = query.get("receiver", "")
        self._receiver = compile_pattern(pattern) if pattern else None

    def is_receiver(self, name: str) -> bool:
        """Whether that receiver is asked for."""
        return self._receiver is None or self._receiver.fullmatch(name) is not None

    def has(self, state: AlertState) -> bool:
        """Whether the alert is asked for."""
        is_held = bool(state.silenced_by or state.inhibited_by or muted_by(self._request, state))
        return (
            (self.silenced or not state.silenced_by)
            and (self.inhibited or not state.inhibited_by)
            and (self.active or is_held)
            and matches_all(self.matchers, state.alert.labels)
        )


def filters(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """All `filter` parameters; raises Rejected in Alertmanager's words."""
    return tuple(matcher for text in texts for matcher in parse_matchers(text))


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "true").lower()
    if text not in _TRUE and text not in _FALSE:
        raise Rejected(f"{name} in query must be of type boolean, true or false: {text[:40]!r}")
    return text in _TRUE


def _json(value: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value),
        status,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


def refuse(request: Request, fault: Fault, status: int) -> Response:
    """A fault as version 2 says it: a JSON text."""
    return _json(str(fault), status)


def muted_by(request: Request, state: AlertState) -> Sequence[str]:
    """The names of the maintenance windows that hold the alert back now."""
    used = services(request)
    return used.maintenance.covering(state.alert.labels, used.clock.now_ms())


def _shown(request: Request, state: AlertState, choice: _Choice | None = None) -> dict[str, object]:
    """With a choice, only its receivers are named."""
    name = fingerprint(state.alert.labels)
    if choice is not None:
        asked = tuple(one for one in state.receivers if choice.is_receiver(one))
        state = replace(state, receivers=asked)
    return shown_alert(state, name, muted_by(request, state))


async def _status(request: Request) -> Response:
    """What runs here, as amtool asks first."""
    used = services(request)
    return _json(
        {
            "cluster": {"name": "tocsin", "peers": [], "status": "disabled"},
            "config": {"original": used.config.alertmanager_text()},
            "uptime": iso(round(used.status().started_at * 1000)),
            "versionInfo": {
                "branch": "tocsin",
                "buildDate": "",
                "buildUser": "",
                "goVersion": "",
                "revision": used.config.version,
                "version": "0.28.0",
            },
        }
    )


async def _alerts(request: Request) -> Response:
    """Every alert that is not over, by fingerprint."""
    choice = _Choice(request)
    shown = []
    for state in dispatcher(request).states():
        if not choice.has(state):
            continue
        if state.receivers and not any(choice.is_receiver(name) for name in state.receivers):
            continue
        shown.append(_shown(request, state))
    return _json(sorted(shown, key=lambda alert: str(alert["fingerprint"])))


async def _post_alerts(request: Request) -> Response:
    """Take alerts of other programs; they are kept when this is answered."""
    used = services(request)
    body = await read_body(request, used.config.ingest.body)
    try:
        posted = msgspec.json.decode(body, type=list[PostedAlert])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not a list of alerts: {error}") from error
    now = used.clock.now_ms()
    good, bad = [], []
    for number, alert in enumerate(posted):
        try:
            good.append(posted_alert(alert, now))
        except Rejected as error:
            bad.append(f"alert {number}: {error}")
    await dispatcher(request).put(good)
    if bad:
        raise Rejected("; ".join(bad[:20]))
    return Response(status_code=200)


async def _groups(request: Request) -> Response:
    """Alerts as they are told together."""
    choice, known = _Choice(request), dispatcher(request)
    now = services(request).clock.now_ms()
    shown = []
    for group in sorted(known.groups, key=lambda g: (g.labels, g.route.receiver)):
        if not choice.is_receiver(group.route.receiver):
            continue
        alerts = sorted(group.alerts.values(), key=lambda alert: told_order(alert.labels))
        states = [known.state_of(alert) for alert in alerts if not alert.is_resolved(now)]
        chosen = [_shown(request, state, choice) for state in states if choice.has(state)]
        if chosen:
            labels = dict(group.labels)
            receiver = {"name": group.route.receiver}
            shown.append({"alerts": chosen, "labels": labels, "receiver": receiver})
    return _json(shown)


async def _receivers(request: Request) -> Response:
    """Everybody who may be told."""
    plan = dispatcher(request).plan
    return _json([{"name": name} for name in (plan.receivers if plan else ())])


async def _alerts_v1(request: Request) -> Response:
    """Version 1's list: receivers are plain names."""
    choice = _Choice(request)
    shown = []
    for state in dispatcher(request).states():
        if choice.has(state):
            alert = _shown(request, state)
            alert.pop("updatedAt", None)
            shown.append({**alert, "receivers": list(state.receivers)})
    shown.sort(key=lambda alert: str(alert["fingerprint"]))
    return _json({"status": "success", "data": shown})


def _refuse_v1(request: Request, fault: Fault, status: int) -> Response:
    return _json({"status": "error", "errorType": "bad_data", "error": str(fault)}, status)


async def _well(request: Request) -> Response:
    """Alertmanager's health checks."""
    return PlainTextResponse("OK")


def both(
    path: str, handler: Handler, access: Access, method: str = "GET"
) -> tuple[Address, Address]:
    """An address of version 2 under both of its roots."""
    answered = answering(handler, refuse)
    return (
        Address(f"/alertmanager/api/v2{path}", answered, access, (method,)),
        Address(f"/api/v2{path}", answered, access, (method,)),
    )


_v1 = answering(_alerts_v1, _refuse_v1)

ADDRESSES: Addresses = (
    *both("/status", _status, Access.READ),
    *both("/receivers", _receivers, Access.READ),
    *both("/alerts", _alerts, Access.READ),
    *both("/alerts", _post_alerts, Access.INGEST, "POST"),
    *both("/alerts/groups", _groups, Access.READ),
    Address("/alertmanager/api/v1/alerts", _v1, Access.READ),
    Address("/alertmanager/-/healthy", _well, Access.PUBLIC),
    Address("/alertmanager/-/ready", _well, Access.PUBLIC),
)
