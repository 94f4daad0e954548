"""Who is on call for programs, behind the real guard, on a real database."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import msgspec
import pytest
from icalendar import Calendar
from starlette.applications import Starlette

from tests.oncall.world import CONFIG, NOW, at, read
from tests.state.fresh import state_file
from tests.web.browser import Answer, Browser
from tocsin.app.oncall import KeptChanges
from tocsin.ingest.config import IngestConfig
from tocsin.kit.clock import FakeClock
from tocsin.oncall.handover import Point, Situation
from tocsin.oncall.news import KIND as NEWS
from tocsin.oncall.news import News
from tocsin.oncall.rota import Rota
from tocsin.state.config import AuthConfig
from tocsin.state.database import Database
from tocsin.state.errands import ErrandTable
from tocsin.state.settings import Settings
from tocsin.state.tokens import Scope
from tocsin.web.api import oncall, oncall_calendar, oncall_changes
from tocsin.web.authenticator import Authenticator
from tocsin.web.guard import Guard
from tocsin.web.people import People

ALL = "/api/oncall"
PASSWORD = "correct horse battery"


class Desk:
    """What the web room needs: a rota."""

    def __init__(self, rota: Rota) -> None:
        self.rota = rota

    @property
    def source(self) -> Desk:
        return self

    async def situation(self, from_ms: int, to_ms: int) -> Situation:
        return Situation(watch=(Point(title="the new disks"),))


@dataclass(slots=True)
class Api:
    """The addresses, and a key of each scope."""

    app: Starlette
    people: People
    keys: dict[Scope, str]
    rota: Rota
    database: Database

    async def told(self) -> list[News]:
        """What stands there to be told, in this order."""
        errands = await ErrandTable(self.database).find(kinds=(NEWS,))
        return [msgspec.json.decode(one.content, type=News) for one in errands]

    async def __call__(
        self, method: str, path: str, value: object = None, scope: Scope | None = Scope.ADMIN
    ) -> Answer:
        headers = {"authorization": f"Bearer {self.keys[scope]}"} if scope else {}
        browser = Browser(self.app)
        if value is None:
            return await browser.send(method, path, headers=headers)
        return await browser.send_json(method, path, value, **headers)

    async def fresh_rota(self, clock: FakeClock) -> Rota:
        """As after a restart."""
        fresh = Rota(KeptChanges(self.database), clock)
        fresh.configure(read(CONFIG))
        await fresh.load()
        return fresh


@pytest.fixture
def now() -> FakeClock:
    return FakeClock(at(NOW) / 1000)


@pytest.fixture
async def api(tmp_path: Path, now: FakeClock) -> AsyncIterator[Api]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    people = People.of(database, now, AuthConfig(), external_url="")
    rota = Rota(KeptChanges(database), now)
    rota.configure(read(CONFIG))
    addresses = (*oncall.ADDRESSES, *oncall_changes.ADDRESSES, *oncall_calendar.ADDRESSES)
    app = Starlette(routes=Guard(Authenticator(people)).routes(addresses))
    app.state.people = people
    app.state.services = SimpleNamespace(
        oncall=Desk(rota),
        clock=now,
        settings=Settings(database, now),
        config=SimpleNamespace(ingest=IngestConfig(), external_url="https://tocsin.example"),
    )
    keys: dict[Scope, str] = {}
    for scope in Scope:
        keys[scope], _ = await people.tokens.create(scope.value, [scope], created_by="test")
    yield Api(app, people, keys, rota, database)
    await database.close()


async def test_who_is_on_call_now_and_at_a_time(api: Api) -> None:
    (found,) = (await api("GET", ALL, scope=Scope.READ)).json

    assert found["person"] == "ana"
    assert found["full_name"] == "Ana Lima"
    assert found["until"] == "2026-10-26T08:00:00.000Z"
    assert (found["second"], found["next"], found["next_at"]) == ("bo", "bo", found["until"])
    (later,) = (await api("GET", f"{ALL}?at=2026-10-26 09:00&schedule=primary")).json
    assert later["person"] == "bo"


async def test_shifts_and_gaps_of_a_range(api: Api) -> None:
    path = f"{ALL}/schedules/primary/shifts?from=2026-10-20 00:00&to=2026-10-28 00:00"
    found = (await api("GET", path)).json

    assert [one["person"] for one in found["shifts"]] == ["ana", "bo"]
    assert found["gaps"] == []
    refused = await api("GET", f"{ALL}/schedules/primry/shifts")
    assert refused.status == 404
    assert 'did you mean "primary"' in refused.json["error"]


async def test_addresses_of_people_are_not_told(api: Api) -> None:
    answer = await api("GET", f"{ALL}/people", scope=Scope.READ)

    assert answer.json["teams"] == {"core": ["ana", "bo"]}
    assert answer.json["people"][0]["methods"] == ["push", "sms", "email"]
    assert "+49" not in answer.text


async def test_an_override_is_made_listed_ended_and_written_down(api: Api, now: FakeClock) -> None:
    body = {"person": "cai", "duration": "2h", "reason": "dentist"}
    made = await api("POST", f"{ALL}/overrides", body)

    assert made.status == 201, made.text
    assert [(one.person, one.subject) for one in await api.told()] == [
        ("cai", "You are on call for primary, by admin"),
        ("ana", "cai is on call for primary, by admin"),
    ]
    assert api.rota.roster.on_call("", at(NOW)) == "cai"
    assert (await api.fresh_rota(now)).roster.on_call("", at(NOW)) == "cai"
    (listed,) = (await api("GET", f"{ALL}/overrides")).json
    assert listed["end"] == "2026-10-20T12:00:00.000Z"
    ended = await api("DELETE", f"{ALL}/overrides/{listed['id']}")
    assert ended.status == 204
    assert api.rota.roster.on_call("", at(NOW)) == "ana"
    entries = [(one.who, one.what) for one in await api.people.audit.latest(2)]
    assert entries == [("admin", "oncall_override_ended"), ("admin", "oncall_override_made")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"person": "zoe", "duration": "2h"}, "nobody is called"),
        ({"person": "bo"}, "say when it ends"),
        ({"person": "bo", "duration": "2h", "end": "now+1h"}, "either end or duration"),
        ({"person": "bo", "duration": "2h", "rank": 7}, "rank is 0"),
        ({"person": "bo", "end": "yesterday"}, "is no time"),
        ({"name": "bo"}, "not the JSON that is expected"),
    ],
    ids=["an unknown person", "without an end", "two ends", "a rank", "no time", "another body"],
)
async def test_what_makes_no_sense_is_refused_in_words(
    api: Api, body: dict[str, object], words: str
) -> None:
    answer = await api("POST", f"{ALL}/overrides", body)

    assert answer.status == 400
    assert words in answer.text


async def test_readers_may_look_and_not_change(api: Api) -> None:
    body = {"person": "bo", "duration": "2h"}
    assert (await api("POST", f"{ALL}/overrides", body, Scope.READ)).status == 403
    assert (await api("GET", ALL, scope=Scope.INGEST)).status == 403
    assert (await api("GET", ALL, scope=None)).status == 401


async def test_a_swap_is_offered_and_accepted_by_the_other_person(api: Api) -> None:
    for name in ("ana", "bo", "cai"):
        await api.people.users.add(name, PASSWORD)
    body = {"start": "2026-10-21 09:00", "end": "2026-10-21 18:00", "to": "bo"}

    offered = await _as(api, "ana", "POST", f"{ALL}/swaps", body)
    assert offered.status == 201, offered.text
    path = f"{ALL}/swaps/{offered.json['id']}"
    wrong = await _as(api, "cai", "POST", f"{path}/accept", {})
    assert wrong.status == 400
    assert "was offered to bo, not to cai" in wrong.text
    pretending = await _as(api, "cai", "POST", f"{path}/accept", {"person": "bo"})
    assert "only bo or an administrator can do this, not cai" in pretending.text
    accepted = await _as(api, "bo", "POST", f"{path}/accept", {})
    assert accepted.json["swap"]["state"] == "accepted"
    assert [one["person"] for one in accepted.json["overrides"]] == ["bo"]
    assert api.rota.roster.on_call("", at("2026-10-21 12:00")) == "bo"
    assert [(one.person, one.subject) for one in await api.told()] == [
        ("bo", "A swap is asked for: primary"),
        ("ana", "The swap of primary was accepted by Bo Lind"),
    ]
    assert (await api.told())[0].text.startswith(
        "Ana Lima asks to be replaced: primary, Wed 2026-10-21 07:00 to Wed 2026-10-21 16:00 (UTC)"
    )


async def _as(api: Api, name: str, method: str, path: str, value: object) -> Answer:

    basic = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    headers = {"authorization": f"Basic {basic}"}
    return await Browser(api.app).send_json(method, path, value, **headers)


async def test_a_calendar_is_read_by_its_secret_address_until_that_is_revoked(api: Api) -> None:
    made = await api("POST", f"{ALL}/feeds", {"schedule": "primary"})
    url = urlsplit(made.json["url"])
    assert url.netloc == "tocsin.example"
    path = f"{url.path}?{url.query}"

    answer = await api("GET", path, scope=None)
    assert answer.status == 200
    assert len(Calendar.from_ical(answer.body).events) > 50
    assert (await api("GET", url.path, scope=None)).status == 401
    assert (await api("GET", f"{url.path}?token=x", scope=None)).status == 401
    other = path.replace("schedules/primary", "people/ana")
    assert (await api("GET", other, scope=None)).status == 401
    assert (await api("GET", url.path, scope=Scope.READ)).status == 200
    revoked = await api("POST", f"{ALL}/feeds/revoke", {"schedule": "primary"})
    assert revoked.status == 204
    assert (await api("GET", path, scope=None)).status == 401


async def test_a_new_address_makes_the_old_one_useless(api: Api) -> None:
    first = urlsplit((await api("POST", f"{ALL}/feeds", {"person": "ana"})).json["url"])
    second = urlsplit((await api("POST", f"{ALL}/feeds", {"person": "ana"})).json["url"])

    assert (await api("GET", f"{first.path}?{first.query}", scope=None)).status == 401
    assert (await api("GET", f"{second.path}?{second.query}", scope=None)).status == 200


async def test_what_to_hand_over_is_told_as_text(api: Api) -> None:
    answer = await api("GET", f"{ALL}/handover", scope=Scope.READ)

    assert answer.json == {"schedule": "primary", "text": "What to watch (1)\n- the new disks"}
