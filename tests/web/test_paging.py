"""Paging through the real guard: who may, what links do, and whose devices are whose."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.app.test_escalations import World, made
from tests.oncall.push_service import Browser as Pushed
from tests.state.fresh import state_file
from tests.web.browser import Browser
from tests.web.site import PASSWORD
from tocsin.incident.book import Author, Resolution
from tocsin.kit.signed_link import LinkMaker
from tocsin.oncall.paging.answers import ACKNOWLEDGE, ANSWER, ESCALATE
from tocsin.oncall.webpush.encoding import text
from tocsin.state.config import AuthConfig
from tocsin.state.tokens import Scope
from tocsin.state.users import Role
from tocsin.web import session
from tocsin.web.api import my_contact, my_devices, page_answers
from tocsin.web.authenticator import Authenticator
from tocsin.web.guard import Front, Guard
from tocsin.web.people import People


class Given:
    """The services that these addresses ask for."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock
        self.pager = world.paging.pager()
        self.incidents = world.incidents.book
        self.config = type("Config", (), {"auth_off": False, "version": "0"})
        self.status = None


@dataclass
class House:
    """The world with its doors."""

    world: World
    app: Front
    people: People

    @property
    def browser(self) -> Browser:
        """One without cookies."""
        return Browser(self.app)

    @property
    def links(self) -> LinkMaker:
        made_links = self.world.paging.calls.links
        assert made_links is not None
        return made_links

    def token(self, action: str, number: str, *, seconds: int = 60) -> str:
        ends = int(self.world.clock.now()) + seconds
        return self.links.token(action, number, "ana", ends)

    async def logged_in(self, name: str) -> tuple[Browser, str]:
        browser = self.browser
        answer = await browser.post("/login", {"name": name, "password": PASSWORD})
        assert answer.status == 303
        (secret,) = browser.cookies.values()
        found = await self.people.sessions.find(secret)
        assert found is not None
        return browser, found.csrf


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with made(tmp_path) as world:
        database = state_file(tmp_path / "people.db")
        await database.open()
        people = People.of(database, world.clock, AuthConfig.from_config("on"))
        for name, role in (("ana", Role.MEMBER), ("ben", Role.VIEWER)):
            await people.users.add(name, PASSWORD, role=role)
        addresses = (
            *page_answers.ADDRESSES,
            *my_devices.ADDRESSES,
            *my_contact.ADDRESSES,
            *session.ADDRESSES,
        )
        app = Starlette(routes=Guard(Authenticator(people)).routes(addresses))
        app.state.people = people
        app.state.services = Given(world)
        yield House(world, Front(app, people), people)
        await database.close()


_WAYS = "/api/me/contact/ways"


async def _audit(house: House) -> list[tuple[str, str]]:
    return [(one.who, one.what) for one in await house.people.audit.latest()]


async def test_looking_at_a_link_does_nothing(house: House) -> None:
    incident = await house.world.open()
    for action in (ACKNOWLEDGE, ANSWER):
        answer = await house.browser.get(f"/page/{house.token(action, incident.number)}")
        assert answer.status == 200
        assert "P0 Database down" in answer.text
        assert answer.header("referrer-policy") == "no-referrer"
    assert (await house.world.incidents.book.get(incident.number)).acknowledged_ms == 0


async def test_posting_to_it_does_what_it_says_without_a_login(house: House) -> None:
    incident = await house.world.open()
    path = f"/page/{house.token(ACKNOWLEDGE, incident.number)}"
    answer = await house.browser.post(path, {}, accept="application/json")
    assert answer.json == {
        "done": f"Acknowledged: {incident.number} is yours, and nobody else is called."
    }
    found = await house.world.incidents.book.get(incident.number)
    assert found.acknowledged_by == "ana"
    again = await house.browser.post(path, {}, accept="application/json")
    assert again.json == {"done": "ana has it already; nothing has changed."}
    assert ("page:ana", "incident_acknowledged") in await _audit(house)


async def test_the_link_of_a_user_who_was_disabled_meanwhile_is_refused(house: House) -> None:
    incident = await house.world.open()
    users = {one.name: one for one in await house.people.users.all()}
    await house.people.users.set_role(users["ben"].id, Role.ADMIN)
    await house.people.users.disable(users["ana"].id)
    path = f"/page/{house.token(ACKNOWLEDGE, incident.number)}"
    for answer in (await house.browser.get(path), await house.browser.post(path, {})):
        assert answer.status == 400
        assert "the account of ana is disabled" in answer.text
    assert (await house.world.incidents.book.get(incident.number)).acknowledged_ms == 0
    await house.people.users.enable(users["ana"].id)
    assert (await house.browser.post(path, {})).status == 200


