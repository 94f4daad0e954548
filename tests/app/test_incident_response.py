"""The response to incidents through real senders: Slack, mail, webhooks, trackers, the public."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.response_stage import ANA, CONFIG, stage
from tests.app.slack_stand_in import TOKEN, Slack, slack_server
from tests.notify.servers import Mails, Taken, http_receiver, mail_server
from tocsin.app.config import load_config
from tocsin.app.effective import effective_yaml
from tocsin.app.incident_response import check_response
from tocsin.incident.book import Resolution
from tocsin.incident.response.update import Update
from tocsin.incident.response.webhook import signature
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected
from tocsin.notify.slack_incident import ACK, ESCALATE, NOTE, RESOLVE, UNACK, UPDATE
from tocsin.web.response import Preview


@pytest.fixture
def hook() -> Iterator[Taken]:
    with http_receiver() as taken:
        yield taken


@pytest.fixture
def mails() -> Iterator[Mails]:
    with mail_server() as found:
        yield found


@pytest.fixture
def slack() -> Iterator[Slack]:
    with slack_server() as found:
        yield found
        assert found.problems == []


async def test_a_bots_message_has_buttons_and_changes_in_place(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    actions = "{do: post, channel: critical-alerts}"
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        one = await it.open()
        (posted,) = slack.of("chat.postMessage")
        blocks = posted["attachments"][0]["blocks"]
        assert posted["channel"] == "#critical-alerts"
        assert "https://tocsin.example.com/incidents/" in blocks[0]["text"]["text"]
        assert "*Severity*: P0" in blocks[1]["text"]["text"]
        ids = [button["action_id"] for button in blocks[3]["elements"]]
        assert {ACK, ESCALATE, UPDATE, NOTE, RESOLVE} <= set(ids)
        assert blocks[3]["elements"][0]["value"] == one.number
        await it.book.acknowledge(one.number, ANA)
        await it.runner.turn()
        changed = next(iter(slack.messages.values()))["attachments"][0]["blocks"]
        assert "acknowledged by <@U0ANA12345>" in changed[2]["elements"][0]["text"]
        assert changed[3]["elements"][0]["action_id"] == UNACK
        await it.response.desk.update(one.number, Update(text="Taking it **back**"), ANA)
        await it.runner.turn()
        reply = slack.of("chat.postMessage")[-1]
        assert reply["thread_ts"] == next(iter(slack.messages))
        assert "*Progress*: Taking it *back*" in reply["text"]
        await it.book.resolve(one.number, Resolution(resolution="Back"), ANA)
        await it.runner.turn()
        over = next(iter(slack.messages.values()))["attachments"][0]
        assert [block["type"] for block in over["blocks"]] == ["section", "section", "context"]
        assert len([m for m in slack.messages.values() if "thread_ts" not in m]) == 1


async def test_a_channel_of_its_own_is_made_once_and_archived_at_the_end(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    actions = "{do: slack_channel, invite: [assignee, U0OTHER123, nobody@x.y], archive: true}"
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        name = "inc-2023-0001-checkout-is-down"
        slack.channels[name] = "C0LEFT"  # a crash after it was made
        one = await it.open(assignee="ana")
        assert slack.invited == {"C0LEFT": "U0ANA12345,U0OTHER123"}
        assert slack.topics["C0LEFT"].startswith("P0 · open · Checkout is down")
        assert await it.outcomes(one.number) == [
            f"Created #{name} in Slack; not found in Slack: nobody@x.y"
        ]
        one = await it.book.get(one.number)
        assert [link.title for link in one.links] == [f"#{name}"]
        await it.book.resolve(one.number, Resolution(resolution="Back"), ANA)
        await it.book.close(one.number, ANA)
        await it.runner.turn()
        assert slack.archived == {"C0LEFT"}
        assert "**" not in slack.of("chat.postMessage")[-1]["text"]


async def test_a_channel_that_slack_lets_nobody_into_is_made_all_the_same(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    slack.refuses["conversations.invite"] = "cant_invite"
    actions = "{do: slack_channel, invite: [ana]}"
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        one = await it.open()
        (told,) = await it.outcomes(one.number)
        assert told.endswith("in Slack; nobody invited, Slack refuses: cant_invite")
        assert len(slack.messages) == 1


async def test_webhooks_mails_and_pagers_are_told_in_an_incidents_words(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    actions = """
      {do: post, channels: [hook, pager, team]}, {do: mail, to: critical-team},
      {do: mail, to: customers, audience: customers}"""
    hook.by_path["/pd"] = b'{"status":"success"}'
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        one = await it.open("Tom & <Jerry>")
        bodies = {seen.path: json.loads(seen.body) for seen in hook.seen}
        sent = bodies["/services/x"]["attachments"][0]
        assert sent["title"] == f"[P0] {one.number}: Tom & <Jerry>"
        assert "*Issue*: Tom &amp; &lt;Jerry&gt;" in sent["text"]
        assert bodies["/pd"]["event_action"] == "trigger"
        assert bodies["/pd"]["payload"]["summary"] == f"[P0] {one.number}: Tom & <Jerry>"
        await it.response.desk.update(one.number, Update(text="secret inside"), ANA)
        await it.runner.turn()
        public = Update(text="secret inside", public="Payments are slow.")
        await it.response.desk.update(one.number, public, ANA)
        await it.runner.turn()
        await it.book.resolve(one.number, Resolution(resolution="Back"), ANA)
        await it.runner.turn()
        pages = [json.loads(seen.body) for seen in hook.seen if seen.path == "/pd"]
        assert pages[-1]["event_action"] == "resolve"
        assert len({page["dedup_key"] for page in pages}) == 1
    sent_to: dict[str, list[str]] = {}
    for envelope in mails.envelopes:
        parsed = email.message_from_bytes(
            envelope.original_content or b"", policy=email.policy.default
        )
        body = parsed.get_body(("plain",))
        assert body is not None
        sent_to.setdefault(envelope.rcpt_tos[0], []).append(
            f"{parsed['Subject']}\n{body.get_content()}"
        )
    assert len(sent_to["team@company.com"]) == len(sent_to["critical-team@company.com"]) == 4
    customers = sent_to["c@example.org"]
    assert len(customers) == 3
    assert "Payments are slow." in customers[1]
    assert not any("secret" in text or "Tom" in text or "P0" in text for text in customers)


async def test_webhooks_can_be_kept_from_private_addresses(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    named = hook.url.replace("127.0.0.1", "localhost")
    actions = f"{{do: webhook, url: '{hook.url}/digits'}}, {{do: webhook, url: '{named}/name'}}"
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        file = tmp_path / "tocsin.yaml"
        text = file.read_text().replace("\n  response:", "\n  response:\n    private_webhooks: no")
        file.write_text(text)
        await it.response.apply(load_config(file), "https://tocsin.example.com")
        one = await it.open()
        digits, name = await it.outcomes(one.number)
        assert "127.0.0.1 is not on the public internet" in digits
        assert "localhost is not on the public internet" in name
        assert hook.seen == []


async def test_a_webhook_is_signed_and_says_which_message_it_is(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    actions = (
        f"{{do: webhook, url: '{hook.url}/robot?k=hush', secret: s1, at: [initial, resolution]}}"
    )
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        hook.answers = [(503, {}, b"no"), (200, {}, b"ok")]
        one = await it.open()
        assert (await it.outcomes(one.number))[0].startswith(
            "Call a webhook: failed for now and is tried again."
        )
        assert "hush" not in (await it.outcomes(one.number))[0]
        clock.jump(10)
        await it.runner.turn()
        await it.book.resolve(one.number, Resolution(resolution="Back"), ANA)
        await it.runner.turn()
    first, again, last = hook.seen
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert last.headers["idempotency-key"] != first.headers["idempotency-key"]
    at, mark = again.headers["x-tocsin-signature"].removeprefix("t=").split(",v1=")
    assert mark == signature("s1", int(at), again.body)
    said = json.loads(again.body)
    assert said["event"] == "incident.initial"
    assert said["incident"]["number"] == one.number
    assert json.loads(last.body)["event"] == "incident.resolution"


@pytest.mark.parametrize(
    ("tracker", "found", "made", "told"),
    [
        ("ops", b'{"issues":[]}', b'{"id":"1","key":"OPS-12"}', "Created the ticket OPS-12"),
        ("ops", b'{"issues":[{"key":"OPS-7"}]}', b"", "Found the ticket OPS-7"),
        ("code", b"[]", b'{"number":5,"html_url":"http://h/5"}', "Created the ticket #5"),
        (
            "code",
            b'[{"number":4,"html_url":"http://h/4","body":"x <!-- tocsin-inc-2023-0001 -->"}]',
            b"",
            "Found the ticket #4",
        ),
        ("lab", b"[]", b'{"iid":9,"web_url":"http://l/9"}', "Created the ticket #9"),
    ],
)
async def test_a_ticket_is_created_once(
    tmp_path: Path,
    clock: FakeClock,
    slack: Slack,
    hook: Taken,
    mails: Mails,
    tracker: str,
    found: bytes,
    made: bytes,
    told: str,
) -> None:
    hook.answers = [(200, {}, found), (201, {}, made)]
    async with stage(
        tmp_path, clock, f"{{do: ticket, tracker: {tracker}}}", slack, hook, mails
    ) as it:
        one = await it.open()
        assert await it.outcomes(one.number) == [told]
        assert len(one.links) == 1
    assert len(hook.seen) == (2 if made else 1)
    if made:
        body = json.loads(hook.seen[-1].body)
        assert "tocsin-inc-2023-0001" in json.dumps(body)
        assert "[P0] INC-2023-0001: Checkout is down" in json.dumps(body)


async def test_slack_that_is_away_holds_up_nothing_else(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    slack.refuses["conversations.create"] = "fatal_error"
    actions = "{do: slack_channel}, {do: post, channel: team}"
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        one = await it.open()
        assert len(mails.envelopes) == 1
        states = {s.action: s for s in await it.response.desk.actions(one.number)}
        failing = states["Create a channel in Slack"]
        assert failing.state == "failing"
        assert "fatal_error" in failing.error
        assert failing.next_ms > clock.now_ms()
        slack.refuses["conversations.create"] = "missing_scope"
        clock.jump(10)
        await it.runner.turn()
        (failed,) = [s for s in await it.response.desk.actions(one.number) if s.state == "failed"]
        slack.refuses.clear()
        await it.response.desk.again(one.number, failed.id, ANA)
        await it.runner.turn()
        assert "inc-2023-0001-checkout-is-down" in slack.channels
        done = [s for s in await it.response.desk.actions(one.number) if s.state == "done"]
        with pytest.raises(Rejected, match="only what failed for good"):
            await it.response.desk.again(one.number, done[0].id, ANA)


async def test_a_drill_tells_no_customer(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    actions = "{do: mail, to: customers, audience: customers}"
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        one = await it.open(is_drill=True)
        assert await it.outcomes(one.number) == ["Mail customers: left out, it is a drill"]
        assert mails.envelopes == []


async def test_tasks_are_ticked_and_kept_on_the_timeline(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    actions = "Begin troubleshooting, Monitor for escalation"
    async with stage(tmp_path, clock, actions, slack, hook, mails) as it:
        one = await it.open()
        desk = it.response.desk
        first, second = await desk.todos(one.number)
        assert (first.text, second.text) == ("Begin troubleshooting", "Monitor for escalation")
        await desk.tick(one.number, first.id, ANA, is_done=True)
        assert [todo.is_done for todo in await desk.todos(one.number)] == [True, False]
        assert (await desk.todos(one.number))[0].by == "ana"
        await desk.tick(one.number, first.id, ANA, is_done=False)
        assert (await it.outcomes(one.number))[-1] == "Not done after all: Begin troubleshooting"


async def test_a_template_is_previewed_with_real_data(
    tmp_path: Path, clock: FakeClock, slack: Slack, hook: Taken, mails: Mails
) -> None:
    async with stage(tmp_path, clock, "Begin troubleshooting", slack, hook, mails) as it:
        one = await it.open(assignee="ana")
        desk = it.response.desk
        shown = await desk.preview(Preview(template="{{ assignee }}", incident=one.number))
        assert (shown.text, shown.notation) == ("Ana Ruiz", "jinja2")
        assert "INC-2026-0042" in (await desk.preview(Preview(moment="update"))).text
        with pytest.raises(Rejected, match="unknown field"):
            await desk.preview(Preview(template="{title}", audience="public"))
        for audience in ("public", "customers"):
            outside = Preview(template="{update}!", audience=audience, incident=one.number)
            assert (await desk.preview(outside)).text == "!", "as when it is sent"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lists: {", "channels: [hok]\n    lists: {", "there is no channel 'hok'"),
        ("slack: {url", "slack: {via: team, url", "is not a Slack bot"),
        ("lists: {", "mail_via: hook\n    lists: {", "is not of the kind email"),
        ("kind: github", "kind: gitea", "expected"),
        ("{do: post, channel: hook}", "{do: page, policy: x}", "escalation policy"),
    ],
)
def test_names_that_are_not_there_are_refused(
    tmp_path: Path, clock: FakeClock, old: str, new: str, words: str
) -> None:
    urls = {"slack": "http://127.0.0.1:9", "hook": "http://127.0.0.1:9", "mail": 25}
    text = CONFIG.format(token=TOKEN, actions="{do: post, channel: hook}", **urls)
    file = tmp_path / "tocsin.yaml"
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as refused:
        check_response(load_config(file), clock)
    assert words in str(refused.value)
    assert "tocsin.yaml:" in str(refused.value)


def test_the_configuration_in_force_shows_no_secret_of_the_response(tmp_path: Path) -> None:
    action = "{do: webhook, url: 'http://h/hush1', secret: hush2, headers: {Authorization: hush3}}"
    urls = {"slack": "http://127.0.0.1:9", "hook": "http://127.0.0.1:9", "mail": 25}
    file = tmp_path / "tocsin.yaml"
    file.write_text(CONFIG.format(token="xoxb-hush4", actions=action, **urls))
    shown = effective_yaml(load_config(file).config)
    assert "hush" not in shown
    assert "t0k3n" not in shown
    assert "do: webhook" in shown


@pytest.mark.parametrize("name", ["incidents-first.yaml", "incidents-second.yaml"])
def test_the_examples_are_right_and_do_what_they_say(name: str, clock: FakeClock) -> None:
    loaded = load_config(Path(__file__).parents[2] / "examples" / name)
    assert all("is shown as a task" in one for one in check_response(loaded, clock))
