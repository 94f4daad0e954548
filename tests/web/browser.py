"""Calls an ASGI application the way a browser or a program would, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp, Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The header's value, empty when it is not there."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def json(self) -> Any:  # Any: JSON
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(slots=True)
class Browser:
    """Keeps cookies as a browser does; a program simply gets none."""

    app: ASGIApp
    host: str = "tocsin.test"
    scheme: str = "http"
    client: str = "10.0.0.9"
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, /, **headers: str) -> Answer:
        """A GET; underscores in header names become dashes."""
        return await self.send("GET", path, headers=headers)

    async def post(
        self, path: str, form: Mapping[str, str] | None = None, /, **headers: str
    ) -> Answer:
        """A POST of a form."""
        body = urlencode(form or {}).encode()
        headers.setdefault("content_type", "application/x-www-form-urlencoded")
        return await self.send("POST", path, body=body, headers=headers)

    async def send_json(self, method: str, path: str, value: object, **headers: str) -> Answer:
        """A JSON body."""
        headers.setdefault("content_type", "application/json")
        return await self.send(method, path, body=msgspec.json.encode(value), headers=headers)

    async def send(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Any request."""
        named = {"host": self.host, **{k.replace("_", "-"): v for k, v in (headers or {}).items()}}
        if self.cookies:
            named["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in named.items() if v],
            "client": (self.client, 50_000),
            "server": ("127.0.0.1", 7777),
            "state": {},
        }
        sent: list[Message] = []
        unread = [body]

        async def receive() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers_back = [(k.decode().lower(), v.decode("latin-1")) for k, v in sent[0]["headers"]]
        self._keep_cookies(headers_back)
        content = b"".join(m.get("body", b"") for m in sent[1:])
        return Answer(sent[0]["status"], headers_back, content)

    def _keep_cookies(self, headers: list[tuple[str, str]]) -> None:
        for name, value in headers:
            if name == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    self.cookies.pop(key, None)
                    if morsel.value and morsel["max-age"] != "0":
                        self.cookies[key] = morsel.value
