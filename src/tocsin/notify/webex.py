"""`webex_configs`: a message in a room of Webex.

https://prometheus.io/docs/alerting/latest/configuration/#webex_config
https://developer.webex.com/docs/api/v1/messages/create-a-message
"""

from __future__ import annotations

from tocsin.kit.fault import Rejected
from tocsin.notify.http_sender import Filling, HttpConfig, given, http_kind, json_request
from tocsin.notify.wire import Request, truncated_bytes

_LARGEST_MESSAGE_BYTES = 7439


class WebexConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `webex_configs`; the bot's token stands in `http_config.authorization`."""

    api_url: str = ""
    room_id: str
    message: str = '{{ template "webex.default.message" . }}'

    def __post_init__(self) -> None:
        if self.http_config is None or self.http_config.authorization is None:
            raise Rejected("the bot's token is missing; write it in http_config.authorization")


def _requests(config: WebexConfig, fill: Filling) -> list[Request]:
    message = {
        "markdown": truncated_bytes(fill(config.message), _LARGEST_MESSAGE_BYTES),
        **given({"roomId": fill(config.room_id)}),
    }
    return [json_request(config.api_url or fill.making.shared.webex_api_url, message)]


KIND = http_kind("webex", WebexConfig, _requests)
