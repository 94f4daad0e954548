"""The routing tree and its tester, as programs and people see them."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.alert.memory import World
from tests.ingest.asgi import Answer, Site, site
from tests.web.pages.samples import frame
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.kit.fault import Rejected
from tocsin.model.labels import from_mapping
from tocsin.web.api import routing as api_routing
from tocsin.web.pages.render import html
from tocsin.web.pages.routing import Question, labels_of, trial_address, view_of
from tocsin.web.route_trial import RouteTrial, routes_of, tried

TEXT = """
route:
  receiver: team
  group_by: [alertname]
  routes:
    - {match: {severity: critical}, receiver: boss}
    - {match: {severity: low}, receiver: team, mute_time_intervals: [always]}
receivers: [{name: team}, {name: boss}]
inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: [alertname=Slow]}]
time_intervals: [{name: always, time_intervals: [{years: ['2000:2100']}]}]
"""


@pytest.fixture
async def api() -> Site:
    found = site()
    world = World(found.clock, TEXT)
    await world.start()
    addresses = api_routing.ADDRESSES
    app = Starlette(routes=[Route(a.path, a.handler, methods=list(a.methods)) for a in addresses])
    app.state.services = SimpleNamespace(
        alerts=world.dispatcher, clock=found.clock, maintenance=None
    )
    app.state.world = world
    found.app = app
    return found


async def ask(api: Site, **asked: object) -> Answer:
    return await api.call("POST", "/api/routes/test", msgspec.json.encode(asked))


async def test_the_tree_says_how_many_alerts_take_each_route(api: Site) -> None:
    world: World = api.app.state.world
    await world.tell(alertname="A", severity="critical")
    await world.tell(alertname="B", severity="critical")
    await world.tell(alertname="C")
    answer = (await api.call("GET", "/api/routes")).json()
    tree = answer["tree"]
    assert (tree["firing"], tree["routes"][0]["firing"]) == (1, 2)
    assert tree["routes"][0]["matchers"] == ['severity="critical"']
    assert answer["intervals"] == {"always": True}


async def test_a_trial_says_who_and_when(api: Site) -> None:
    answer = (await ask(api, labels={"severity": "critical"}, **{"for": "1h"})).json()
    assert answer["receivers"] == ["boss"]
    told = [(one["receiver"], one["why"]) for one in answer["forecast"]["messages"]]
    assert told == [("boss", "first"), ("boss", "resolved")]
    assert answer["timeline"][1]["words"] == "boss (test[0]) is told: first, after group_wait 30s"


async def test_a_trial_says_what_holds_it_back(api: Site) -> None:
    answer = (await ask(api, labels={"severity": "low"})).json()
    assert answer["forecast"]["messages"] == []
    assert answer["forecast"]["quiet"][0]["why"] == "muted by the time interval always"


async def test_what_fires_and_is_silenced_now_counts_unless_it_is_not_to(api: Site) -> None:
    world: World = api.app.state.world
    await world.tell(alertname="Down")
    labels = {"alertname": "Slow", "severity": "critical"}
    answer = (await ask(api, labels=labels)).json()
    assert answer["forecast"]["quiet"][0]["why"].startswith("held back by Down, which fires")
    assert (await ask(api, labels=labels, live=False)).json()["forecast"]["quiet"] == []
    now = world.clock.now_ms()
    await world.dispatcher.silences.set(
        Silence(
            matchers=(SilenceMatcher(name="severity", op="=", value="critical"),),
            starts_ms=now,
            ends_ms=now + 60_000,
            created_by="ada",
            comment="moving",
        )
    )
    answer = (await ask(api, labels={"severity": "critical"})).json()
    assert answer["forecast"]["quiet"][0]["why"] == "silenced by ada: moving"
    assert world.dispatcher.groups[0].was_told is False


async def test_what_cannot_be_tried_is_refused_with_the_reason(api: Site) -> None:
    services = api.app.state.services
    for labels, at in (({}, "now"), ({"a": "b"}, "soon")):
        with pytest.raises(Rejected):
            await tried(services, RouteTrial(labels=labels, at=at))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("a=b c=d", {"a": "b", "c": "d"}),
        ('{a="b c", d="e,f"}', {"a": "b c", "d": "e,f"}),
        ("a=b,\n c=d", {"a": "b", "c": "d"}),
        (r'a="q\"x y\""', {"a": 'q"x y"'}),
        ("a!=b", None),
        ("a", None),
    ],
)
def test_labels_are_read_as_people_type_them(text: str, labels: dict[str, str] | None) -> None:
    if labels is None:
        with pytest.raises(Rejected):
            labels_of(text)
        return
    assert labels_of(text) == labels


def test_an_alert_links_to_its_trial() -> None:
    address = trial_address(from_mapping({"alertname": "A", "path": 'x "y"'}))
    assert address == "/routing?labels=alertname%3DA+path%3D%22x+%5C%22y%5C%22%22"
    assert labels_of('alertname=A path="x \\"y\\""') == {"alertname": "A", "path": 'x "y"'}


async def test_the_page_marks_the_routes_that_take_the_alert(api: Site) -> None:
    services = api.app.state.services
    routes = routes_of(services.alerts, services.clock.now_ms())
    question = Question("severity=critical", "now", "Europe/Berlin", "2h")
    answer = await tried(services, RouteTrial(labels=labels_of(question.labels), lasts="2h"))
    view = view_of(routes, question, answer, "")
    text = html("pages/routing.html", frame("/routing"), view=view)
    assert '<li class="way" id="route-0">' in text
    assert '<li class="taken" id="route-1">' in text
    assert '<li id="route-2">' in text
    assert "boss (test[0]) is told: first, after group_wait 30s" in text
    assert "CET" in text


def test_the_page_teaches_when_there_are_no_routes_and_says_what_is_wrong() -> None:
    question = Question("", "now", "UTC", "6h")
    text = html("pages/routing.html", frame("/routing"), view=view_of(None, question, None, ""))
    assert "severities:" in text
