"""`rocketchat_configs`: a message in a channel of Rocket.Chat.

https://prometheus.io/docs/alerting/latest/configuration/#rocketchat_config
https://developer.rocket.chat/apidocs/post-message
"""

from __future__ import annotations

import msgspec

from tocsin.kit.fault import Permanent
from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one
from tocsin.notify.http_sender import Filling, HttpConfig, Wanted, given, http_kind, json_request
from tocsin.notify.wire import Request, truncated
from tocsin.scrape.fetch import Answer

_LONGEST_TITLE = 1024
_LONGEST_TEXT = 5000
"""A server's own limit (`Message_MaxAllowedSize`) until its administrator changes it."""
_TOKEN = Wanted("token", "rocketchat_token")
_TOKEN_ID = Wanted("token_id", "rocketchat_token_id")


class RocketchatField(msgspec.Struct, frozen=True, kw_only=True):
    """A small titled text."""

    title: str = ""
    value: str = ""
    short: bool | None = None


class RocketchatAction(msgspec.Struct, frozen=True, kw_only=True):
    """A button that opens an address or says something."""

    type: str = "button"
    text: str = ""
    url: str = ""
    msg: str = ""


class RocketchatConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `rocketchat_configs`."""

    send_resolved: bool | None = False
    api_url: str = ""
    token: Secret | None = None
    token_file: str = ""
    token_id: Secret | None = None
    token_id_file: str = ""
    channel: str = ""
    color: str = '{{ if eq .Status "firing" }}red{{ else }}green{{ end }}'
    title: str = '{{ template "rocketchat.default.title" . }}'
    title_link: str = '{{ template "rocketchat.default.titlelink" . }}'
    text: str = '{{ template "rocketchat.default.text" . }}'
    fields: tuple[RocketchatField, ...] = ()
    short_fields: bool = False
    emoji: str = '{{ template "rocketchat.default.emoji" . }}'
    icon_url: str = '{{ template "rocketchat.default.iconurl" . }}'
    image_url: str = ""
    thumb_url: str = ""
    link_names: bool = False
    actions: tuple[RocketchatAction, ...] = ()

    def __post_init__(self) -> None:
        at_most_one(self, "token", "token_file")
        at_most_one(self, "token_id", "token_id_file")


def _requests(config: RocketchatConfig, fill: Filling) -> list[Request]:
    attachment = {
        "title": truncated(fill(config.title), _LONGEST_TITLE),
        "title_link": fill(config.title_link),
        "text": truncated(fill(config.text), _LONGEST_TEXT),
        "image_url": fill(config.image_url),
        "thumb_url": fill(config.thumb_url),
        "color": fill(config.color),
        "fields": [_field(field, config, fill) for field in config.fields],
        "actions": [_action(action, fill) for action in config.actions],
    }
    message = {
        "channel": fill(config.channel),
        "emoji": fill(config.emoji),
        "avatar": fill(config.icon_url),
        "attachments": [given(attachment)],
    }
    headers = {
        "X-Auth-Token": fill.wanted(_TOKEN, config),
        "X-User-Id": fill.wanted(_TOKEN_ID, config),
    }
    base = config.api_url or fill.making.shared.rocketchat_api_url
    url = f"{base.removesuffix('/')}/api/v1/chat.postMessage"
    return [json_request(url, given(message), **headers)]


def _field(field: RocketchatField, config: RocketchatConfig, fill: Filling) -> dict[str, object]:
    short = config.short_fields if field.short is None else field.short
    return {"short": short, **fill.each(field)}


def _action(action: RocketchatAction, fill: Filling) -> dict[str, object]:
    filled = given({"text": fill(action.text), "url": fill(action.url)})
    said = given({"msg": fill(action.msg)})
    return {"type": "button", **filled, "is_webview": False, **said, "msg_in_chat_window": False}


class _Said(msgspec.Struct):
    success: bool = False
    error: str = ""


def _check(answer: Answer) -> None:
    try:
        said = msgspec.json.decode(answer.body, type=_Said)
    except msgspec.MsgspecError as error:
        raise Permanent("Rocket.Chat's answer is not the JSON that its API gives") from error
    if not said.success:
        raise Permanent(f"Rocket.Chat refuses: {said.error}")


KIND = http_kind("rocketchat", RocketchatConfig, _requests, check=_check, wants=(_TOKEN, _TOKEN_ID))
