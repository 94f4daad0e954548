"""What does Slack get to show about a group? Alertmanager's attachment, keys in its order."""

from __future__ import annotations

import msgspec

from tocsin.model.notices import Notice
from tocsin.notify.kind import Making
from tocsin.notify.slack_config import SlackAction, SlackConfig
from tocsin.notify.template_data import Data, data_of
from tocsin.notify.wire import truncated

_LONGEST_TITLE = 1024
_ALWAYS = ("text", "fallback", "callback_id", "footer")
"""What Alertmanager sends even when it is empty."""


def message_of(config: SlackConfig, making: Making, notice: Notice) -> dict[str, object]:
    """The message without what is empty; raises Rejected when a template fails."""
    templates = making.templates
    data = data_of(notice, templates.external_url)

    def filled(source: str) -> str:
        return templates.text(source, data)

    message: dict[str, object] = {
        "channel": filled(config.channel),
        "username": filled(config.username),
        "icon_emoji": filled(config.icon_emoji),
        "icon_url": filled(config.icon_url),
        "link_names": config.link_names,
        "text": filled(config.message_text),
        "attachments": [given(_attachment(config, making, data), always=_ALWAYS)],
    }
    return given(message)


def _attachment(config: SlackConfig, making: Making, data: Data) -> dict[str, object]:
    def filled(source: str) -> str:
        return making.templates.text(source, data)

    return {
        "title": truncated(filled(config.title), _LONGEST_TITLE),
        "title_link": filled(config.title_link),
        "pretext": filled(config.pretext),
        "text": filled(config.text),
        "fallback": filled(config.fallback),
        "callback_id": filled(config.callback_id),
        "fields": [
            {
                "title": filled(field.title),
                "value": filled(field.value),
                "short": config.short_fields if field.short is None else field.short,
            }
            for field in config.fields
        ],
        "actions": [_action(action, making, data) for action in config.actions],
        "image_url": filled(config.image_url),
        "thumb_url": filled(config.thumb_url),
        "footer": filled(config.footer),
        "color": filled(config.color),
        "mrkdwn_in": list(config.mrkdwn_in),
    }


def _action(action: SlackAction, making: Making, data: Data) -> dict[str, object]:
    templates = making.templates
    keys = ("type", "text", "url", "style", "name", "value")
    found: dict[str, object] = {key: templates.text(getattr(action, key), data) for key in keys}
    if action.confirm is not None:
        texts = msgspec.structs.asdict(action.confirm)
        found["confirm"] = given({key: templates.text(text, data) for key, text in texts.items()})
    return given(found)


def given(values: dict[str, object], always: tuple[str, ...] = ()) -> dict[str, object]:
    """Without what is empty."""
    return {key: value for key, value in values.items() if value or key in always}