async def test_one_link_offers_both_and_does_what_is_chosen(house: House) -> None:
    incident = await house.world.open()
    await house.world.passes(0)
    path = f"/page/{house.token(ANSWER, incident.number)}"
    assert (await house.browser.post(path, {})).status == 400
    answer = await house.browser.post(path, {"do": "escalate"})
    assert "Escalated" in answer.text
    waiting = await house.world.paging.handler.waiting(incident.number)
    assert waiting is not None
    assert waiting[0].position == 1


async def test_a_digit_of_a_call_is_answered_in_twilios_words(house: House) -> None:
    incident = await house.world.open()
    path = f"/page/{house.token(ANSWER, incident.number)}/digits"
    wrong = await house.browser.post(path, {"Digits": "7"})
    assert wrong.text == (
        "<Response><Say>Not done: choose one: acknowledge or escalate.</Say></Response>"
    )
    answer = await house.browser.post(path, {"Digits": "1", "CallSid": "CA1"})
    assert answer.header("content-type").startswith("text/xml")
    assert answer.text.startswith("<Response><Say>Acknowledged:")
    found = await house.world.incidents.book.get(incident.number)
    assert found.acknowledged_by == "ana"


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_links_that_are_old_changed_or_of_another_kind_do_nothing(
    house: House, accept: str
) -> None:
    incident = await house.world.open()
    good = house.token(ACKNOWLEDGE, incident.number)
    old = house.token(ACKNOWLEDGE, incident.number, seconds=-1)
    other = house.token("acknowledge", incident.number)
    gone = house.token(ACKNOWLEDGE, "INC-1999-0001")
    wanted = {old: 410, good[:-4] + "AAAA": 400, other: 400, "x": 400, gone: 404}
    for token, status in wanted.items():
        answer = await house.browser.post(f"/page/{token}", {}, accept=accept)
        assert answer.status == status, (token, answer.text)
    assert (await house.world.incidents.book.get(incident.number)).acknowledged_ms == 0


async def test_whoever_tries_many_links_is_told_to_wait(house: House) -> None:
    browser = house.browser
    statuses = [(await browser.post(f"/page/{n}", {})).status for n in range(40)]
    assert statuses[0] == 400
    assert statuses[-1] == 429


async def test_what_is_over_cannot_be_acknowledged_any_more(house: House) -> None:
    incident = await house.world.open()
    token = house.token(ESCALATE, incident.number)
    await house.world.incidents.book.acknowledge(incident.number, _author())
    await house.world.incidents.book.resolve(incident.number, Resolution(resolution="x"), _author())
    answer = await house.browser.post(f"/page/{token}", {}, accept="application/json")
    assert answer.status == 400
    assert "it is over" in answer.json["problem"]


def _author() -> Author:
    return Author("bo", "page")


def _subscription(pushed: Pushed, endpoint: str) -> dict[str, object]:
    keys = {"p256dh": pushed.p256dh, "auth": text(pushed.auth)}
    return {"endpoint": endpoint, "keys": keys, "name": "Phone", "person": "ben"}


async def test_devices_are_ones_own_whoever_else_is_named(house: House) -> None:
    ana, csrf = await house.logged_in("ana")
    body = _subscription(Pushed(), "https://push.example.com/ana")
    refused = await ana.send_json("POST", "/api/me/devices", body)
    assert refused.status == 403, "without the form's token"
    added = await ana.send_json("POST", "/api/me/devices", body, x_csrf_token=csrf)
    assert added.status == 201
    assert "push.example.com/ana" not in added.text, "its address is a secret"
    ben, ben_csrf = await house.logged_in("ben")
    assert (await ben.get("/api/me/devices")).json == []
    path = f"/api/me/devices/{added.json['id']}"
    assert (await ben.send_json("DELETE", path, None, x_csrf_token=ben_csrf)).status == 404
    assert (await ana.send_json("DELETE", path, None, x_csrf_token=csrf)).status == 204


async def test_a_key_is_nobody(house: House) -> None:
    key, _ = await house.people.tokens.create("robot", [Scope.ADMIN], created_by="x")
    answer = await house.browser.get("/api/me/devices", authorization=f"Bearer {key}")
    assert answer.status == 400
    assert "log in instead of a key" in answer.text
    assert (await house.browser.get("/api/me/contact")).status == 401


async def test_a_viewer_escalates_nothing_and_pages_nobody(house: House) -> None:
    incident = await house.world.open()
    ben, csrf = await house.logged_in("ben")
    for path in (f"/api/incidents/{incident.number}/escalate", "/api/oncall/test-pages"):
        answer = await ben.send_json("POST", path, {"person": "ana"}, x_csrf_token=csrf)
        assert answer.status == 403
    ana, csrf = await house.logged_in("ana")
    path = f"/api/incidents/{incident.number}/escalate"
    assert (await ana.send_json("POST", path, {}, x_csrf_token=csrf)).status == 200


