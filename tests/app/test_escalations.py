"""Pages as the product sends them: to receivers shaped like the services, on virtual time."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest
from aiohttp import web

from tests.notify.servers import mail_server
from tests.oncall.push_service import PushService, push_service
from tests.state.fresh import state_file
from tocsin.alert.delivering.desk import Desk
from tocsin.alert.delivering.history import NoHistory, Record
from tocsin.app.config import Loaded, load_config
from tocsin.app.escalations import Escalations, check_escalations
from tocsin.app.incident_ports import Pages
from tocsin.app.incidents import Incidents
from tocsin.app.oncall import on_call_plan
from tocsin.app.page_calls import PageCalls
from tocsin.app.page_ways import Links, Ways
from tocsin.incident.book import Author, Draft
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident
from tocsin.oncall.paging.answers import ACKNOWLEDGE, ESCALATE
from tocsin.oncall.paging.caller import Message
from tocsin.oncall.webpush.device import Device
from tocsin.oncall.webpush.encoding import text
from tocsin.scrape.fetch import Fetcher
from tocsin.state.settings import Settings

BO = Author("bo", "page")


@dataclass
class Services:
    """Every service over HTTP: takes all, keeps what it was sent by its path."""

    taken: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    broken: str = ""
    """Part of the path of what does not work."""

    async def take(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        if self.broken and self.broken in request.path:
            return web.Response(status=400, text="no such number")
        if "json" in request.headers.get("Content-Type", ""):
            self.taken.append((request.path, json.loads(body)))
        else:
            self.taken.append((request.path, {k: v[0] for k, v in parse_qs(body).items()}))
        return web.json_response({"ok": True, "ts": "1.2", "channel": "D1", "sid": "x"})


class Remembered(NoHistory):
    """A history in memory."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}

    async def begin(self, record: Record, fingerprints: tuple[str, ...]) -> Record:
        made = msgspec.structs.replace(record, id=len(self.records) + 1)
        self.records[made.id] = made
        return made

    def update(self, record: Record) -> None:
        self.records[record.id] = record


@dataclass
class World:
    """One process with its receivers."""

    clock: FakeClock
    incidents: Incidents
    paging: Escalations
    services: Services
    push: PushService
    history: Remembered

    async def open(self, title: str = "Database down") -> Incident:
        """A P0."""
        draft = Draft(severity="P0", title=title, services=("shop",))
        return await self.incidents.book.open(draft, Author("tocsin", "alerts"))

    async def passes(self, minutes: float) -> None:
        """Let the time pass from one due errand to the next."""
        end = round(self.clock.now_ms() + minutes * 60_000)
        while 0 < (due := await self.incidents.runner.turn()) <= end:
            self.clock.jump(max(0.0, due / 1000 - self.clock.now()))
        self.clock.jump(max(0.0, end / 1000 - self.clock.now()))


