"""`telegram_configs`: a message of a bot to a chat of Telegram.

https://prometheus.io/docs/alerting/latest/configuration/#telegram_config
https://core.telegram.org/bots/api#sendmessage
"""

from __future__ import annotations

import html
import re
from typing import Literal

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one, exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, Wanted, http_kind, json_request
from tocsin.notify.wire import Request, truncated

_LONGEST_TEXT = 4096
"""Characters that are seen; tags do not count."""
_LARGEST_BYTES = 1 << 15
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")

_TOKEN = Wanted("bot_token", "telegram_bot_token")


class TelegramConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `telegram_configs`."""

    api_url: str = ""
    bot_token: Secret | None = None
    bot_token_file: str = ""
    chat_id: int = 0
    chat_id_file: str = ""
    message_thread_id: int = 0
    message: str = '{{ template "telegram.default.message" . }}'
    disable_notifications: bool = False
    parse_mode: Literal["", "Markdown", "MarkdownV2", "HTML"] = "HTML"

    def __post_init__(self) -> None:
        at_most_one(self, "bot_token", "bot_token_file")
        exactly_one(self, "chat_id", "chat_id_file")


def _requests(config: TelegramConfig, fill: Filling) -> list[Request]:
    shared = fill.making.shared
    token = fill.wanted(_TOKEN, config)
    text, parse_mode = _text(config, fill)
    message = {
        "chat_id": _chat(config, fill),
        "disable_web_page_preview": "true",
        "text": text,
    }
    if parse_mode:
        message["parse_mode"] = parse_mode
    if config.disable_notifications:
        message["disable_notification"] = "true"
    if config.message_thread_id:
        message["message_thread_id"] = str(config.message_thread_id)
    base = (config.api_url or shared.telegram_api_url).removesuffix("/")
    return [json_request(f"{base}/bot{token}/sendMessage", dict(sorted(message.items())))]


def _text(config: TelegramConfig, fill: Filling) -> tuple[str, str]:
    """The text and how it is read. HTML that is too long loses its tags first: cut between two of
    them, it would be refused."""
    if config.parse_mode != "HTML":
        return truncated(fill(config.message), _LONGEST_TEXT), config.parse_mode
    text = fill.html(config.message)
    seen = html.unescape(_TAG.sub("", text))
    if len(seen) <= _LONGEST_TEXT and len(text.encode()) <= _LARGEST_BYTES:
        return text, "HTML"
    return truncated(seen, _LONGEST_TEXT), ""


def _chat(config: TelegramConfig, fill: Filling) -> str:
    text = fill.secret((None, config.chat_id_file)) if config.chat_id_file else str(config.chat_id)
    if not text.removeprefix("-").isdecimal():
        raise Rejected(f"chat_id_file {config.chat_id_file}: a whole number is expected")
    return text


KIND = http_kind("telegram", TelegramConfig, _requests, wants=(_TOKEN,))
