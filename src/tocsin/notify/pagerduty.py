"""`pagerduty_configs`: PagerDuty's Events API, version 2 (`routing_key`) and 1 (`service_key`).

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from __future__ import annotations

import asyncio

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret, read_secret
from tocsin.kit.yaml import decode
from tocsin.model.notices import Notice, group_id
from tocsin.notify.conversation import KeptMessage
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.template_data import Data, data_of
from tocsin.notify.wire import go_json, post_json, truncated
from tocsin.scrape.http_options import HttpOptions

_V1 = "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
_LONGEST_SUMMARY = 1024
_LARGEST_BYTES = 512_000
_DETAILS = {
    "firing": '{{ template "pagerduty.default.instances" .Alerts.Firing }}',
    "resolved": '{{ template "pagerduty.default.instances" .Alerts.Resolved }}',
    "num_firing": "{{ .Alerts.Firing | len }}",
    "num_resolved": "{{ .Alerts.Resolved | len }}",
}


class PagerDutyImage(msgspec.Struct, frozen=True, kw_only=True):
    """A picture beside the incident."""

    src: str = ""
    alt: str = ""
    href: str = ""


class PagerDutyLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link beside the incident."""

    href: str = ""
    text: str = ""


class PagerDutyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `pagerduty_configs`."""

    send_resolved: bool = True
    http_config: HttpOptions | None = None
    service_key: Secret | None = None
    service_key_file: str = ""
    routing_key: Secret | None = None
    routing_key_file: str = ""
    url: str = ""
    client: str = '{{ template "pagerduty.default.client" . }}'
    client_url: str = '{{ template "pagerduty.default.clientURL" . }}'
    description: str = '{{ template "pagerduty.default.description" .}}'
    details: dict[str, str] = {}
    images: tuple[PagerDutyImage, ...] = ()
    links: tuple[PagerDutyLink, ...] = ()
    source: str = ""
    severity: str = "error"
    component: str = ""
    group: str = ""
    # A struct's field cannot be called `class` in Python.
    kind: str = msgspec.field(default="", name="class")
    timeout: Duration = Duration(0)

    def __post_init__(self) -> None:
        keys = ("service_key", "service_key_file", "routing_key", "routing_key_file")
        if sum(bool(getattr(self, key)) for key in keys) != 1:
            raise Rejected(f"one of {', '.join(keys)} must be given")

    @property
    def is_v1(self) -> bool:
        """Whether the older API is meant."""
        return bool(self.service_key or self.service_key_file)


class PagerDuty:
    """Triggers and resolves one incident for each group."""

    def __init__(self, config: PagerDutyConfig, making: Making) -> None:
        self._config = config
        self._making = making

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        talk = self._making.conversation
        message = _kept(self._making.place, notice, keeps_notice="{{" in self._key())
        async with talk.turn(message.key):
            key = self._key()
            await self._post(await asyncio.to_thread(self.body_of, notice, key))
            if not message.firing:
                await talk.memory.forget(message.key)
                return
            before = talk.memory.get(message.key)
            if before is not None and before.continues(notice, hears_of_ends=True):
                acknowledged, opened = before.acknowledged, before.opened_ms
                message = msgspec.structs.replace(
                    message, acknowledged=acknowledged, opened_ms=opened
                )
            await talk.memory.put(message)
        await self.refresh(message)

    async def refresh(self, message: KeptMessage) -> None:
        """Acknowledge the incident once all that fires is acknowledged; raises as `send`.

        What is given back cannot be told: the Events API has no word for it.
        """
        talk = self._making.conversation
        async with talk.turn(message.key):
            current = talk.memory.get(message.key)
            if current is None:
                return
            now = talk.acknowledged(current.firing)
            is_all = len(now) == len(current.firing)
            if is_all and not current.acknowledged:
                await self._post(self.acknowledge_of(current, self._key()))
                await talk.memory.put(msgspec.structs.replace(current, acknowledged=now))
            elif not is_all and current.acknowledged:
                await talk.memory.put(msgspec.structs.replace(current, acknowledged={}))

    async def say(self, message: KeptMessage, words: str) -> None:
        """Nothing: the Events API takes no notes."""

    def acknowledge_of(self, message: KeptMessage, key: str) -> bytes:
        """The event that says that somebody is at it."""
        if message.content:
            notice = msgspec.json.decode(message.content, type=Notice)
            key = self._filled(key, data_of(notice, self._making.templates.external_url))
        names = ("service_key", "incident_key", "event_type")
        if not self._config.is_v1:
            names = ("routing_key", "dedup_key", "event_action")
        values = (key, message.group_id, "acknowledge")
        return go_json(dict(zip(names, values, strict=True)))

    def _key(self) -> str:
        config, folder = self._config, self._making.folder
        if config.is_v1:
            key = read_secret(config.service_key, config.service_key_file, base=folder)
        else:
            key = read_secret(config.routing_key, config.routing_key_file, base=folder)
        return (key or "").strip()

    async def _post(self, body: bytes) -> None:
        config, making = self._config, self._making
        url = config.url or (_V1 if config.is_v1 else making.shared.pagerduty_url)
        options = config.http_config or making.shared.http_config
        await post_json(making, url, options, body, timeout=float(config.timeout))

    def body_of(self, notice: Notice, key: str) -> bytes:
        """The event; details that would make it too large for PagerDuty are left out."""
        data = data_of(notice, self._making.templates.external_url)
        details = {
            name: self._filled(source, data)
            for name, source in sorted({**_DETAILS, **self._config.details}.items())
        }
        make = self._v1 if self._config.is_v1 else self._v2
        body = go_json(make(notice, key, data, details))
        if len(body) <= _LARGEST_BYTES:
            return body
        note = "Custom details have been removed because the event exceeds the limit of 512 KB"
        return go_json(make(notice, key, data, {"error": note}))

    def _v2(
        self, notice: Notice, key: str, data: Data, details: dict[str, str]
    ) -> dict[str, object]:
        config = self._config
        client = self._filled(config.client, data)
        payload = {
            "summary": self._summary(data),
            "source": self._filled(config.source, data) or client,
            "severity": self._filled(config.severity, data) or "error",
            "class": self._filled(config.kind, data),
            "component": self._filled(config.component, data),
            "group": self._filled(config.group, data),
            "custom_details": details,
        }
        event = {
            "routing_key": self._filled(key, data),
            "dedup_key": dedup_key(notice),
            "event_action": _action(notice),
            "payload": {name: value for name, value in payload.items() if value},
            "client": client,
            "client_url": self._filled(config.client_url, data),
            "images": [self._parts(image, data) for image in config.images],
            "links": [self._parts(link, data) for link in config.links],
        }
        return {name: value for name, value in event.items() if value}

    def _v1(
        self, notice: Notice, key: str, data: Data, details: dict[str, str]
    ) -> dict[str, object]:
        config = self._config
        event: dict[str, object] = {
            "service_key": self._filled(key, data),
            "incident_key": dedup_key(notice),
            "event_type": _action(notice),
            "description": self._summary(data),
        }
        if notice.status == "firing":
            event["client"] = self._filled(config.client, data)
            event["client_url"] = self._filled(config.client_url, data)
        return {**event, "details": details}

    def _summary(self, data: Data) -> str:
        return truncated(self._filled(self._config.description, data), _LONGEST_SUMMARY)

    def _parts(self, part: PagerDutyImage | PagerDutyLink, data: Data) -> dict[str, str]:
        return {
            name: self._filled(source, data)
            for name, source in msgspec.structs.asdict(part).items()
        }

    def _filled(self, source: str, data: Data) -> str:
        return self._making.templates.text(source, data)


def dedup_key(notice: Notice) -> str:
    """What makes later events of a group belong to the same incident, as Alertmanager has it."""
    return group_id(notice.group_key)


def _kept(place: str, notice: Notice, *, keeps_notice: bool) -> KeptMessage:
    """`keeps_notice` is for a key that is a template, which later events must fill alike."""
    return KeptMessage(
        place=place,
        group_key=notice.group_key,
        firing={one.fingerprint: one.starts_ms for one in notice.firing},
        opened_ms=notice.at_ms,
        told_ms=notice.at_ms,
        content=msgspec.json.encode(notice) if keeps_notice else b"",
    )


def _action(notice: Notice) -> str:
    return "trigger" if notice.status == "firing" else "resolve"


def _make(part: Document, making: Making) -> Made:
    config = decode(part, PagerDutyConfig)
    return Made(PagerDuty(config, making), config.send_resolved)


KIND = SenderKind("pagerduty", _make)
