"""`opsgenie_configs`: alerts of Opsgenie, and of Jira Service Management, which has its API.

https://prometheus.io/docs/alerting/latest/configuration/#opsgenie_config
https://docs.opsgenie.com/docs/alert-api
"""

from __future__ import annotations

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one
from tocsin.notify.http_sender import Filling, HttpConfig, Wanted, given, http_kind, json_request
from tocsin.notify.pagerduty import dedup_key
from tocsin.notify.wire import Request, truncated

_LONGEST_MESSAGE = 130
_LONGEST_DESCRIPTION = 15_000
_TYPES = ("team", "teams", "user", "escalation", "schedule")

_KEY = Wanted("api_key", "opsgenie_api_key")


class OpsgenieResponder(msgspec.Struct, frozen=True, kw_only=True):
    """Who is woken, or may see the alert; the type `teams` names several, commas between them."""

    id: str = ""
    name: str = ""
    username: str = ""
    type: str = ""

    def __post_init__(self) -> None:
        if not (self.id or self.name or self.username):
            raise Rejected("one of id, name and username must be given")
        if "{{" not in self.type and self.type.lower() not in _TYPES:
            raise Rejected(f"type: expected one of {', '.join(_TYPES)}, got {self.type!r}")


class OpsgenieConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `opsgenie_configs`."""

    api_key: Secret | None = None
    api_key_file: str = ""
    api_url: str = ""
    message: str = '{{ template "opsgenie.default.message" . }}'
    description: str = '{{ template "opsgenie.default.description" . }}'
    source: str = '{{ template "opsgenie.default.source" . }}'
    details: dict[str, str] = msgspec.field(default_factory=dict)
    entity: str = ""
    responders: tuple[OpsgenieResponder, ...] = ()
    visible_to: tuple[OpsgenieResponder, ...] = ()
    actions: str = ""
    tags: str = ""
    note: str = ""
    priority: str = ""
    update_alerts: bool = False

    def __post_init__(self) -> None:
        at_most_one(self, "api_key", "api_key_file")


def _requests(config: OpsgenieConfig, fill: Filling) -> list[Request]:
    shared = fill.making.shared
    base = (config.api_url or shared.opsgenie_api_url).removesuffix("/") + "/v2/alerts"
    alias = dedup_key(fill.notice)
    key = fill.wanted(_KEY, config)
    headers = {"Authorization": f"GenieKey {fill(key)}"}
    if not fill.is_firing:
        url = f"{base}/{alias}/close?identifierType=alias"
        return [json_request(url, {"source": fill(config.source)}, **headers)]
    alert = _alert(config, fill, alias)
    requests = [json_request(base, alert, **headers)]
    if config.update_alerts:
        for name in ("message", "description"):
            url = f"{base}/{alias}/{name}?identifierType=alias"
            update = json_request(url, given({name: alert.get(name)}), **headers)
            requests.append(Request(url, update.body, update.headers, "PUT"))
    return requests


def _alert(config: OpsgenieConfig, fill: Filling, alias: str) -> dict[str, object]:
    filled = {name: fill(source) for name, source in config.details.items()}
    details = {**fill.data.CommonLabels, **filled}
    always = {
        "alias": alias,
        "message": truncated(fill(config.message), _LONGEST_MESSAGE),
        "description": truncated(fill(config.description), _LONGEST_DESCRIPTION),
        "details": dict(sorted(details.items())),
        "source": fill(config.source),
    }
    if not always["description"]:
        del always["description"]
    others = {
        "responders": _people(config.responders, fill),
        "visibleTo": _people(config.visible_to, fill),
        "tags": _words(fill(config.tags)),
        "note": fill(config.note),
        "priority": fill(config.priority),
        "entity": fill(config.entity),
        "actions": _words(fill(config.actions)),
    }
    return {**always, **given(others)}


def _people(people: tuple[OpsgenieResponder, ...], fill: Filling) -> list[dict[str, str]]:
    """Those that are left once labels have filled the templates."""
    found: list[dict[str, str]] = []
    for person in people:
        filled = fill.each(person)
        kind = filled.get("type", "").lower()
        if kind == "teams":
            names = _words(filled.get("name", ""))
            found += [{"name": name, "type": "team"} for name in names]
        elif filled:
            found.append({**filled, "type": kind})
    return found


def _words(text: str) -> list[str]:
    return [word for word in text.strip().split(",") if word]


KIND = http_kind("opsgenie", OpsgenieConfig, _requests, wants=(_KEY,))
