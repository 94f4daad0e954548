"""`slack_configs`: an incoming webhook of Slack, with Alertmanager's attachment.

https://prometheus.io/docs/alerting/latest/configuration/#slack_config
"""

from __future__ import annotations

import asyncio
import json

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Permanent, Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret, read_secret
from tocsin.kit.yaml import decode
from tocsin.model.notices import Notice
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.template_data import data_of
from tocsin.notify.wire import go_json, post_json, truncated
from tocsin.scrape.http_options import HttpOptions

_LONGEST_TITLE = 1024
_ALWAYS = ("text", "fallback", "callback_id", "footer")
"""What Alertmanager sends even when it is empty."""


class SlackConfirm(msgspec.Struct, frozen=True, kw_only=True):
    """What Slack asks before an action."""

    text: str
    title: str = ""
    ok_text: str = ""
    dismiss_text: str = ""


class SlackAction(msgspec.Struct, frozen=True, kw_only=True):
    """A button or a link."""

    type: str
    text: str
    url: str = ""
    style: str = ""
    name: str = ""
    value: str = ""
    confirm: SlackConfirm | None = None

    def __post_init__(self) -> None:
        if not self.type or not self.text:
            raise Rejected("an action needs a type and a text")
        if not self.url and not self.name:
            raise Rejected("an action needs a name or a url")


class SlackField(msgspec.Struct, frozen=True, kw_only=True):
    """A small titled text."""

    title: str
    value: str
    short: bool | None = None

    def __post_init__(self) -> None:
        if not self.title or not self.value:
            raise Rejected("a field needs a title and a value")


class SlackConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `slack_configs`."""

    send_resolved: bool = False
    http_config: HttpOptions | None = None
    api_url: Secret | None = None
    api_url_file: str = ""
    channel: str = ""
    username: str = '{{ template "slack.default.username" . }}'
    color: str = '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}'
    title: str = '{{ template "slack.default.title" . }}'
    title_link: str = '{{ template "slack.default.titlelink" . }}'
    pretext: str = '{{ template "slack.default.pretext" . }}'
    text: str = '{{ template "slack.default.text" . }}'
    fields: tuple[SlackField, ...] = ()
    short_fields: bool = False
    footer: str = '{{ template "slack.default.footer" . }}'
    fallback: str = '{{ template "slack.default.fallback" . }}'
    callback_id: str = '{{ template "slack.default.callbackid" . }}'
    icon_emoji: str = '{{ template "slack.default.iconemoji" . }}'
    icon_url: str = '{{ template "slack.default.iconurl" . }}'
    image_url: str = ""
    thumb_url: str = ""
    link_names: bool = False
    mrkdwn_in: tuple[str, ...] = ("fallback", "pretext", "text")
    actions: tuple[SlackAction, ...] = ()
    timeout: Duration = Duration(0)

    def __post_init__(self) -> None:
        if self.api_url and self.api_url_file:
            raise Rejected("api_url and api_url_file exclude each other; keep one of them")


class Slack:
    """Posts to one incoming webhook."""

    def __init__(self, config: SlackConfig, making: Making) -> None:
        self._config = config
        self._making = making

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        config, making, shared = self._config, self._making, self._making.shared
        url = read_secret(config.api_url, config.api_url_file, base=making.folder)
        if not url:
            url = read_secret(shared.slack_api_url, shared.slack_api_url_file, base=making.folder)
        body = await asyncio.to_thread(self.body_of, notice)
        options = config.http_config or shared.http_config
        timeout = float(config.timeout)
        answer = await post_json(making, (url or "").strip(), options, body, timeout=timeout)
        if answer.content_type.startswith("application/json"):
            _check(answer.body)

    def body_of(self, notice: Notice) -> bytes:
        """The message, keys in the order of Alertmanager's; raises Rejected when a template
        fails."""
        config, templates = self._config, self._making.templates
        data = data_of(notice, templates.external_url)

        def filled(source: str) -> str:
            return templates.text(source, data)

        attachment: dict[str, object] = {
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
            "actions": [self._action(action, notice) for action in config.actions],
            "image_url": filled(config.image_url),
            "thumb_url": filled(config.thumb_url),
            "footer": filled(config.footer),
            "color": filled(config.color),
            "mrkdwn_in": list(config.mrkdwn_in),
        }
        message: dict[str, object] = {
            "channel": filled(config.channel),
            "username": filled(config.username),
            "icon_emoji": filled(config.icon_emoji),
            "icon_url": filled(config.icon_url),
            "link_names": config.link_names,
            "attachments": [
                _given(attachment, always=("text", "fallback", "callback_id", "footer"))
            ],
        }
        return go_json(_given(message))

    def _action(self, action: SlackAction, notice: Notice) -> dict[str, object]:
        templates = self._making.templates
        data = data_of(notice, templates.external_url)
        keys = ("type", "text", "url", "style", "name", "value")
        found: dict[str, object] = {key: templates.text(getattr(action, key), data) for key in keys}
        if action.confirm is not None:
            texts = msgspec.structs.asdict(action.confirm)
            found["confirm"] = _given(
                {key: templates.text(text, data) for key, text in texts.items()}
            )
        return _given(found)


def _given(values: dict[str, object], always: tuple[str, ...] = ()) -> dict[str, object]:
    """Without what is empty."""
    return {key: value for key, value in values.items() if value or key in always}


class _Answer(msgspec.Struct):
    ok: bool = True
    error: str = ""


def _check(body: bytes) -> None:
    """Slack may say no with status 200 (https://api.slack.com/web#evaluating_responses)."""
    try:
        answer = msgspec.convert(json.loads(body), _Answer)
    except (ValueError, msgspec.ValidationError) as error:
        raise Permanent("Slack's answer is not the JSON that it announces") from error
    if not answer.ok:
        raise Permanent(f"Slack refuses: {answer.error}")


def _make(part: Document, making: Making) -> Made:
    config = decode(part, SlackConfig)
    shared = making.shared
    if not (
        config.api_url or config.api_url_file or shared.slack_api_url or shared.slack_api_url_file
    ):
        raise part.error(
            "no address is given; write api_url here or slack_api_url in global", "api_url"
        )
    return Made(Slack(config, making), config.send_resolved)


KIND = SenderKind("slack", _make)
