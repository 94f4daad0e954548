from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.alert.memory import AckShelf, Shelf, World
from tests.ingest.asgi import Answer, Site, site
from tocsin.alert.attention.acknowledge import Acknowledgements
from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.attention.window import Window
from tocsin.ingest.config import IngestConfig
from tocsin.model.labels import from_mapping
from tocsin.model.notices import fingerprint
from tocsin.state.users import Role, User
from tocsin.web.api import acknowledgements, maintenance, maintenance_calendar
from tocsin.web.body import answering
from tocsin.web.identity import LOCAL, of_user
from tocsin.web.problem import of_fault
from tocsin.web.routing import Access, Addresses, Handler

TEXT = "{route: {receiver: team}, receivers: [{name: team}]}"
HOUR = 3_600_000
DOWN = fingerprint(from_mapping({"alertname": "Down", "service": "db"}))


class Audit:
    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []

    async def record(self, who: str, what: str, target: str, **more: object) -> None:
        self.entries.append((what, target))


class Settings:
    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def get(self, key: str, kind: type, default: str) -> str:
        return self.kept.get(key, default)

    async def set(self, key: str, value: str, *, by: str) -> None:
        self.kept[key] = value


class Source:
    async def series(self, *_asked: object) -> list[object]:
        return [(), (), ()]


class Api:
    def __init__(self, found: Site, world: World) -> None:
        self.site, self.world = found, world
        self.audit, self.settings = Audit(), Settings()
        acks = AckShelf()
        windows: Shelf[str, Window] = Shelf(lambda one: one.id)
        self.acks = Acknowledgements(acks, found.clock)
        self.maintenance = Maintenance(windows, found.clock)
        self.is_anybody = True

    async def __call__(self, method: str, path: str, value: object = None) -> Answer:
        body = value if isinstance(value, bytes) else msgspec.json.encode(value) if value else b""
        return await self.site.call(method, path, body)


def _guarded(api: Api, handler: Handler) -> Handler:
    async def answer(request: Request):  # type: ignore[no-untyped-def]  # as a guard does
        if api.is_anybody:
            request.state.identity = LOCAL
        return await answering(handler, lambda r, fault, _status: of_fault(r, fault))(request)

    return answer


@pytest.fixture
async def api() -> Api:
    found = site()
    world = World(found.clock, TEXT)
    await world.start()
    api = Api(found, world)
    addresses: Addresses = (
        *acknowledgements.ADDRESSES,
        *maintenance_calendar.ADDRESSES,
        *maintenance.ADDRESSES,
    )
    app = Starlette(
        routes=[Route(a.path, _guarded(api, a.handler), methods=list(a.methods)) for a in addresses]
    )
    app.state.services = SimpleNamespace(
        alerts=world.dispatcher,
        acknowledgements=api.acks,
        maintenance=api.maintenance,
        clock=found.clock,
        settings=api.settings,
        source=Source(),
        config=SimpleNamespace(ingest=IngestConfig(), external_url="https://tocsin.example"),
    )
    app.state.people = SimpleNamespace(audit=api.audit)
    found.app = app
    return api


async def test_an_alert_is_acknowledged_listed_and_given_back(api: Api) -> None:
    await api.world.tell(alertname="Down", service="db")
    path = f"/api/alerts/{DOWN}/acknowledge"
    made = await api("POST", path, {"note": "on it", "until": "2h"})
    assert made.status == 200, made.body
    shown = msgspec.json.decode(made.body)
    assert (shown["by"], shown["note"], shown["source"]) == ("local", "on it", "api")
    assert shown["labels"] == {"alertname": "Down", "service": "db"}
    found = api.acks.of(DOWN, api.site.clock.now_ms())
    assert found is not None
    assert found.until_ms == api.site.clock.now_ms() + 2 * HOUR
    listed = msgspec.json.decode((await api("GET", "/api/acknowledgements")).body)
    assert [one["fingerprint"] for one in listed] == [DOWN]
    assert (await api("DELETE", path)).status == 200
    assert (await api("DELETE", path)).status == 404
    assert api.audit.entries == [
        ("alert_acknowledged", DOWN),
        ("acknowledgement_cleared", DOWN),
    ]


async def test_many_are_acknowledged_and_given_back_by_matchers(api: Api) -> None:
    for number in range(3):
        await api.world.tell(alertname="Down", instance=str(number))
    await api.world.tell(alertname="Other")
    body = {"matchers": ['alertname="Down"', 'instance!="2"']}
    made = await api("POST", "/api/acknowledgements", body)
    assert len(msgspec.json.decode(made.body)["acknowledged"]) == 2
    assert api.audit.entries == [("alert_acknowledged", "2 alerts")]
    gone = await api("DELETE", "/api/acknowledgements", {"matchers": ["alertname=Down"]})
    assert len(msgspec.json.decode(gone.body)["cleared"]) == 2


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param(f"/api/alerts/{'0' * 16}/acknowledge", {}, 404, id="no such alert"),
        pytest.param("/api/alerts/hello/acknowledge", {}, 400, id="no fingerprint"),
        pytest.param(f"/api/alerts/{DOWN}/acknowledge", {"until": "soon"}, 400, id="no time"),
        pytest.param(f"/api/alerts/{DOWN}/acknowledge", {"source": "slack"}, 400, id="a lie"),
        pytest.param(
            f"/api/alerts/{DOWN}/acknowledge", {"until": "2001-01-01T00:00:00Z"}, 400, id="past"
        ),
        pytest.param("/api/acknowledgements", {"note": "x"}, 400, id="which alerts?"),
        pytest.param("/api/acknowledgements", {"matchers": ["a=~("]}, 400, id="a bad matcher"),
        pytest.param("/api/acknowledgements", {"matchers": ["a=b"]}, 404, id="nothing matches"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    api: Api, path: str, body: object, status: int
) -> None:
    await api.world.tell(alertname="Down", service="db")
    answer = await api("POST", path, body)
    assert answer.status == status, answer.body
    assert api.audit.entries == []


