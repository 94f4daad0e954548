from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.alert.memory import Shelf, World
from tests.ingest.asgi import Answer, Site, site
from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.attention.maintenance_config import kept_matchers
from tocsin.alert.attention.window import Window
from tocsin.ingest.config import IngestConfig
from tocsin.web.api import alertmanager, silences
from tocsin.web.routing import Access

TEXT = """
global: {resolve_timeout: 10m}
route: {receiver: team, group_by: [alertname], routes: [{match: {who: boss}, receiver: boss}]}
receivers: [{name: team}, {name: boss}]
inhibit_rules: [{source_matchers: [a=1], target_matchers: [a=2]}]
"""
NOW = "2023-11-14T22:13:20.000Z"


class Audit:
    def __init__(self) -> None:
        self.entries: list[str] = []

    async def record(self, who: str, what: str, target: str, **more: object) -> None:
        self.entries.append(what)


@pytest.fixture
async def api() -> Site:
    return await _site_of(TEXT)


@pytest.fixture
async def site_of_two() -> Site:
    """Where an alert of the boss goes on to the team."""
    boss = "{match: {who: boss}, receiver: boss}"
    both = "{match: {who: boss}, receiver: boss, continue: true}, {receiver: team}"
    return await _site_of(TEXT.replace(boss, both))


async def _site_of(text: str) -> Site:
    found = site()
    world = World(found.clock, text)
    await world.start()
    addresses = (*alertmanager.ADDRESSES, *silences.ADDRESSES)
    app = Starlette(routes=[Route(a.path, a.handler, methods=list(a.methods)) for a in addresses])
    config = SimpleNamespace(
        ingest=IngestConfig(), version="9", alertmanager_text=lambda: "route: {}\n"
    )
    windows: Shelf[str, Window] = Shelf(lambda one: one.id)
    app.state.services = SimpleNamespace(
        alerts=world.dispatcher,
        maintenance=Maintenance(windows, found.clock),
        clock=found.clock,
        config=config,
        status=lambda: SimpleNamespace(started_at=found.clock.now()),
    )
    app.state.people = SimpleNamespace(audit=Audit())
    found.app = app
    return found


async def post(api: Site, path: str, value: object) -> Answer:
    return await api.call("POST", path, msgspec.json.encode(value))


async def names(api: Site, query: str = "") -> list[str]:
    answer = await api.call("GET", f"/api/v2/alerts{query}")
    assert answer.status == 200, answer.body
    return sorted(alert["labels"]["alertname"] for alert in answer.json())


def alert(name: str, **labels: str) -> dict[str, object]:
    return {"labels": {"alertname": name, **labels}}


async def test_status_answers_what_amtool_asks_first(api: Site) -> None:
    answer = (await api.call("GET", "/alertmanager/api/v2/status")).json()
    assert answer["cluster"] == {"name": "tocsin", "peers": [], "status": "disabled"}
    assert answer["config"] == {"original": "route: {}\n"}
    assert answer["uptime"] == NOW
    assert answer["versionInfo"]["version"] == "0.28.0"


async def test_an_alert_looks_as_alertmanager_shows_it(api: Site) -> None:
    zero = "0001-01-01T00:00:00.000Z"
    posted = {**alert("Down", empty=""), "startsAt": zero, "endsAt": zero, "generatorURL": "g"}
    assert (await post(api, "/alertmanager/api/v2/alerts", [posted])).status == 200
    [shown] = (await api.call("GET", "/api/v2/alerts")).json()
    assert shown == {
        "annotations": {},
        "endsAt": "2023-11-14T22:23:20.000Z",
        "fingerprint": shown["fingerprint"],
        "receivers": [{"name": "team"}],
        "startsAt": NOW,
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": NOW,
        "generatorURL": "g",
        "labels": {"alertname": "Down"},
    }
    [old] = (await api.call("GET", "/alertmanager/api/v1/alerts")).json()["data"]
    assert old["receivers"] == ["team"]


async def test_alerts_are_chosen_by_filter_receiver_and_state(api: Site) -> None:
    await post(
        api, "/api/v2/alerts", [alert("A", a="1"), alert("B", a="2"), alert("C", who="boss")]
    )
    silence = {
        "matchers": [{"name": "who", "value": "boss", "isRegex": False, "isEqual": True}],
        "startsAt": NOW,
        "endsAt": "2023-11-14T23:13:20Z",
        "createdBy": "me",
        "comment": "work",
    }
    answer = await post(api, "/api/v2/silences", silence)
    assert answer.status == 200
    assert await names(api) == ["A", "B", "C"]
    assert await names(api, "?filter=a%3D~%221|3%22") == ["A"]
    assert await names(api, "?receiver=bo.*") == ["C"]
    assert await names(api, "?inhibited=false&silenced=false") == ["A"]
    assert await names(api, "?active=false") == ["B", "C"]
    assert await names(api, "?inhibited=off&silenced=NO&active=yes") == ["A"]
    assert (await api.call("GET", "/api/v2/alerts?active=maybe")).status == 400
    [held] = (await api.call("GET", "/api/v2/alerts?active=false&inhibited=false")).json()
    assert held["status"]["silencedBy"] == [answer.json()["silenceID"]]
    groups = (await api.call("GET", "/api/v2/alerts/groups")).json()
    assert [(g["labels"], g["receiver"]) for g in groups] == [
        ({"alertname": "A"}, {"name": "team"}),
        ({"alertname": "B"}, {"name": "team"}),
        ({"alertname": "C"}, {"name": "boss"}),
    ]