async def test_a_browser_renews_its_subscription_by_the_old_one(house: House) -> None:
    (device,) = await house.world.paging.devices.all()
    fresh = _subscription(Pushed(), "https://push.example.com/fresh")
    unknown = {"old": "https://push.example.com/x", "subscription": fresh}
    assert (await house.browser.send_json("POST", "/api/push/renew", unknown)).status == 404
    known = {"old": device.endpoint, "subscription": fresh}
    assert (await house.browser.send_json("POST", "/api/push/renew", known)).status == 204
    (after,) = await house.world.paging.devices.all()
    assert (after.person, after.endpoint) == ("ana", "https://push.example.com/fresh")


async def test_ways_and_rules_by_the_api(house: House) -> None:
    ana, csrf = await house.logged_in("ana")
    way = {"kind": "sms", "address": "0151 1"}
    wrong = await ana.send_json("POST", "/api/me/contact/ways", way, x_csrf_token=csrf)
    assert wrong.status == 400
    assert "begins with +" in wrong.text
    way = {"kind": "sms", "address": "+49 151 98765432", "name": "second"}
    added = await ana.send_json("POST", "/api/me/contact/ways", way, x_csrf_token=csrf)
    assert added.status == 201
    (found,) = [one for one in added.json["ways"] if one["name"] == "second"]
    assert found["verified"] is False
    code = house.world.services.taken[-1][1]["Body"].partition(" is ")[2][:6]
    path = "/api/me/contact/ways/second/verify"
    proved = await ana.send_json("POST", path, {"code": code}, x_csrf_token=csrf)
    assert proved.status == 200
    rules = {"high": [{"method": "second"}, {"method": "call", "after": "3m"}]}
    kept = await ana.send_json("PUT", "/api/me/contact/rules", rules, x_csrf_token=csrf)
    assert kept.json["high"] == [
        {"method": "second", "after": "0s"},
        {"method": "call", "after": "3m"},
    ]
    rules = {"high": [{"method": "pigeon"}]}
    wrong = await ana.send_json("PUT", "/api/me/contact/rules", rules, x_csrf_token=csrf)
    assert "there is no way 'pigeon'" in wrong.text


async def test_nobody_rings_strangers_again_and_again_for_codes(house: House) -> None:
    ana, csrf = await house.logged_in("ana")
    ways = "/api/me/contact/ways"
    numbers = itertools.count(10)

    async def ask() -> int:
        way = {"kind": "sms", "address": f"+49 151 987654{next(numbers)}", "name": "x"}
        answer = await ana.send_json("POST", ways, way, x_csrf_token=csrf)
        await ana.send_json("DELETE", f"{ways}/x", {}, x_csrf_token=csrf)
        return answer.status

    before = len(house.world.services.taken)
    assert [await ask() for _ in range(12)] == [201] * 10 + [400] * 2
    assert len(house.world.services.taken) - before == 10
    await house.world.clock.advance(3601)
    assert await ask() == 201


async def test_nobody_has_one_number_rung_again_and_again_by_several_accounts(
    house: House,
) -> None:
    before = len(house.world.services.taken)
    statuses, said = [], ""
    for name in ("ana", "ben"):
        browser, csrf = await house.logged_in(name)
        for kind in ("sms", "call", "sms"):
            way = {"kind": kind, "address": "+49 151 98765432", "name": "x"}
            answer = await browser.send_json("POST", _WAYS, way, x_csrf_token=csrf)
            await browser.send_json("DELETE", f"{_WAYS}/x", {}, x_csrf_token=csrf)
            statuses.append(answer.status)
            said = answer.text
    assert statuses == [201] * 4 + [400] * 2
    assert "at most 4 codes an hour there" in said
    assert len(house.world.services.taken) - before == 4


async def test_whoever_guesses_codes_is_locked_out(house: House) -> None:
    ana, csrf = await house.logged_in("ana")
    said = []
    for round_ in range(4):
        way = {"kind": "sms", "address": f"+49 151 9876540{round_}", "name": "x"}
        await ana.send_json("POST", _WAYS, way, x_csrf_token=csrf)
        for _ in range(5):
            guess = await ana.send_json(
                "POST", f"{_WAYS}/x/verify", {"code": "nonono"}, x_csrf_token=csrf
            )
            said.append(guess.text)
        await ana.send_json("DELETE", f"{_WAYS}/x", {}, x_csrf_token=csrf)
    assert all("not the code that was sent" in one for one in said[:15])
    assert all("too many wrong codes; try again in 60 minutes" in one for one in said[15:])


async def test_nobody_is_kept_awake_by_test_pages(house: House) -> None:
    ana, csrf = await house.logged_in("ana")

    async def ask() -> int:
        asked = {"person": "ana"}
        return (
            await ana.send_json("POST", "/api/oncall/test-pages", asked, x_csrf_token=csrf)
        ).status

    assert [await ask() for _ in range(6)] == [200] * 5 + [400]
    await house.world.clock.advance(601)
    assert await ask() == 200
