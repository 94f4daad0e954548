"""One message for each group, changed in place: what Slack is asked, in which order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.notify.making import STARTS_MS, alert, made, making, notice
from tests.notify.servers import Taken, http_receiver
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Permanent, Temporary
from tocsin.model.notices import Notice, group_id
from tocsin.notify.conversation import Conversation, KeptMessage, MemoryOnly
from tocsin.notify.kind import Making
from tocsin.notify.slack_bot import SlackBot

GOLDEN = Path(__file__).parent / "golden"
ONE, TWO = alert(instance="1"), alert(instance="2")
POSTED = b'{"ok":true,"channel":"C1","ts":"1.1"}'


@dataclass
class Taker:
    """Somebody's acknowledgement."""

    by: str
    note: str = ""


@dataclass
class Slack:
    """A bot before a server that answers as Slack does."""

    taken: Taken
    base: Making
    memory: MemoryOnly = field(default_factory=MemoryOnly)
    takers: dict[str, Taker] = field(default_factory=dict)
    text: str = ""

    def bot(self, more: str = "", *, buttons: bool = True) -> SlackBot:
        talk = Conversation(memory=self.memory, taken_on=self.takers.get, has_buttons=buttons)
        base = replace(self.base, conversation=talk, place="team/slack[0]")
        url = f"{self.taken.url}/api/chat.postMessage"
        text = f"{{app_token: xoxb-hush, app_url: '{url}', channel: '#ops', {more}}}"
        sender = made("slack", text, base).sender
        assert isinstance(sender, SlackBot)
        return sender

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:  # Any: JSON
        return [(one.path.rpartition("/")[2], json.loads(one.body)) for one in self.taken.seen]

    @property
    def methods(self) -> list[str]:
        return [
            method + (" in thread" if "thread_ts" in body else "") for method, body in self.calls
        ]

    def status(self, number: int = -1) -> str:
        """The line below the message, without the moment."""
        attachment = self.calls[number][1]["attachments"][-1]
        text: str = attachment["blocks"][0]["elements"][0]["text"]
        return text.partition(" · since")[0]

    def buttons(self, number: int = -1) -> list[str]:
        blocks = self.calls[number][1]["attachments"][-1]["blocks"]
        return [one["text"]["text"] for block in blocks[1:] for one in block["elements"]]


@pytest.fixture
async def slack(clock: FakeClock) -> AsyncIterator[Slack]:
    with http_receiver() as taken:
        taken.by_path = {"/api/": POSTED}
        base = making(clock)
        yield Slack(taken, base)
        await base.fetcher.close()


def later(seconds: int, *alerts: Any) -> Notice:  # Any: NoticeAlert, as notice() takes
    return msgspec.structs.replace(notice(*alerts), at_ms=STARTS_MS + seconds * 1000)


async def test_the_first_message_is_posted_with_alertmanagers_attachment(slack: Slack) -> None:
    await slack.bot().send(notice(ONE))
    [seen] = slack.taken.seen
    assert seen.path == "/api/chat.postMessage"
    assert seen.headers["authorization"] == "Bearer xoxb-hush"
    assert seen.headers["content-type"] == "application/json; charset=utf-8"
    assert seen.body == (GOLDEN / "slack_bot.json").read_bytes()


async def test_changes_update_the_message_and_are_told_in_its_thread(slack: Slack) -> None:
    bot = slack.bot()
    await bot.send(notice(ONE))
    await bot.send(later(60, ONE, TWO))
    await bot.send(later(3600, alert(instance="1", ends=True), TWO))
    await bot.send(later(7300, alert(instance="2", ends=True)))
    assert slack.methods == [
        "chat.postMessage",
        "chat.update",
        "chat.postMessage in thread",
        "chat.update",
        "chat.postMessage in thread",
        "chat.update",
        "chat.postMessage in thread",
    ]
    texts = [body["text"] for method, body in slack.calls if "thread_ts" in body]
    assert texts == [
        ":rotating_light: New: Down instance=2 service=api",
        ":white_check_mark: Resolved: Down instance=1 service=api",
        ":white_check_mark: All resolved after 2 h 1 min.",
    ]
    update = slack.calls[1][1]
    assert (update["channel"], update["ts"]) == ("C1", "1.1")
    assert slack.status(1) == "*2 firing* · nobody has acknowledged"
    assert slack.calls[5][1]["attachments"][-1]["color"] == "#26a269"
    assert slack.buttons(5) == []


