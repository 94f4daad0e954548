"""`jira_configs`: one issue of Jira for each group, opened, brought up to date and closed.

https://prometheus.io/docs/alerting/latest/configuration/#jira_config
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Permanent
from tocsin.model.notices import Notice
from tocsin.notify.http_sender import Filling, Line, filling, json_request, read
from tocsin.notify.jira_issue import API_URL, JiraConfig, issue_body, search
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.wire import Request

T = TypeVar("T")


class _Category(msgspec.Struct):
    key: str = ""


class _Status(msgspec.Struct):
    category: _Category = msgspec.field(default_factory=_Category, name="statusCategory")


class _Fields(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class _Issue(msgspec.Struct):
    key: str = ""
    fields: _Fields = msgspec.field(default_factory=_Fields)

    @property
    def is_done(self) -> bool:
        return self.fields.status.category.key == "done"


class _Found(msgspec.Struct):
    issues: list[_Issue] = []


class _Transition(msgspec.Struct):
    id: str
    name: str = ""


class _Transitions(msgspec.Struct):
    transitions: list[_Transition] = []


class Jira:
    """Looks for the group's issue first, so that nothing needs to be remembered here."""

    def __init__(self, config: JiraConfig, making: Making) -> None:
        self._config = config
        self._making = making
        self._line = Line(config, making)
        self._base = (config.api_url or making.shared.jira_api_url).rstrip("/")

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        config, base = self._config, self._base
        fill = filling(notice, self._making)
        url, query = await asyncio.to_thread(search, config, fill, base)
        found = _decoded(await self._ask(json_request(url, query)), _Found).issues
        if not found and not fill.is_firing:
            return
        body = await asyncio.to_thread(issue_body, config, fill, base, is_new=not found)
        if not found:
            await self._ask(json_request(f"{base}/issue", body))
            return
        issue = found[0]
        where = f"{base}/issue/{quote(issue.key, safe='')}"
        await self._ask(replace(json_request(where, body), method="PUT"))
        await self._move(issue, where, fill)

    async def _move(self, issue: _Issue, where: str, fill: Filling) -> None:
        """Close or open it again, unless it is so already or nothing is configured for it."""
        config = self._config
        name = config.reopen_transition if fill.is_firing else config.resolve_transition
        if not name or issue.is_done != fill.is_firing:
            return
        answer = await self._ask(Request(f"{where}/transitions", method="GET"))
        possible = _decoded(answer, _Transitions).transitions
        ids = [transition.id for transition in possible if transition.name == name]
        if not ids:
            names = ", ".join(repr(transition.name) for transition in possible) or "none"
            raise Permanent(f"{issue.key} has no transition {name!r}; those it has: {names}")
        body = {"transition": {"id": ids[0]}}
        await self._ask(json_request(f"{where}/transitions", body))

    async def _ask(self, request: Request) -> bytes:
        # Names of transitions are in the language that is asked for.
        headers = {**request.headers, "Accept-Language": "en"}
        answer = await self._line.ask(replace(request, headers=headers))
        return answer.body


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise Permanent(f"Jira's answer is not the JSON that its API gives: {error}") from error


def _make(part: Document, making: Making) -> Made:
    config = read(part, making, JiraConfig, (API_URL,))
    return Made(Jira(config, making), config.tells_ends)


KIND = SenderKind("jira", _make)
