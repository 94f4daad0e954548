"""`pushover_configs`: Pushover, on somebody's phone.

https://prometheus.io/docs/alerting/latest/configuration/#pushover_config
https://pushover.net/api
"""

from __future__ import annotations

from urllib.parse import urlencode

from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret
from tocsin.notify.given import at_most_one, exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, http_kind
from tocsin.notify.wire import Request, truncated

_LONGEST_TITLE = 250
_LONGEST_MESSAGE = 1024
_LONGEST_URL = 512


class PushoverConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `pushover_configs`; `api_url` is for a relay of one's own."""

    api_url: str = "https://api.pushover.net/1/messages.json"
    user_key: Secret | None = None
    user_key_file: str = ""
    token: Secret | None = None
    token_file: str = ""
    title: str = '{{ template "pushover.default.title" . }}'
    message: str = '{{ template "pushover.default.message" . }}'
    url: str = '{{ template "pushover.default.url" . }}'
    url_title: str = ""
    device: str = ""
    sound: str = ""
    priority: str = '{{ if eq .Status "firing" }}2{{ else }}0{{ end }}'
    retry: Duration = Duration(60)
    expire: Duration = Duration(3600)
    ttl: Duration = Duration(0)
    html: bool = False
    monospace: bool = False

    def __post_init__(self) -> None:
        exactly_one(self, "user_key", "user_key_file")
        exactly_one(self, "token", "token_file")
        at_most_one(self, "html", "monospace")


def _requests(config: PushoverConfig, fill: Filling) -> list[Request]:
    """Alertmanager puts the same fields into the address; in the body no proxy logs the token."""
    message = fill.html(config.message) if config.html else fill(config.message)
    form = {
        "token": fill(fill.secret((config.token, config.token_file))),
        "user": fill(fill.secret((config.user_key, config.user_key_file))),
        "title": truncated(fill(config.title), _LONGEST_TITLE),
        # Pushover refuses an empty message.
        "message": truncated(message, _LONGEST_MESSAGE).strip() or "(no details)",
        "url": truncated(fill(config.url), _LONGEST_URL),
        "url_title": fill(config.url_title),
        "priority": fill(config.priority),
        "retry": f"{int(config.retry)}",
        "expire": f"{int(config.expire)}",
        "device": fill(config.device),
        "sound": fill(config.sound),
    }
    if config.html:
        form["html"] = "1"
    if config.monospace:
        form["monospace"] = "1"
    if config.ttl >= 1:
        form["ttl"] = f"{int(config.ttl)}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return [Request(config.api_url, urlencode(sorted(form.items())).encode(), headers)]


KIND = http_kind("pushover", PushoverConfig, _requests)