async def test_what_is_new_or_goes_on_unseen_reaches_the_channel(slack: Slack) -> None:
    bot = slack.bot()
    await bot.send(notice(ONE))
    await bot.send(later(60, ONE, TWO))
    await bot.send(later(7200, ONE, TWO))
    slack.takers.update({ONE.fingerprint: Taker("bo"), TWO.fingerprint: Taker("bo")})
    await bot.send(later(9000, ONE, TWO))
    replies = [body for _, body in slack.calls if "thread_ts" in body]
    assert [body.get("reply_broadcast", False) for body in replies] == [True, True, False]
    assert replies[1]["text"] == ":hourglass: Still firing after 2 h 0 min: 2 alerts."


async def test_the_next_incident_is_another_message(slack: Slack) -> None:
    bot = slack.bot()
    await bot.send(notice(ONE))
    await bot.send(later(60, alert(instance="1", ends=True)))
    again = msgspec.structs.replace(ONE, starts_ms=STARTS_MS + 90_000)
    await bot.send(later(90, again))
    assert slack.methods[-1] == "chat.postMessage"


async def test_a_channel_that_hears_of_no_ends_begins_anew_by_the_alerts_start(
    slack: Slack,
) -> None:
    bot = slack.bot("send_resolved: false")
    await bot.send(notice(ONE))
    await bot.send(later(86_400, msgspec.structs.replace(ONE, starts_ms=STARTS_MS + 80_000_000)))
    assert slack.methods == ["chat.postMessage", "chat.postMessage"]


async def test_an_acknowledgement_changes_the_message_and_says_who(slack: Slack) -> None:
    bot = slack.bot()
    await bot.send(notice(ONE, TWO))
    [message] = slack.memory._messages.values()
    slack.takers[ONE.fingerprint] = Taker("bo", "looking <!channel>")
    await bot.refresh(message)
    assert slack.status(1) == "*2 firing* · 1 of 2 acknowledged by *bo*"
    assert slack.calls[2][1]["text"] == (":eyes: bo acknowledged 1 of 2: looking &lt;!channel&gt;")
    assert slack.buttons(1) == ["Acknowledge", "Silence 1 h", "Mark as resolved"]
    slack.takers[TWO.fingerprint] = Taker("ann")
    await bot.refresh(message)
    assert slack.status(3) == "*2 firing* · acknowledged by *bo, ann*"
    assert slack.buttons(3) == ["Unacknowledge", "Silence 1 h", "Mark as resolved"]
    slack.takers.clear()
    await bot.refresh(message)
    assert slack.calls[-1][1]["text"] == ":warning: No longer acknowledged; it is told again."
    seen = len(slack.calls)
    await bot.refresh(message)
    assert len(slack.calls) == seen  # nothing new, nothing said


async def test_buttons_name_the_group_and_are_there_only_where_they_are_heard(
    slack: Slack,
) -> None:
    await slack.bot(buttons=False).send(notice(ONE))
    assert slack.buttons() == []
    await slack.bot().send(later(1, ONE, TWO))
    elements = slack.calls[1][1]["attachments"][-1]["blocks"][1]["elements"]
    assert {one["value"] for one in elements} == {group_id(notice().group_key)}


async def test_another_process_goes_on_with_the_same_message(slack: Slack) -> None:
    await slack.bot().send(notice(ONE))
    kept = [msgspec.json.encode(one) for one in slack.memory._messages.values()]
    slack.memory = MemoryOnly()
    for one in kept:
        await slack.memory.put(msgspec.json.decode(one, type=KeptMessage))
    await slack.bot().send(later(60, ONE, TWO))
    assert slack.methods[1:] == ["chat.update", "chat.postMessage in thread"]


