"""A server that takes Slack's methods as they are documented and refuses everything else.

https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.notify.servers import Taken, serving

TOKEN = "xoxb-test"
_NEEDED = {
    "chat.postMessage": ("channel", "text"),
    "chat.update": ("channel", "ts", "text"),
    "conversations.create": ("name",),
    "conversations.invite": ("channel", "users"),
    "conversations.setTopic": ("channel", "topic"),
    "conversations.archive": ("channel",),
    "views.open": ("trigger_id", "view"),
}
_BLOCKS = ("section", "context", "actions", "input")
Body = dict[str, Any]  # Any: JSON


@dataclass
class Slack:
    """A workspace."""

    calls: list[tuple[str, Body]] = field(default_factory=list)
    channels: dict[str, str] = field(default_factory=lambda: {"#critical-alerts": "C0CRITICAL"})
    topics: dict[str, str] = field(default_factory=dict)
    invited: dict[str, str] = field(default_factory=dict)
    archived: set[str] = field(default_factory=set)
    messages: dict[str, Body] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=lambda: {"ana@example.com": "U0ANA12345"})
    views: list[Body] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    """An error by method."""
    problems: list[str] = field(default_factory=list)
    url: str = ""

    def of(self, method: str) -> list[Body]:
        return [body for name, body in self.calls if name == method]

    def answer(self, method: str, body: Body) -> Body:
        self.calls.append((method, body))
        if method in self.refuses:
            return {"ok": False, "error": self.refuses[method]}
        missing = [name for name in _NEEDED.get(method, ()) if name not in body]
        if missing:
            self.problems.append(f"{method} lacks {missing}")
            return {"ok": False, "error": "invalid_arguments"}
        found = {"ok": True, **self._done(method, body)}
        return found if "error" not in found else {**found, "ok": False}

    def _done(self, method: str, body: Body) -> Body:
        match method:
            case "chat.postMessage":
                return self._post(body)
            case "chat.update":
                self._check(body)
                if body["ts"] not in self.messages:
                    return {"error": "message_not_found"}
                self.messages[body["ts"]] |= body
                return {"channel": body["channel"], "ts": body["ts"]}
            case "conversations.create":
                return self._create(body["name"])
            case "conversations.list":
                named = {v: k for k, v in self.channels.items()}
                channels = [
                    {"id": i, "name": n, "is_archived": False}
                    for i, n in named.items()
                    if i not in self.archived
                ]
                return {"channels": channels, "response_metadata": {"next_cursor": ""}}
            case "conversations.invite":
                self.invited[body["channel"]] = body["users"]
            case "conversations.setTopic":
                if len(body["topic"]) > 250:
                    return {"error": "too_long"}
                self.topics[body["channel"]] = body["topic"]
            case "conversations.archive":
                self.archived.add(body["channel"])
            case "users.lookupByEmail":
                its_id = self.members.get(body["email"])
                return {"user": {"id": its_id}} if its_id else {"error": "users_not_found"}
            case "users.info":
                email = {v: k for k, v in self.members.items()}.get(body["user"], "")
                return {"user": {"id": body["user"], "name": "x", "profile": {"email": email}}}
            case "views.open":
                self._check_view(body["view"])
                self.views.append(body["view"])
            case _:
                self.problems.append(f"unknown method {method}")
                return {"error": "unknown_method"}
        return {}

    def _post(self, body: Body) -> Body:
        self._check(body)
        channel = self.channels.get(body["channel"], body["channel"])
        if channel in self.archived:
            return {"error": "is_archived"}
        ts = f"17000000{len(self.messages):02}.000100"
        self.messages[ts] = {**body, "channel": channel}
        return {"channel": channel, "ts": ts, "message": {"text": body["text"]}}

    def _create(self, name: str) -> Body:
        if name != name.lower() or len(name) > 80 or " " in name or "." in name:
            return {"error": "invalid_name_specials"}
        if name in self.channels:
            return {"error": "name_taken"}
        self.channels[name] = f"C0{len(self.channels):08}"
        return {"channel": {"id": self.channels[name], "name": name}}

    def _check(self, body: Body) -> None:
        blocks = [b for a in body.get("attachments", []) for b in a.get("blocks", [])]
        for block in blocks:
            if block["type"] not in _BLOCKS:
                self.problems.append(f"unknown block {block['type']}")
            if block["type"] == "section" and not 0 < len(block["text"]["text"]) <= 3000:
                self.problems.append("a section's text has 1 to 3000 characters")
            if block["type"] == "actions" and not 0 < len(block["elements"]) <= 25:
                self.problems.append("actions have 1 to 25 elements")

    def _check_view(self, view: Body) -> None:
        for name in ("type", "title", "blocks", "submit", "callback_id"):
            if name not in view:
                self.problems.append(f"a view lacks {name}")
        if len(view["title"]["text"]) > 24:
            self.problems.append("a view's title has at most 24 characters")
        for block in view["blocks"]:
            if block["type"] == "input" and not {"label", "element"} <= block.keys():
                self.problems.append("an input lacks label or element")


@contextmanager
def slack_server() -> Iterator[Slack]:
    """On a free port."""
    slack, taken = Slack(), Taken()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.headers["Content-Type"].startswith("application/json"):
                slack.problems.append("JSON without its content type")
            self._say(body)

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            self._say({name: values[0] for name, values in asked.items()})

        def _say(self, body: Body) -> None:
            method = urlsplit(self.path).path.removeprefix("/api/")
            said: Body = {"ok": False, "error": "invalid_auth"}
            if self.headers["Authorization"] == f"Bearer {TOKEN}":
                said = slack.answer(method, body)
            data = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    with serving(Handler, taken):
        slack.url = f"{taken.url}/api"
        yield slack