CONFIG = """
listen: {{external_url: "https://tocsin.example.com"}}
alerting:
  channels:
    text:
      {{kind: twilio, account_sid: AC1, auth_token: t0ken-of-twilio, from: "+15550001", to: "+1",
       api_url: "{url}"}}
    bot:
      {{kind: slack, app_token: xoxb-1-of-slack, channel: "#ops",
       app_url: "{url}/api/chat.postMessage"}}
    duty: {{kind: pagerduty, routing_key: k0, url: "{url}/v2/enqueue"}}
    chat: {{kind: telegram, bot_token: b0t-of-telegram, chat_id: 1, api_url: "{url}"}}
oncall:
  paging: {{web_push: {{allow_private: true}}}}
  people:
    ana:
      methods:
        - {{kind: push}}
        - {{kind: sms, address: "+4915112345678"}}
        - {{kind: call, address: "+4915112345678"}}
      rules: {{high: [{{method: push}}, {{method: sms, after: 2m}}, {{method: call, after: 5m}}]}}
    ben:
      methods:
        - {{kind: slack, address: U123}}
        - {{kind: telegram, address: "77"}}
        - {{kind: pagerduty, address: R0UT1NGKEY}}
  schedules:
    primary:
      {{layers: [{{people: [ana], rotation: weekly, handoff: "Mon 09:00", start: 2020-01-01}}]}}
  policies:
    P0:
      steps:
        - {{notify: "schedule:primary", timeout: 15m}}
        - {{notify: ben}}
        - {{notify: "channel:bot"}}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with made(tmp_path) as found:
        yield found


@asynccontextmanager
async def made(folder: Path) -> AsyncIterator[World]:
    """A world whose ana has one browser."""
    services = Services()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", services.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    services.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    clock = FakeClock()
    loaded = loaded_from(folder, CONFIG.format(url=services.url))
    check_escalations(loaded, clock)
    roster = on_call_plan(loaded, clock.now_ms()).roster
    database = state_file(folder / "state.db")
    await database.open()
    incidents, history = Incidents(database, loaded, clock), Remembered()
    desk = Desk(clock, history)
    settings = Settings(database, clock)
    paging = Escalations(database, settings, incidents, desk, lambda: roster, clock)
    incidents.add(paging)
    await incidents.load()
    await incidents.apply(loaded, "https://tocsin.example.com")
    async with push_service() as push:
        browser = push.browser
        await paging.devices.add(
            Device(person="ana", endpoint=push.url, p256dh=browser.p256dh, auth=text(browser.auth))
        )
        yield World(clock, incidents, paging, services, push, history)
    await incidents.close()
    await database.close()
    await runner.cleanup()


def loaded_from(folder: Path, content: str) -> Loaded:
    """A configuration with this text."""
    file = folder / "tocsin.yaml"
    file.write_text(content)
    return load_config(file)


async def test_ana_is_rung_then_texted_then_called_then_ben_everywhere(world: World) -> None:
    incident = await world.open()
    await world.passes(1)
    (ring,) = world.push.taken
    said = json.loads(ring.plain)
    assert said["title"] == "P0 Database down"
    assert said["tag"] == incident.number
    assert set(said["answers"]) == {ACKNOWLEDGE, ESCALATE}
    assert said["path"].startswith("/page/"), "touching it needs no login either"
    assert world.services.taken == []
    await world.passes(2)
    ((path, sms),) = world.services.taken
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert sms["To"] == "+4915112345678"
    assert sms["Body"].startswith("P0 Database down (shop)\nhttps://tocsin.example.com/page/")
    await world.passes(3)
    path, call = world.services.taken[1]
    assert path == "/2010-04-01/Accounts/AC1/Calls.json"
    assert re.search(
        r'<Gather numDigits="1" timeout="10" method="POST" action="https://tocsin.example.com'
        r'/page/[^"/]+/digits"><Say loop="2">Tocsin. P0 Database down .* Press 1 to acknowledge, '
        r"2 to escalate.</Say></Gather>",
        call["Twiml"],
    )
    await world.passes(10)
    sent = dict(world.services.taken[2:])
    assert sent["/api/chat.postMessage"]["channel"] == "U123"
    assert str(sent["/botb0t-of-telegram/sendMessage"]["chat_id"]) == "77"
    assert sent["/v2/enqueue"]["routing_key"] == "R0UT1NGKEY"


async def test_two_who_are_paged_in_slack_are_each_told_where_they_are(world: World) -> None:
    ways = world.paging.calls.ways
    assert ways is not None
    message = Message(subject="INC-1", title="P0 Database down", text="It is", at_ms=1)
    for address in ("U123", "U456", "U123"):
        sender = ways.sender("slack", address, message, Links())
        await sender.send(world.paging.calls.notice("page", message))
    told = [(body["channel"], "thread_ts" in body) for _, body in world.services.taken]
    assert told == [("U123", False), ("U456", False), ("U123", False)]


async def test_each_page_is_in_the_history_and_shows_no_link_that_answers(world: World) -> None:
    await world.open()
    await world.passes(16)
    records = list(world.history.records.values())
    assert {one.receiver for one in records} == {"page: ana", "page: ben"}
    assert {one.state for one in records} == {"sent"}
    shown = json.dumps([[one.body, one.answer, str(one.notice)] for one in records])
    assert "/page/" not in html.unescape(shown)
    assert "R0UT1NGKEY" not in shown


async def test_a_link_of_a_page_acknowledges_and_escalates(world: World) -> None:
    incident = await world.open()
    await world.passes(3)
    links = world.paging.calls.links
    assert links is not None
    token = world.services.taken[0][1]["Body"].splitlines()[1].rpartition("/")[2]
    link = links.read(token, world.clock.now())
    assert (link.subject, link.recipient) == (incident.number, "ana")
    words = await world.paging.answers.escalate(link.subject, link.recipient, "link")
    assert "whoever comes next" in words
    await world.passes(1)
    assert next(path for path, _ in world.services.taken[1:]) in (
        "/api/chat.postMessage",
        "/v2/enqueue",
        "/botb0t-of-telegram/sendMessage",
    )
    await world.paging.answers.acknowledge(link.subject, "ben", "push")
    before = len(world.services.taken)
    await world.passes(600)
    assert len(world.services.taken) == before
    found = await world.incidents.book.get(incident.number)
    assert found.acknowledged_by == "ben"


async def test_escalating_in_slack_what_somebody_has_calls_whoever_comes_next(
    world: World,
) -> None:
    incident = await world.open()
    await world.passes(1)
    await world.incidents.book.acknowledge(incident.number, Author("ana", "push"))
    runner = world.incidents.runner
    pages = Pages(world.incidents.book, runner, world.paging, None, world.clock)  # type: ignore[arg-type]  # who is on call is not asked for
    assert "whoever comes next" in await pages.next(incident.number, "ana")
    await world.passes(1)
    assert "/v2/enqueue" in [path for path, _ in world.services.taken], "ben is paged"
    assert (await world.incidents.book.get(incident.number)).acknowledged_by == ""


async def test_a_browser_that_is_gone_is_forgotten_and_the_text_message_comes_at_once(
    world: World,
) -> None:
    world.push.status = 410
    await world.open()
    await world.passes(1)
    assert await world.paging.devices.all() == []
    assert [path.rpartition("/")[2] for path, _ in world.services.taken] == ["Messages.json"]


async def test_without_any_way_that_works_the_next_one_is_called_at_once(world: World) -> None:
    world.push.status = 403
    world.services.broken = "Accounts"
    await world.open()
    await world.passes(1)
    assert {path for path, _ in world.services.taken} == {
        "/api/chat.postMessage",
        "/v2/enqueue",
        "/botb0t-of-telegram/sendMessage",
    }


async def test_a_title_that_looks_like_a_template_is_only_words(world: World) -> None:
    await world.open("{{ .CommonLabels }} <b>&")
    await world.passes(3)
    assert "{{ .CommonLabels }} <b>&" in world.services.taken[0][1]["Body"]


async def test_a_way_of_ones_own_counts_once_its_code_came_back(world: World) -> None:
    contacts, book = world.paging.contacts, world.paging.address_book
    pager = world.paging.pager()
    made_way, code = await contacts.add(await book.person("ana"), "second", "sms", "+49 30 123456")
    await pager.send_code("ana", "sms", made_way.address, code)
    assert world.services.taken[0][1]["To"] == "+4930123456"
    assert code in world.services.taken[0][1]["Body"]
    assert world.history.records == {}, "others may read the history"
    assert "second" not in [one.name for one in (await book.person("ana")).methods]
    with pytest.raises(Rejected, match="not the code"):
        await contacts.verify("ana", "second", "000000" if code != "000000" else "1")
    await contacts.verify("ana", "second", code)
    assert "second" in [one.name for one in (await book.person("ana")).methods]


async def test_five_wrong_codes_end_it(world: World) -> None:
    contacts = world.paging.contacts
    _, code = await contacts.add(
        await world.paging.address_book.person("ben"), "", "email", "b@x.de"
    )
    wrong = "111111" if code != "111111" else "222222"
    for _ in range(5):
        with pytest.raises(Rejected, match="not the code"):
            await contacts.verify("ben", "email", wrong)
    with pytest.raises(Rejected, match="does not count any more"):
        await contacts.verify("ben", "email", code)


async def test_a_test_page_goes_every_way_and_is_measured(world: World) -> None:
    ana = await world.paging.address_book.person("ana")
    test = await world.paging.tests.run(ana, "bo")
    assert [(one.method, one.error) for one in test.ways] == [
        ("push", ""),
        ("sms", ""),
        ("call", ""),
    ]
    world.clock.jump(30.0)
    words = await world.paging.answers.acknowledge(f"test/{test.id}", "ana", "push")
    assert words == "The test page was answered after 30 s. Thank you."


async def test_a_week_has_one_test_page_for_whoever_is_on_call(world: World) -> None:
    weekly = world.paging._weekly
    weekly.configure("Wed 10:00")
    await weekly._put()
    await weekly._put()
    await world.passes(60 * 24 * 7)
    tests = await world.paging.tests.all()
    assert [(one.person, one.by) for one in tests] == [("ana", "the weekly test")]


async def test_a_mail_has_the_link_and_an_account_of_the_alertmanager_yml(tmp_path: Path) -> None:
    clock = FakeClock()
    with mail_server() as mails:
        content = (
            'listen: {external_url: "https://tocsin.example.com"}\n'
            "alertmanager:\n"
            f"  global: {{smtp_smarthost: '127.0.0.1:{mails.port}', smtp_from: t@example.com,"
            " smtp_require_tls: false}\n"
            "  route: {receiver: none}\n"
            "  receivers: [{name: none}]\n"
            "oncall: {people: {cem: {email: cem@example.com}}}\n"
        )
        loaded = loaded_from(tmp_path, content)
        check_escalations(loaded, clock)
        fetcher = Fetcher(clock, tmp_path, connections=1)
        ways = Ways(loaded, fetcher, clock, "https://tocsin.example.com")
        message = Message(subject="INC-1", title="P0 Down", text="P0 Down\nINC-1", at_ms=1)
        links = Links("https://tocsin.example.com/page/t0ken")
        calls = PageCalls(Desk(clock, NoHistory()), None, None, clock)  # type: ignore[arg-type]  # no browser here
        sender = ways.sender("email", "cem@example.com", message, links)
        await sender.send(calls.notice("page: cem", message))
        await fetcher.close()
    (envelope,) = mails.envelopes
    mail = message_from_bytes(envelope.content or b"", policy=SMTP)  # type: ignore[arg-type]  # bytes, as SMTP has them
    assert mail["To"] == "cem@example.com"
    assert mail["Subject"] == "P0 Down"
    body = mail.get_body()
    assert body is not None
    assert "Answer: https://tocsin.example.com/page/t0ken" in body.get_content()