async def test_a_window_is_made_changed_ended_and_removed(api: Api) -> None:
    body = {"name": "disks", "matchers": ['service="db"'], "duration": "2h", "comment": "new"}
    made = await api("POST", "/api/maintenance", body)
    assert made.status == 201, made.body
    one = msgspec.json.decode(made.body)
    assert (one["state"], one["words"], one["source"]) == ("active", "once", "api")
    path = f"/api/maintenance/{one['id']}"
    changed = {**body, "name": "more disks", "every": "daily 00:00-24:00", "duration": ""}
    again = msgspec.json.decode((await api("PUT", path, changed)).body)
    assert (again["id"], again["name"]) == (one["id"], "more disks")
    assert again["words"] == "daily from 00:00 for a day UTC"
    assert (await api("POST", f"{path}/end")).status == 200
    assert msgspec.json.decode((await api("GET", path)).body)["state"] == "pending"
    assert (await api("DELETE", path)).status == 204
    assert (await api("GET", path)).status == 404
    assert [what for what, _ in api.audit.entries] == [
        "maintenance_set",
        "maintenance_set",
        "maintenance_ended",
        "maintenance_removed",
    ]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"duration": ""}, "say when it ends", id="no end"),
        pytest.param({"every": "sometimes"}, "expected days", id="no such days"),
        pytest.param({"matchers": []}, "needs a condition", id="no conditions"),
        pytest.param({"time_zone": "Mars"}, "unknown time zone", id="no such zone"),
        pytest.param({"surprise": 1}, "unknown field", id="an unknown field"),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused_with_the_remedy(
    api: Api, changed: dict[str, object], words: str
) -> None:
    body = {"name": "x", "matchers": ["a=b"], "duration": "2h", **changed}
    answer = await api("POST", "/api/maintenance", body)
    assert answer.status == 400
    assert words in answer.body.decode()


ICS = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:a@b\r\n"
    b"DTSTAMP:20230101T000000Z\r\nSUMMARY:Vacuum\r\nDTSTART:20231101T020000Z\r\n"
    b'DURATION:PT1H\r\nRRULE:FREQ=WEEKLY\r\nX-TOCSIN-MATCHERS:service="db"\r\n'
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)


async def test_a_calendar_is_imported_once_however_often_it_is_sent(api: Api) -> None:
    for _ in range(2):
        answer = await api("POST", "/api/maintenance/import", ICS)
        assert answer.status == 201, answer.body
    (one,) = msgspec.json.decode((await api("GET", "/api/maintenance")).body)
    assert (one["name"], one["words"]) == ("Vacuum", "Wednesday 02:00-03:00 UTC")
    refused = await api("POST", "/api/maintenance/import", ICS.replace(b"X-TOCSIN-M", b"X-M"))
    assert refused.status == 400
    assert (
        b"event 1 (\\u0027Vacuum\\u0027)" in refused.body or b"event 1 ('Vacuum')" in refused.body
    )


async def test_the_calendar_is_read_by_whoever_holds_its_address_until_that_is_renewed(
    api: Api,
) -> None:
    await api("POST", "/api/maintenance/import", ICS)
    url = msgspec.json.decode((await api("POST", "/api/maintenance/feed")).body)["url"]
    assert url.startswith("https://tocsin.example/api/maintenance.ics?token=")
    path = url.removeprefix("https://tocsin.example")
    api.is_anybody = False
    answer = await api("GET", path)
    assert answer.status == 200
    assert b"SUMMARY:Vacuum" in answer.body
    assert (await api("GET", "/api/maintenance.ics")).status == 401
    assert (await api("GET", "/api/maintenance.ics?token=")).status == 401
    api.is_anybody = True
    await api("POST", "/api/maintenance/feed")
    api.is_anybody = False
    assert (await api("GET", path)).status == 401


async def test_a_preview_says_what_conditions_would_hide(api: Api) -> None:
    await api.world.tell(alertname="Down", service="db")
    await api.world.tell(alertname="Down", service="web")
    answer = await api("GET", "/api/silences/preview?filter=service%3D%22db%22")
    shown = msgspec.json.decode(answer.body)
    assert (shown["now"], shown["week"]) == (1, 3)
    assert shown["alerts"] == {DOWN: {"alertname": "Down", "service": "db"}}
    assert (await api("GET", "/api/silences/preview")).status == 400
    assert (await api("GET", "/api/silences/preview?filter=a%3D~%22.*%22")).status == 400


def test_members_change_things_and_viewers_look() -> None:
    every = (
        *acknowledgements.ADDRESSES,
        *maintenance_calendar.ADDRESSES,
        *maintenance.ADDRESSES,
    )
    for address in every:
        if address.path == "/api/maintenance.ics":
            continue
        wanted = Access.READ if address.methods == ("GET",) else Access.RESPOND
        assert address.access is wanted, address.path


@pytest.mark.parametrize(
    ("role", "may"), [(Role.ADMIN, True), (Role.MEMBER, True), (Role.VIEWER, False)]
)
def test_a_member_may_respond_and_a_viewer_may_not(role: Role, may: bool) -> None:
    who = of_user(User(id=1, name="bo", role=role))
    assert who.allows(Access.RESPOND) is may
    assert who.allows(Access.ADMIN) is (role is Role.ADMIN)