async def test_a_resolved_alert_is_listed_no_more(api: Site) -> None:
    await post(api, "/api/v2/alerts", [alert("A")])
    await post(api, "/api/v2/alerts", [{**alert("A"), "endsAt": NOW}])
    assert await names(api) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"nonsense", "the body is not a list of alerts"),
        (b'[{"labels": {}}]', "at least one label pair required"),
        (b'[{"labels": {"a": "b"}, "startsAt": "yesterday"}]', "startsAt must be a time"),
        (
            b'[{"labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]',
            "start time must be before end time",
        ),
    ],
)
async def test_a_wrong_alert_is_refused_with_a_reason(api: Site, body: bytes, words: str) -> None:
    answer = await api.call("POST", "/api/v2/alerts", body)
    assert answer.status == 400
    assert words in answer.json()


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.9999999Z"])
async def test_no_time_of_one_alert_keeps_others_from_being_listed(api: Site, end: str) -> None:
    late = {**alert("late"), "endsAt": end}
    assert (await post(api, "/api/v2/alerts", [alert("good"), late])).status == 400
    assert await names(api) == ["good"]
    early = {**alert("early"), "startsAt": "0002-01-01T00:00:00+23:59"}
    assert (await post(api, "/api/v2/alerts", [early])).status == 200
    assert sorted(await names(api)) == ["early", "good"]


async def test_good_alerts_beside_a_wrong_one_are_kept(api: Site) -> None:
    answer = await post(api, "/api/v2/alerts", [{"labels": {}}, alert("Good")])
    assert answer.status == 400
    assert await names(api) == ["Good"]


async def test_silences_are_listed_read_and_ended(api: Site) -> None:
    silence = {
        "matchers": [{"name": "a", "value": "b.*", "isRegex": True}],
        "startsAt": "2023-11-14T22:00:00+00:00",
        "endsAt": "2023-11-15T23:13:20.123456789Z",
        "createdBy": "me",
        "comment": "work",
    }
    made = (await post(api, "/api/v2/silences", silence)).json()["silenceID"]
    one = (await api.call("GET", f"/api/v2/silence/{made}")).json()
    assert one["startsAt"] == NOW
    assert one["endsAt"] == "2023-11-15T23:13:20.123Z"
    assert one["status"] == {"state": "active"}
    assert one["matchers"] == [{"isEqual": True, "isRegex": True, "name": "a", "value": "b.*"}]
    assert (await api.call("GET", "/api/v2/silences?filter=a%3Dx")).json() == []
    assert (await api.call("DELETE", f"/api/v2/silence/{made}")).status == 200
    assert (await api.call("DELETE", f"/api/v2/silence/{made}")).status == 400
    [listed] = (await api.call("GET", "/api/v2/silences")).json()
    assert listed["status"] == {"state": "expired"}
    assert api.app.state.people.audit.entries == ["silence_set", "silence_expired"]


async def test_unknown_and_wrong_silences_are_told_apart(api: Site) -> None:
    unknown = "5c2fdd3e-0000-4000-8000-000000000000"
    assert (await api.call("GET", f"/api/v2/silence/{unknown}")).status == 404
    answer = await api.call("GET", "/api/v2/silence/nope")
    assert (answer.status, answer.json()["code"]) == (422, 601)
    empty = {"matchers": [], "startsAt": NOW, "endsAt": NOW, "createdBy": "a", "comment": "b"}
    answer = await post(api, "/api/v2/silences", empty)
    assert (answer.status, answer.json()["code"]) == (422, 612)
    answer = await post(api, "/api/v2/silences", {"comment": "b"})
    assert (answer.status, answer.json()["code"]) == (422, 602)
    backwards = {**empty, "matchers": [{"name": "a", "value": "b", "isRegex": False}]}
    assert (await post(api, "/api/v2/silences", backwards)).status == 400
    assert (await api.call("POST", "/api/v2/silences", b"{")).status == 400


def test_every_address_asks_for_the_right_scope() -> None:
    asks = {
        (address.path.partition("/api/")[2], address.methods[0]): address.access
        for address in (*alertmanager.ADDRESSES, *silences.ADDRESSES)
        if "/api/" in address.path
    }
    assert asks["v2/alerts", "POST"] is Access.INGEST
    assert asks["v2/silences", "POST"] is Access.RESPOND
    assert asks["v2/silence/{id}", "DELETE"] is Access.RESPOND
    assert {access for (_, method), access in asks.items() if method == "GET"} == {Access.READ}


async def test_what_maintenance_holds_back_is_suppressed_and_says_by_what(api: Site) -> None:
    now = api.clock.now_ms()
    await post(api, "/api/v2/alerts", [{"labels": {"alertname": "a", "service": "db"}}])
    await api.app.state.services.maintenance.put(
        Window(
            name="vacuum",
            matchers=kept_matchers(['service="db"']),
            starts_ms=now,
            ends_ms=now + 3_600_000,
        )
    )
    (shown,) = (await api.call("GET", "/api/v2/alerts")).json()
    assert shown["status"] == {
        "inhibitedBy": [],
        "mutedBy": ["vacuum"],
        "silencedBy": [],
        "state": "suppressed",
    }


async def test_groups_of_one_receiver_name_that_receiver_alone(site_of_two: Site) -> None:
    await post(site_of_two, "/api/v2/alerts", [alert("Down", who="boss")])
    path = "/api/v2/alerts/groups"
    groups = (await site_of_two.call("GET", path)).json()
    assert {one["receiver"]["name"] for one in groups} == {"boss", "team"}
    assert [[r["name"] for r in g["alerts"][0]["receivers"]] for g in groups] == [
        ["boss", "team"],
        ["boss", "team"],
    ]
    [group] = (await site_of_two.call("GET", f"{path}?receiver=team")).json()
    assert group["alerts"][0]["receivers"] == [{"name": "team"}]
