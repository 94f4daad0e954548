"""`msteams_configs` and `msteamsv2_configs`: Microsoft Teams, by the connectors that it retires and
by its workflows.

https://prometheus.io/docs/alerting/latest/configuration/#msteamsv2_config
https://learn.microsoft.com/en-us/connectors/teams/
"""

from __future__ import annotations

from tocsin.kit.secret import Secret
from tocsin.notify.given import exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, http_kind, json_request
from tocsin.notify.wire import Request, truncated_bytes

_LARGEST_TEXT_BYTES = 24_000
"""Teams takes 28 KB in all; the rest of the card and JSON's escapes need some of it."""


class _WebhookConfig(HttpConfig, frozen=True, kw_only=True):
    webhook_url: Secret | None = None
    webhook_url_file: str = ""

    def __post_init__(self) -> None:
        exactly_one(self, "webhook_url", "webhook_url_file")


class TeamsConfig(_WebhookConfig, frozen=True, kw_only=True):
    """One entry of `msteams_configs`."""

    title: str = '{{ template "msteams.default.title" . }}'
    summary: str = '{{ template "msteams.default.summary" . }}'
    text: str = '{{ template "msteams.default.text" . }}'


class TeamsV2Config(_WebhookConfig, frozen=True, kw_only=True):
    """One entry of `msteamsv2_configs`."""

    title: str = '{{ template "msteamsv2.default.title" . }}'
    text: str = '{{ template "msteamsv2.default.text" . }}'


def _message_card(config: TeamsConfig, fill: Filling) -> list[Request]:
    card = {
        "@context": "http://schema.org/extensions",
        "type": "MessageCard",
        "title": fill(config.title),
        "summary": fill(config.summary),
        "text": truncated_bytes(fill(config.text), _LARGEST_TEXT_BYTES),
        "themeColor": "8C1A1A" if fill.is_firing else "2DC72D",
    }
    return [_request(config, fill, card)]


def _adaptive_card(config: TeamsV2Config, fill: Filling) -> list[Request]:
    heading = {
        "type": "TextBlock",
        "text": fill(config.title),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": True,
        "style": "heading",
        "color": "Attention" if fill.is_firing else "Good",
    }
    text = truncated_bytes(fill(config.text), _LARGEST_TEXT_BYTES)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [heading, {"type": "TextBlock", "text": text, "wrap": True}],
        "msteams": {"width": "full"},
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return [_request(config, fill, {"type": "message", "attachments": [attachment]})]


def _request(config: _WebhookConfig, fill: Filling, message: object) -> Request:
    return json_request(fill.secret((config.webhook_url, config.webhook_url_file)), message)


KIND = http_kind("msteams", TeamsConfig, _message_card)
KIND_V2 = http_kind("msteamsv2", TeamsV2Config, _adaptive_card)
