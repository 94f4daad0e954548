"""`discord_configs`: a webhook of Discord, with one embed.

https://prometheus.io/docs/alerting/latest/configuration/#discord_config
https://discord.com/developers/docs/resources/webhook#execute-webhook
"""

from __future__ import annotations

from tocsin.kit.secret import Secret
from tocsin.notify.given import exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, given, http_kind, json_request
from tocsin.notify.wire import Request, truncated

_LONGEST_CONTENT = 2000
_LONGEST_TITLE = 256
_LONGEST_DESCRIPTION = 4096
_RED, _GREEN = 0x992D22, 0x2ECC71


class DiscordConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `discord_configs`."""

    webhook_url: Secret | None = None
    webhook_url_file: str = ""
    content: str = '{{ template "discord.default.content" . }}'
    title: str = '{{ template "discord.default.title" . }}'
    message: str = '{{ template "discord.default.message" . }}'
    username: str = ""
    avatar_url: str = ""

    def __post_init__(self) -> None:
        exactly_one(self, "webhook_url", "webhook_url_file")


def _requests(config: DiscordConfig, fill: Filling) -> list[Request]:
    embed = {
        "title": truncated(fill(config.title), _LONGEST_TITLE),
        "description": truncated(fill(config.message), _LONGEST_DESCRIPTION),
        "color": _RED if fill.is_firing else _GREEN,
    }
    message = {
        "content": truncated(fill(config.content), _LONGEST_CONTENT),
        "embeds": [embed],
        **given({"username": config.username, "avatar_url": config.avatar_url}),
    }
    url = fill.secret((config.webhook_url, config.webhook_url_file))
    return [json_request(url, message)]


KIND = http_kind("discord", DiscordConfig, _requests)
