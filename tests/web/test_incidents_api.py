"""Incidents for programs, behind the real guard, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette

from tests.incident.alert_world import NIGHT, database_in
from tests.web.browser import Answer, Browser
from tocsin.incident.book import Author, IncidentBook, Resolution
from tocsin.incident.config import IncidentsConfig
from tocsin.ingest.config import IngestConfig
from tocsin.kit.clock import FakeClock
from tocsin.state.config import AuthConfig
from tocsin.state.incidents import IncidentTable
from tocsin.state.tokens import Scope
from tocsin.web.api import incident_acts, incident_images, incident_webhook, incidents
from tocsin.web.authenticator import Authenticator
from tocsin.web.guard import Guard
from tocsin.web.people import People

ALL = "/api/incidents"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@dataclass(slots=True)
class Api:
    """The addresses, and a key of each scope."""

    browser: Browser
    keys: dict[Scope, str]
    book: IncidentBook
    clock: FakeClock

    async def __call__(
        self, method: str, path: str, value: object = None, scope: Scope = Scope.ADMIN
    ) -> Answer:
        headers = {"authorization": f"Bearer {self.keys[scope]}"}
        if isinstance(value, bytes):
            return await self.browser.send(method, path, body=value, headers=headers)
        if value is None:
            return await self.browser.send(method, path, headers=headers)
        return await self.browser.send_json(method, path, value, **headers)

    async def open(self, **more: object) -> str:
        answer = await self("POST", ALL, {"title": "Slow", "severity": "P1", **more})
        assert answer.status == 201, answer.text
        return str(answer.json["number"])


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with database_in(tmp_path) as database:
        clock = FakeClock(NIGHT)
        people = People.of(database, clock, AuthConfig(), external_url="")
        book = IncidentBook(IncidentTable(database), IncidentsConfig, clock, wake=lambda: None)
        addresses = (
            *incident_webhook.ADDRESSES,
            *incidents.ADDRESSES,
            *incident_acts.ADDRESSES,
            *incident_images.ADDRESSES,
        )
        app = Starlette(routes=Guard(Authenticator(people)).routes(addresses))
        app.state.people = people
        config = SimpleNamespace(ingest=IngestConfig(), external_url="https://tocsin.example")
        app.state.services = SimpleNamespace(
            clock=clock,
            config=config,
            incidents=book,
            alerts=SimpleNamespace(group_keys=lambda labels: ()),
        )
        keys = {}
        for scope in Scope:
            keys[scope], _ = await people.tokens.create(
                f"{scope.value}-key", [scope], created_by="bo"
            )
        yield Api(Browser(app), keys, book, clock)


async def test_an_incident_is_opened_worked_on_and_resolved(api: Api) -> None:
    number = await api.open(services=["shop"], started="10m")
    one = f"{ALL}/{number}"
    assert (await api("POST", f"{one}/acknowledge")).json["acknowledged_by"] == "admin-key"
    await api("POST", f"{one}/assign", {"person": "ana"})
    await api("POST", f"{one}/role", {"role": "commander", "person": "ben"})
    await api("POST", f"{one}/severity", {"severity": "P0", "why": "Nobody can pay"})
    await api("POST", f"{one}/status", {"status": "identified", "text": "An index"})
    await api("POST", f"{one}/notes", {"text": "Look at **pool**"})
    await api("POST", f"{one}/links", {"links": [{"kind": "deploy", "ref": "v1"}]})
    await api("POST", f"{one}/promise", {"at": "30m"})
    answer = await api("POST", f"{one}/resolve", {"resolution": "Index", "measures": ["Check"]})
    shown = answer.json
    assert (shown["status"], shown["severity"], shown["severity_name"]) == (
        "resolved",
        "P0",
        "Critical",
    )
    assert (shown["assignee"], shown["roles"]) == ("ana", {"commander": "ben"})
    assert shown["took"]["detect_ms"] == 600_000
    assert shown["page"] == f"https://tocsin.example/incidents/{number}"
    timeline = (await api("GET", f"{one}/timeline")).json
    assert [entry["kind"] for entry in timeline] == [
        *("opened", "acknowledged", "assigned", "role", "severity", "status", "note"),
        *("linked", "edited", "resolved"),
    ]
    assert {entry["source"] for entry in timeline} == {"api"}
    after = (await api("GET", f"{one}/timeline?after={timeline[-2]['id']}")).json
    assert [entry["kind"] for entry in after] == ["resolved"]
    assert (await api("POST", f"{one}/reopen", {"why": "back"})).json["status"] == "open"
    await api("POST", f"{one}/pins/{timeline[6]['id']}")
    await api("DELETE", f"{one}/links", {"kind": "deploy", "ref": "v1"})
    assert (await api("GET", one)).json["links"] == []


async def test_incidents_are_listed_by_what_is_asked(api: Api) -> None:
    first = await api.open(title="Checkout is slow")
    second = await api.open(severity="P0", title="Shop is down")
    await api("POST", f"{ALL}/{first}/resolve")
    numbers = {}
    for query in ("", "?status=all", "?status=resolved", "?severity=p0", "?q=SHOP", "?since=1h"):
        answer = await api("GET", f"{ALL}{query}", scope=Scope.READ)
        numbers[query] = [one["number"] for one in answer.json]
    assert numbers == {
        "": [second],
        "?status=all": [second, first],
        "?status=resolved": [first],
        "?severity=p0": [second],
        "?q=SHOP": [second],
        "?since=1h": [second],
    }
    levels = (await api("GET", f"{ALL}/severities", scope=Scope.READ)).json
    assert [one["severity"] for one in levels] == ["P0", "P1", "P2", "P3"]


async def test_an_edit_of_what_somebody_changed_is_answered_409_with_who_did(api: Api) -> None:
    number = await api.open()
    one = f"{ALL}/{number}"
    await api("PATCH", one, {"version": 1, "title": "Paying is slow"})
    assert (await api("PATCH", one, {"version": 1, "cause": "deploy"})).status == 200
    answer = await api("PATCH", one, {"version": 1, "title": "Cards fail"})
    assert answer.status == 409
    assert answer.json["errorType"] == "conflict"
    assert answer.json["incident"]["title"] == "Paying is slow"
    assert [entry["text"] for entry in answer.json["meanwhile"]] == ["Title: Paying is slow"]
    again = {"version": answer.json["incident"]["version"], "title": "Cards fail"}
    assert (await api("PATCH", one, again)).json["title"] == "Cards fail"


async def test_merging_answers_what_it_became(api: Api) -> None:
    first, second = await api.open(), await api.open()
    answer = await api("POST", f"{ALL}/{second}/merge", {"into": first})
    assert answer.json["number"] == first
    assert (await api("GET", f"{ALL}/{second}")).json["merged_into"] == first


async def test_pictures_are_kept_and_never_served_as_anything_else(api: Api) -> None:
    number = await api.open()
    path = f"{ALL}/{number}/images"
    made = await api("POST", f"{path}?name=graph.html", PNG)
    assert made.status == 201, made.text
    assert (made.json["name"], made.json["media_type"]) == ("graph.png", "image/png")
    served = await api("GET", made.json["url"], scope=Scope.READ)
    assert served.body == PNG
    assert served.header("content-type") == "image/png"
    assert served.header("x-content-type-options") == "nosniff"
    assert "sandbox" in served.header("content-security-policy")
    refused = await api("POST", f"{path}?name=a.png", b"<html><script>alert(1)</script>")
    assert (refused.status, "no PNG" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "scope", "status", "words"),
    [
        pytest.param("POST", ALL, Scope.READ, 403, "admin", id="a reader opens nothing"),
        pytest.param("POST", ALL, Scope.INGEST, 403, "admin", id="a sender opens nothing by hand"),
        pytest.param("GET", ALL, Scope.INGEST, 403, "read", id="a sender reads nothing"),
        pytest.param(
            "GET", f"{ALL}/INC-1999-0001", Scope.READ, 404, "there is no incident", id="unknown"
        ),
        pytest.param(
            "GET", f"{ALL}?status=gone", Scope.READ, 400, "known are open", id="unknown status"
        ),
        pytest.param("GET", f"{ALL}?limit=-1", Scope.READ, 400, "whole number", id="limit"),
        pytest.param("GET", f"{ALL}?since=soon", Scope.READ, 400, "length such as", id="since"),
    ],
)
async def test_what_may_not_be_or_makes_no_sense_is_answered_clearly(
    api: Api, method: str, path: str, scope: Scope, status: int, words: str
) -> None:
    answer = await api(method, path, {"title": "x", "severity": "P1"}, scope=scope)
    assert answer.status == status
    assert words in answer.json["error"]


async def test_a_tool_opens_joins_acknowledges_and_resolves_by_its_key(api: Api) -> None:
    hook = f"{ALL}/webhook?key={api.keys[Scope.INGEST]}"

    async def tell(**event: object) -> dict[str, str]:
        answer = await api.browser.send_json("POST", hook, event)
        assert answer.status == 202, answer.text
        return dict(answer.json)

    first = await tell(title="Disk is full", severity="high", service="db", dedup_key="d1")
    assert first["status"] == "opened"
    again = await tell(title="Disk is full", severity="critical", service="db", dedup_key="d1")
    assert (again["status"], again["incident"]) == ("joined", first["incident"])
    other = await tell(title="Replica is late", severity="warning", service="db")
    assert (other["status"], other["incident"]) == ("joined", first["incident"])
    one = await api.book.get(first["incident"])
    assert (one.severity, one.source, len(one.links)) == ("P0", "webhook", 2)
    assert (await tell(action="acknowledge", dedup_key="d1"))["status"] == "acknowledged"
    assert (await tell(action="resolve", dedup_key="d1"))["status"] == "ignored"
    done = await tell(action="resolve", title="Replica is late", service="db")
    assert done["status"] == "resolved"
    assert (await tell(action="resolve", dedup_key="d1"))["status"] == "ignored"
    back = await tell(title="Disk is full", severity="high", service="db", dedup_key="d1")
    assert (back["status"], back["incident"]) == ("joined", first["incident"])
    assert not (await api.book.get(first["incident"])).is_over
    assert (await tell(title="FYI", severity="info", dedup_key="x"))["status"] == "ignored"


async def test_one_key_opens_only_so_many_incidents_an_hour(api: Api) -> None:
    hook = f"{ALL}/webhook?key={api.keys[Scope.INGEST]}"

    async def tell(number: int) -> Answer:
        event = {"title": f"Trouble {number}", "severity": "high", "dedup_key": f"d{number}"}
        return await api.browser.send_json("POST", hook, event)

    told = [(await tell(number)).json for number in range(25)]
    assert [one["status"] for one in told] == ["opened"] * 20 + ["joined"] * 5
    newest = told[19]["incident"]
    assert {one["incident"] for one in told[20:]} == {newest}
    assert "incidents.webhook_limit" in told[20]["why"]
    assert len((await api.book.get(newest)).links) == 6
    assert (await tell(24)).json["incident"] == newest, "what is known joins where it is"
    for one in told[:20]:
        await api.book.resolve(one["incident"], Resolution(), Author("ana", "page"))
    api.clock.jump(1000)
    refused = await tell(99)
    assert (refused.status, refused.header("retry-after")) == (429, "2600")
    api.clock.jump(2601)
    assert (await tell(99)).json["status"] == "opened"


async def test_a_tool_may_speak_as_to_pagerduty(api: Api) -> None:
    hook = f"{ALL}/webhook?key={api.keys[Scope.INGEST]}"
    event = {
        "routing_key": "whatever",
        "event_action": "trigger",
        "dedup_key": "samplekeyhere",
        "payload": {"summary": "DISK at 99%", "source": "prod05", "severity": "critical"},
        "links": [{"href": "https://example.com/", "text": "Link text"}],
    }
    answer = await api.browser.send_json("POST", hook, event)
    one = await api.book.get(answer.json["incident"])
    assert (one.title, one.severity, one.services) == ("DISK at 99%", "P0", ("prod05",))
    assert (one.links[0].url, one.opened_by) == ("https://example.com/", "ingest-key")
    refused = await api.browser.send_json("POST", hook, {"severity": "critical"})
    assert (refused.status, "needs a title" in refused.text) == (400, True)
    nobody = await api.browser.send_json("POST", f"{ALL}/webhook", event)
    assert nobody.status == 401