@pytest.mark.parametrize("code", ["message_not_found", "edit_window_closed"])
async def test_a_message_that_cannot_be_changed_is_written_anew(slack: Slack, code: str) -> None:
    bot = slack.bot()
    await bot.send(notice(ONE))
    refused = json.dumps({"ok": False, "error": code}).encode()
    slack.taken.by_path = {"/api/chat.update": refused, "/api/": POSTED.replace(b"1.1", b"2.2")}
    await bot.send(later(60, ONE, TWO))
    assert slack.methods[1:] == ["chat.update", "chat.postMessage"]
    [message] = slack.memory._messages.values()
    assert message.ts == "2.2"


async def test_without_updates_each_change_is_a_message_as_alertmanager_does(slack: Slack) -> None:
    bot = slack.bot("update_message: false, post_updates_to_thread: false")
    await bot.send(notice(ONE))
    await bot.send(later(60, ONE, TWO))
    assert slack.methods == ["chat.postMessage", "chat.postMessage"]


async def test_threads_alone_hold_the_whole_of_later_messages(slack: Slack) -> None:
    bot = slack.bot("update_message: false")
    await bot.send(notice(ONE))
    await bot.send(later(60, ONE, TWO))
    assert slack.methods == ["chat.postMessage", "chat.postMessage in thread"]
    assert slack.calls[1][1]["attachments"][0]["title"] == "[FIRING:2] Down (api)"


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("channel_not_found", Permanent, "must invite the bot"),
        ("not_in_channel", Permanent, "invite the bot into the channel"),
        ("invalid_auth", Permanent, "xoxb-"),
        ("something_new", Permanent, "something_new"),
        ("ratelimited", Temporary, "cannot just now"),
        ("internal_error", Temporary, "cannot just now"),
    ],
)
async def test_slacks_word_says_whether_to_try_again(
    slack: Slack, code: str, error: type[Exception], words: str
) -> None:
    slack.taken.by_path = {"/api/": json.dumps({"ok": False, "error": code}).encode()}
    with pytest.raises(error, match=words):
        await slack.bot().send(notice(ONE))


async def test_a_rate_limit_is_obeyed_and_nothing_is_said_twice(slack: Slack) -> None:
    bot = slack.bot()
    await bot.send(notice(ONE))
    slack.taken.by_path = {"/api/chat.update": POSTED}
    slack.taken.answers = [(429, {"Retry-After": "7"}, b"")]
    with pytest.raises(Temporary) as caught:
        await bot.send(later(60, ONE, TWO))
    assert caught.value.retry_after == 7.0
    slack.taken.by_path = {"/api/": POSTED}
    await bot.send(later(60, ONE, TWO))
    assert slack.methods[1:] == [
        "chat.update",
        "chat.postMessage in thread",
        "chat.update",
        "chat.postMessage in thread",
    ]


async def test_alertmanagers_own_spelling_of_a_bot_is_understood(
    slack: Slack, clock: FakeClock
) -> None:
    text = (
        "{api_url: 'https://slack.example/api/chat.postMessage', channel: x, update_message: true, "
        "http_config: {authorization: {credentials: xoxb-1}}}"
    )
    assert isinstance(made("slack", text, slack.base).sender, SlackBot)
    shared = making(clock, "{slack_app_token: xoxb-1}")
    result = made("slack", "{channel: x}", shared)
    assert isinstance(result.sender, SlackBot)
    assert result.sends_resolved


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{app_token: a, api_url: 'http://b', channel: x}", "exclude each other"),
        ("{app_token: a, app_token_file: b, channel: x}", "exclude each other"),
        ("{app_token: a}", "a bot must be told the channel"),
        ("{api_url: 'https://hooks.slack.com/x', update_message: true}", "need a bot"),
    ],
)
def test_mistakes_of_a_bot_are_told(clock: FakeClock, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        made("slack", text, making(clock))


def test_an_apps_token_in_place_of_the_bots_is_told(clock: FakeClock) -> None:
    [warning] = made("slack", "{app_token: xapp-1, channel: x}", making(clock)).warnings
    assert "xoxb-" in warning
