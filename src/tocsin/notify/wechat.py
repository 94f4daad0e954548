"""`wechat_configs`: a message of an application of WeChat Work (WeCom).

https://prometheus.io/docs/alerting/latest/configuration/#wechat_config
https://developer.work.weixin.qq.com/document/path/90236
"""

from __future__ import annotations

import asyncio
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Permanent, Temporary
from tocsin.kit.secret import Secret
from tocsin.model.notices import Notice
from tocsin.notify.given import at_most_one
from tocsin.notify.http_sender import (
    Filling,
    HttpConfig,
    Line,
    Wanted,
    filling,
    given,
    json_request,
    read,
)
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.wire import Request, truncated_bytes

_LARGEST_BYTES = {"text": 2048, "markdown": 4096}
_TOKEN_SECONDS = 7000.0
"""A token lasts 7200 s."""
_TOKEN_IS_OVER = (40014, 42001)
_BUSY = (-1, 45009)
_SECRET = Wanted("api_secret", "wechat_api_secret")
_CORP = Wanted("corp_id", "wechat_api_corp_id")


class WechatConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `wechat_configs`."""

    send_resolved: bool | None = False
    api_secret: Secret | None = None
    api_secret_file: str = ""
    corp_id: str = ""
    api_url: str = ""
    message: str = '{{ template "wechat.default.message" . }}'
    message_type: Literal["text", "markdown"] = "text"
    to_user: str = '{{ template "wechat.default.to_user" . }}'
    to_party: str = '{{ template "wechat.default.to_party" . }}'
    to_tag: str = '{{ template "wechat.default.to_tag" . }}'
    agent_id: str = '{{ template "wechat.default.agent_id" . }}'

    def __post_init__(self) -> None:
        at_most_one(self, "api_secret", "api_secret_file")


class _Said(msgspec.Struct):
    errcode: int = 0
    errmsg: str = ""
    access_token: str = ""


class Wechat:
    """Asks for a token now and then, and sends with it."""

    def __init__(self, config: WechatConfig, making: Making) -> None:
        self._config = config
        self._making = making
        self._line = Line(config, making)
        self._base = (config.api_url or making.shared.wechat_api_url).removesuffix("/")
        self._token: Secret | None = None
        self._until = 0.0

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        fill = filling(notice, self._making)
        token = await self._fresh_token(fill)
        message = await asyncio.to_thread(_message, self._config, fill)
        url = f"{self._base}/message/send?access_token={quote(token, safe='')}"
        said = await self._ask(json_request(url, message))
        if said.errcode in _TOKEN_IS_OVER:
            self._token = None
            raise Temporary(f"WeChat wants a new token: {said.errmsg}")
        if said.errcode:
            kind = Temporary if said.errcode in _BUSY else Permanent
            raise kind(f"WeChat refuses: {said.errcode} {said.errmsg}")

    async def _fresh_token(self, fill: Filling) -> str:
        now = self._making.clock.monotonic()
        if self._token is None or now >= self._until:
            pairs = {
                "corpid": fill(fill.wanted(_CORP, self._config)),
                "corpsecret": fill(fill.wanted(_SECRET, self._config)),
            }
            said = await self._ask(
                Request(f"{self._base}/gettoken?{urlencode(pairs)}", method="GET")
            )
            if not said.access_token:
                raise Permanent(f"WeChat gives no token: {said.errcode} {said.errmsg}")
            self._token, self._until = Secret(said.access_token), now + _TOKEN_SECONDS
        return self._token.reveal()

    async def _ask(self, request: Request) -> _Said:
        answer = await self._line.ask(request)
        try:
            return msgspec.json.decode(answer.body, type=_Said)
        except msgspec.MsgspecError as error:
            raise Temporary("WeChat's answer is not the JSON that its API gives") from error


def _message(config: WechatConfig, fill: Filling) -> dict[str, object]:
    kind = config.message_type
    text = truncated_bytes(fill(config.message), _LARGEST_BYTES[kind])
    to = {
        "touser": fill(config.to_user),
        "toparty": fill(config.to_party),
        "totag": fill(config.to_tag),
        "agentid": fill(config.agent_id),
    }
    return {
        "text": {"content": text if kind == "text" else ""},
        **given(to),
        "safe": "0",
        "msgtype": kind,
        "markdown": {"content": text if kind == "markdown" else ""},
    }


def _make(part: Document, making: Making) -> Made:
    config = read(part, making, WechatConfig, (_SECRET, _CORP))
    return Made(Wechat(config, making), config.tells_ends)


KIND = SenderKind("wechat", _make)
