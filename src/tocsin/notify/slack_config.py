"""What may one entry of `slack_configs` say?

https://prometheus.io/docs/alerting/latest/configuration/#slack_config
"""

from __future__ import annotations

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret
from tocsin.scrape.http_options import HttpOptions

POST_METHOD = "/chat.postMessage"


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
    """One entry of `slack_configs`: an incoming webhook (`api_url`), or a bot (`app_token`)."""

    send_resolved: bool | None = None
    http_config: HttpOptions | None = None
    api_url: Secret | None = None
    api_url_file: str = ""
    app_token: Secret | None = None
    app_token_file: str = ""
    app_url: str = ""
    channel: str = ""
    username: str = '{{ template "slack.default.username" . }}'
    color: str = '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}'
    title: str = '{{ template "slack.default.title" . }}'
    title_link: str = '{{ template "slack.default.titlelink" . }}'
    pretext: str = '{{ template "slack.default.pretext" . }}'
    text: str = '{{ template "slack.default.text" . }}'
    message_text: str = ""
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
    update_message: bool | None = None
    post_updates_to_thread: bool | None = None
    timeout: Duration = Duration(0)

    def __post_init__(self) -> None:
        if self.api_url and self.api_url_file:
            raise Rejected("api_url and api_url_file exclude each other; keep one of them")
        if self.app_token and self.app_token_file:
            raise Rejected("app_token and app_token_file exclude each other; keep one of them")
        if self.has_url and self.has_token:
            raise Rejected("api_url and app_token exclude each other; keep one of them")
        if self.has_url and self._follows and not self.is_method:
            raise Rejected(
                "update_message and post_updates_to_thread need a bot: write app_token instead of "
                f"api_url, or api_url: https://slack.com/api{POST_METHOD}"
            )

    @property
    def has_url(self) -> bool:
        """Whether an address of its own is given."""
        return bool(self.api_url or self.api_url_file)

    @property
    def has_token(self) -> bool:
        """Whether a bot's token of its own is given."""
        return bool(self.app_token or self.app_token_file)

    @property
    def is_method(self) -> bool:
        """Whether `api_url` is Slack's method for bots; `http_config` then has the token."""
        return self.api_url is not None and self.api_url.reveal().endswith(POST_METHOD)

    @property
    def is_bot(self) -> bool:
        """Whether a bot is meant, as far as this entry alone says."""
        return self.has_token or (self.is_method and self._follows)

    @property
    def _follows(self) -> bool:
        return bool(self.update_message or self.post_updates_to_thread)
