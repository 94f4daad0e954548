"""`mattermost_configs`: an incoming webhook of Mattermost.

https://prometheus.io/docs/alerting/latest/configuration/#mattermost_config
https://developers.mattermost.com/integrate/webhooks/incoming/
"""

from __future__ import annotations

import msgspec

from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one
from tocsin.notify.http_sender import Filling, HttpConfig, Wanted, given, http_kind, json_request
from tocsin.notify.slack_config import SlackField
from tocsin.notify.wire import Request, truncated

_LONGEST_TEXT = 16_383
_PRIORITIES = ("standard", "important", "urgent")
_URL = Wanted("webhook_url", "mattermost_webhook_url")


class MattermostPriority(msgspec.Struct, frozen=True, kw_only=True):
    """How loud the message is; only what is urgent may come again until somebody reads it."""

    priority: str = ""
    requested_ack: bool = False
    persistent_notifications: bool = False


class MattermostProps(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the bar beside the message."""

    card: str = ""


class MattermostAttachment(msgspec.Struct, frozen=True, kw_only=True):
    """A richly formatted part of the message."""

    fallback: str = ""
    color: str = ""
    pretext: str = ""
    text: str = ""
    author_name: str = ""
    author_link: str = ""
    author_icon: str = ""
    title: str = ""
    title_link: str = ""
    fields: tuple[SlackField, ...] = ()
    thumb_url: str = ""
    footer: str = ""
    footer_icon: str = ""
    image_url: str = ""


_DEFAULTS = {
    "fallback": '{{ template "mattermost.default.fallback" . }}',
    "color": '{{ template "mattermost.default.color" . }}',
    "title": '{{ template "mattermost.default.title" . }}',
    "title_link": '{{ template "mattermost.default.titlelink" . }}',
}
"""Of the attachment that the receiver's own keys make."""


class MattermostConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `mattermost_configs`. Keys of an attachment beside `text` make one."""

    webhook_url: Secret | None = None
    webhook_url_file: str = ""
    channel: str = ""
    username: str = '{{ template "mattermost.default.username" . }}'
    text: str = '{{ template "mattermost.default.text" . }}'
    fallback: str = ""
    color: str = ""
    pretext: str = ""
    author_name: str = ""
    author_link: str = ""
    author_icon: str = ""
    title: str = ""
    title_link: str = ""
    fields: tuple[SlackField, ...] = ()
    thumb_url: str = ""
    footer: str = ""
    footer_icon: str = ""
    image_url: str = ""
    icon_url: str = ""
    icon_emoji: str = ""
    attachments: tuple[MattermostAttachment, ...] = ()
    type: str = ""
    props: MattermostProps | None = None
    priority: MattermostPriority | None = None

    def __post_init__(self) -> None:
        at_most_one(self, "webhook_url", "webhook_url_file")


def _requests(config: MattermostConfig, fill: Filling) -> list[Request]:
    message = {
        "text": truncated(fill(config.text), _LONGEST_TEXT),
        "channel": fill(config.channel),
        "username": fill(config.username),
        "icon_url": fill(config.icon_url),
        "icon_emoji": fill(config.icon_emoji),
        "attachments": [_attachment(one, fill) for one in _attachments(config)],
        "type": fill(config.type),
        "props": fill.each(config.props) if config.props else {},
        "priority": _priority(config.priority, fill),
    }
    return [json_request(fill.wanted(_URL, config), given(message))]


def _attachments(config: MattermostConfig) -> tuple[MattermostAttachment, ...]:
    names = [name for name in MattermostAttachment.__struct_fields__ if name != "text"]
    written = given({name: getattr(config, name) for name in names})
    if not written:
        return config.attachments
    own = msgspec.convert({**_DEFAULTS, **written}, MattermostAttachment, from_attributes=True)
    return (own, *config.attachments)


def _attachment(attachment: MattermostAttachment, fill: Filling) -> dict[str, object]:
    texts = fill.each(attachment)
    found: dict[str, object] = {}
    for name in attachment.__struct_fields__:
        if name == "fields" and attachment.fields:
            found["fields"] = [_field(field, fill) for field in attachment.fields]
        elif name in texts:
            found[name] = texts[name]
    return found


def _field(field: SlackField, fill: Filling) -> dict[str, object]:
    short = {} if field.short is None else {"short": field.short}
    return {**fill.each(field), **short}


def _priority(priority: MattermostPriority | None, fill: Filling) -> dict[str, object]:
    """Flags that Mattermost takes with a louder priority only are left out with others."""
    if priority is None or not priority.priority:
        return {}
    asked = fill(priority.priority).lower()
    level = asked if asked in _PRIORITIES else "standard"
    flags = {
        "requested_ack": priority.requested_ack and level != "standard",
        "persistent_notifications": priority.persistent_notifications and level == "urgent",
    }
    return {"priority": level, **given(flags)}


KIND = http_kind("mattermost", MattermostConfig, _requests, wants=(_URL,))
