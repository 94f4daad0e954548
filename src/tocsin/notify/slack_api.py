"""How are the methods of Slack's API called as a bot, and what do their answers mean?

https://docs.slack.dev/apis/web-api/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.notify.kind import Making
from tocsin.notify.slack_answer import PASSING, SlackRefused
from tocsin.notify.wire import Request, exchange, go_json

T = TypeVar("T")

API_URL = "https://slack.com/api"
_SECONDS = 15.0
_LONGEST_NAME = 80
_NOT_ALLOWED = re.compile(r"[^a-z0-9_]+")
_PAGES = 20
_PAGE = 1000


class _Said(msgspec.Struct, frozen=True):
    ok: bool = False
    error: str = ""
    needed: str = ""
    """Of "missing_scope": which."""


class Conversation(msgspec.Struct, frozen=True):
    """A channel, as far as it matters here."""

    id: str = ""
    name: str = ""
    is_archived: bool = False


class _Created(msgspec.Struct, frozen=True):
    channel: Conversation = Conversation()


class _Metadata(msgspec.Struct, frozen=True):
    next_cursor: str = ""


class _Listed(msgspec.Struct, frozen=True):
    channels: tuple[Conversation, ...] = ()
    response_metadata: _Metadata = _Metadata()


class Posted(msgspec.Struct, frozen=True):
    """Where a message stands."""

    channel: str = ""
    ts: str = ""


class Profile(msgspec.Struct, frozen=True):
    """What a member says of themselves."""

    email: str = ""
    real_name: str = ""


class Member(msgspec.Struct, frozen=True):
    """Somebody in the workspace."""

    id: str = ""
    name: str = ""
    profile: Profile = Profile()


class _Found(msgspec.Struct, frozen=True):
    user: Member = Member()


class SlackApi:
    """Calls methods with a bot's token, which is asked for at each use. Every method raises
    Temporary, or SlackRefused with Slack's own word."""

    def __init__(self, making: Making, token: Callable[[], str], url: str = "") -> None:
        self._making = making
        self._token = token
        self._url = (url or API_URL).rstrip("/")

    async def post(self, body: Mapping[str, object]) -> Posted:
        """A new message."""
        return await self._call("chat.postMessage", body, Posted)

    async def update(self, body: Mapping[str, object]) -> Posted:
        """A message with another content."""
        return await self._call("chat.update", body, Posted)

    async def open_view(self, trigger_id: str, view: Mapping[str, object]) -> None:
        """A form for whoever pressed a button; within three seconds of that."""
        await self._call("views.open", {"trigger_id": trigger_id, "view": view}, _Said)

    async def create_channel(self, name: str, *, is_private: bool = False) -> Conversation:
        """A channel of that name, or the one that is there and in use already; when that one is
        archived another name is taken."""
        for number in range(1, 6):
            wanted = name if number == 1 else f"{name[: _LONGEST_NAME - 2]}-{number}"
            try:
                body = {"name": wanted, "is_private": is_private}
                return (await self._call("conversations.create", body, _Created)).channel
            except SlackRefused as refused:
                if refused.code != "name_taken":
                    raise
            found = await self.find_channel(wanted)
            if found is not None:
                return found
        raise Permanent(f"Slack has channels named {name} to {name}-5 already; archive or rename")

    async def find_channel(self, name: str) -> Conversation | None:
        """The channel of that name that is in use; None when the bot sees none."""
        cursor = ""
        for _ in range(_PAGES):
            asked = {
                "types": "public_channel,private_channel",
                "exclude_archived": "true",
                "limit": str(_PAGE),
                **({"cursor": cursor} if cursor else {}),
            }
            page = await self._ask("conversations.list", asked, _Listed)
            for one in page.channels:
                if one.name == name and not one.is_archived:
                    return one
            cursor = page.response_metadata.next_cursor
            if not cursor:
                return None
        return None

    async def invite(self, channel: str, members: tuple[str, ...]) -> None:
        """Members by their ids; who is there already stays."""
        if not members:
            return
        body = {"channel": channel, "users": ",".join(members)}
        await self._harmless("conversations.invite", body, "already_in_channel", "cant_invite_self")

    async def set_topic(self, channel: str, topic: str) -> None:
        """The line above a channel, at most 250 characters."""
        await self._call(
            "conversations.setTopic", {"channel": channel, "topic": topic[:250]}, _Said
        )

    async def archive(self, channel: str) -> None:
        """Nobody writes there any more."""
        await self._harmless("conversations.archive", {"channel": channel}, "already_archived")

    async def member_of(self, email: str) -> str:
        """The id of the member with that mail address; empty when there is none."""
        try:
            found = await self._ask("users.lookupByEmail", {"email": email}, _Found)
        except SlackRefused as refused:
            if refused.code == "users_not_found":
                return ""
            raise
        return found.user.id

    async def member(self, member_id: str) -> Member:
        """Who has that id."""
        return (await self._ask("users.info", {"user": member_id}, _Found)).user

    async def _harmless(self, method: str, body: Mapping[str, object], *codes: str) -> None:
        try:
            await self._call(method, body, _Said)
        except SlackRefused as refused:
            if refused.code not in codes:
                raise

    async def _call(self, method: str, body: Mapping[str, object], kind: type[T]) -> T:
        headers = {"Content-Type": "application/json; charset=utf-8", **self._login()}
        request = Request(f"{self._url}/{method}", go_json(body), headers)
        return await self._exchanged(request, kind)

    async def _ask(self, method: str, asked: Mapping[str, str], kind: type[T]) -> T:
        """Methods that only read take no JSON."""
        url = f"{self._url}/{method}?{urlencode(asked)}"
        return await self._exchanged(Request(url, headers=self._login(), method="GET"), kind)

    async def _exchanged(self, request: Request, kind: type[T]) -> T:
        options = self._making.shared.http_config
        answer = await exchange(self._making, request, options, timeout=_SECONDS)
        try:
            said = msgspec.convert(json.loads(answer.body), _Said)
        except (ValueError, msgspec.ValidationError) as error:
            raise Permanent("Slack's answer is not the JSON that it announces") from error
        if not said.ok and said.error in PASSING:
            raise Temporary(f"Slack cannot just now: {said.error}")
        if not said.ok:
            needed = f"give the app the scope {said.needed} and install it again"
            raise SlackRefused(said.error, needed if said.needed else None)
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.MsgspecError as error:
            raise Permanent(f"Slack's answer is not as documented: {error}") from error

    def _login(self) -> dict[str, str]:
        token = self._token().strip()
        if not token:
            raise Rejected("the Slack bot's token is empty; give it in incidents.response.slack")
        return {"Authorization": f"Bearer {token}"}


def channel_name(text: str) -> str:
    """The text as a channel may be named: small letters, digits, - and _, at most 80."""
    return _NOT_ALLOWED.sub("-", text.lower()).strip("-_")[:_LONGEST_NAME].strip("-_") or "incident"
