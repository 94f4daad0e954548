"""How is Slack told by a bot? One message for each group, changed in place; its thread says what
changed, and its buttons answer.

https://docs.slack.dev/reference/methods/chat.postMessage and chat.update
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import read_secret
from tocsin.model.notices import Notice
from tocsin.notify.conversation import KeptMessage
from tocsin.notify.kind import Making
from tocsin.notify.pages import page_of
from tocsin.notify.slack_answer import SlackAnswer, SlackRefused, judged_json
from tocsin.notify.slack_body import message_of
from tocsin.notify.slack_config import POST_METHOD, SlackConfig
from tocsin.notify.slack_status import (
    acknowledged_words,
    change_words,
    escaped,
    is_urgent,
    status_attachment,
)
from tocsin.notify.wire import Request, exchange, go_json

POST_URL = f"https://slack.com/api{POST_METHOD}"

_GONE = frozenset(
    ("message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found")
)
"""Why a message cannot be changed any more; a new one takes its place."""


class SlackBot:
    """Writes as an app's bot, with the scope `chat:write`."""

    def __init__(self, config: SlackConfig, making: Making) -> None:
        self._config = config
        self._making = making
        self._talk = making.conversation
        by_token = not config.is_method
        self._updates = by_token if config.update_message is None else config.update_message
        threads = config.post_updates_to_thread
        self._threads = by_token if threads is None else threads

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        key = f"{self._making.place}|{notice.group_key}"
        async with self._talk.turn(key):
            body = await asyncio.to_thread(message_of, self._config, self._making, notice)
            before = self._talk.memory.get(key)
            hears = self._config.send_resolved is not False
            if before is not None and not before.continues(notice, hears_of_ends=hears):
                before = None
            message = _kept(self._making.place, notice, body, before)
            if before is None:
                await self._begin(message)
            else:
                await self._go_on(before, message, notice)

    async def refresh(self, message: KeptMessage) -> None:
        """Say who has acknowledged by now; raises as `send`."""
        async with self._talk.turn(message.key):
            current = self._talk.memory.get(message.key)
            if current is None or not current.ts:
                return
            now = self._talk.acknowledged(current.firing)
            if now == current.acknowledged:
                return
            note = self._note(current.acknowledged, now)
            words = acknowledged_words(current.acknowledged, now, len(current.firing), note)
            written = await self._updated(current, now)
            if words and self._threads and written.ts == current.ts:
                await self._reply(current, words)
            await self._talk.memory.put(msgspec.structs.replace(written, acknowledged=now))

    async def say(self, message: KeptMessage, words: str) -> None:
        """Say this in the message's thread; raises as `send`."""
        if self._threads and message.ts:
            await self._reply(message, escaped(words))

    async def _begin(self, message: KeptMessage) -> None:
        """A message of its own."""
        acknowledged = self._talk.acknowledged(message.firing)
        await self._post(message, acknowledged)

    async def _go_on(self, before: KeptMessage, message: KeptMessage, notice: Notice) -> None:
        """The message as it is now, and a word in its thread."""
        now = self._talk.acknowledged(message.firing)
        if self._updates:
            message = await self._updated(message, now)
            if self._threads and message.ts == before.ts:
                broadcast = is_urgent(before, notice, now)
                await self._reply(message, change_words(before, notice), broadcast=broadcast)
        elif self._threads:
            await self._call(POST_METHOD, {**self._body(message, now), **_thread(message)})
        else:
            await self._post(message, now)
            return
        await self._talk.memory.put(msgspec.structs.replace(message, acknowledged=now))

    async def _post(self, message: KeptMessage, acknowledged: Mapping[str, str]) -> KeptMessage:
        body = self._body(message, acknowledged)
        answer = await self._call(POST_METHOD, body)
        written = msgspec.structs.replace(
            message,
            channel=answer.channel or str(body.get("channel", "")),
            ts=answer.ts,
            acknowledged=dict(acknowledged),
        )
        await self._talk.memory.put(written)
        return written

    async def _updated(self, message: KeptMessage, acknowledged: Mapping[str, str]) -> KeptMessage:
        """The message with another content; as a new one when the old cannot be changed."""
        if not self._updates:
            return message
        whole = self._body(message, acknowledged)
        body: dict[str, object] = {"channel": message.channel, "ts": message.ts}
        body |= {key: whole[key] for key in ("link_names", "text", "attachments") if key in whole}
        try:
            await self._call("/chat.update", body)
        except SlackRefused as refused:
            if refused.code not in _GONE:
                raise
            return await self._post(message, acknowledged)
        return message

    async def _reply(self, message: KeptMessage, words: str, *, broadcast: bool = False) -> None:
        body: dict[str, object] = {**_thread(message), "text": words}
        if broadcast:
            body["reply_broadcast"] = True
        await self._call(POST_METHOD, body)

    def _body(self, message: KeptMessage, acknowledged: Mapping[str, str]) -> dict[str, object]:
        body: dict[str, object] = msgspec.json.decode(message.content)
        attachments = body.get("attachments")
        page = page_of(self._making, list(message.firing))
        buttons = self._talk.has_buttons
        status = status_attachment(message, acknowledged, has_buttons=buttons, page=page)
        body["attachments"] = [*(attachments if isinstance(attachments, list) else ()), status]
        return body

    def _note(self, before: Mapping[str, str], now: Mapping[str, str]) -> str:
        for one in now.keys() - before.keys():
            taken = self._talk.taken_on(one)
            if taken is not None and taken.note:
                return taken.note
        return ""

    async def _call(self, method: str, body: dict[str, object]) -> SlackAnswer:
        config, making, shared = self._config, self._making, self._making.shared
        headers = {"Content-Type": "application/json; charset=utf-8"}
        url = config.app_url or shared.slack_app_url or POST_URL
        if config.is_method and config.api_url is not None:
            url = config.api_url.reveal()
        else:
            headers["Authorization"] = f"Bearer {self._token()}"
        request = Request(f"{url.rpartition('/')[0]}{method}", go_json(body), headers)
        options = config.http_config or shared.http_config
        answer = await exchange(making, request, options, timeout=float(config.timeout))
        return judged_json(answer)

    def _token(self) -> str:
        config, making, shared = self._config, self._making, self._making.shared
        token = read_secret(config.app_token, config.app_token_file, base=making.folder)
        if not token:
            file = shared.slack_app_token_file
            token = read_secret(shared.slack_app_token, file, base=making.folder)
        if not token or not token.strip():
            raise Rejected("the bot's token is empty; write it in app_token or app_token_file")
        return token.strip()


def _thread(message: KeptMessage) -> dict[str, object]:
    return {"channel": message.channel, "thread_ts": message.ts}


def _kept(
    place: str, notice: Notice, body: dict[str, object], before: KeptMessage | None
) -> KeptMessage:
    starts = min((one.starts_ms for one in notice.alerts), default=notice.at_ms)
    return KeptMessage(
        place=place,
        group_key=notice.group_key,
        firing={one.fingerprint: one.starts_ms for one in notice.firing},
        opened_ms=before.opened_ms if before else starts,
        told_ms=notice.at_ms,
        channel=before.channel if before else "",
        ts=before.ts if before else "",
        content=msgspec.json.encode(body),
    )
