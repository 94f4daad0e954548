"""The page is served from memory, says how old it is, and tells nothing private."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from xml.etree import ElementTree

import icalendar
import pytest

from tests.statuspage.world import CONFIG, LOOK, World, world
from tests.web.browser import Browser
from tocsin.kit.fault import Permanent, Temporary
from tocsin.model.labels import from_mapping
from tocsin.statuspage.component_state import ComponentState as S
from tocsin.statuspage.component_state import Impact
from tocsin.statuspage.config import StatusPageConfig
from tocsin.statuspage.judge import OpenWindow, Override, PublicWindow
from tocsin.statuspage.post import PostStatus
from tocsin.web.status_door import StatusDoor


async def _nobody(scope: object, receive: object, send: object) -> None:
    raise AssertionError("the application was asked")


def _visitor(here: World, host: str = "tocsin.test") -> Browser:
    return Browser(StatusDoor(_nobody, lambda: here.board), host)


def _everything(here: World) -> bytes:
    folder = here.board.site.values()
    files = [path.read_bytes() for path in here.folder.iterdir()]
    return b"\n".join([*(one.body for one in folder), *files])


async def test_every_source_is_seen(here: World) -> None:
    await here.show()
    assert set(here.states().values()) == {"operational"}
    assert "All systems operational" in here.page()
    here.measured.values_of["slow"] = [3.0]
    here.measured.alerts = [from_mapping({"service": "api", "severity": "high"})]
    await here.after(1)
    assert here.states() == {
        "website": "operational",
        "api": "partial_outage",
        "desk": "operational",
    }
    await here.notes.override(Override(component="desk", state=S.MAJOR, by="ana"))
    await here.after(1)
    assert here.states()["desk"] == "major_outage"
    await here.notes.take_back("desk")
    await here.after(1)
    assert here.states()["desk"] == "operational"


async def test_the_page_says_how_old_it_is_while_the_store_is_away(here: World) -> None:
    await here.show()
    here.measured.fails = Temporary("the store is away")
    await here.after(1)
    assert "Not everything could be looked at" not in here.page()
    await here.after(5)
    page = here.page()
    assert "Not everything could be looked at" in page
    assert "All systems operational" in page  # its last word
    assert here.board.snapshot.as_of_ms < here.board.snapshot.made_ms
    here.measured.fails = None
    await here.after(1)
    assert "Not everything could be looked at" not in here.page()


async def test_a_monitor_that_makes_no_sense_is_unknown_and_harms_no_other(here: World) -> None:
    await here.show()
    here.measured.fails = Permanent("many-to-many matching")
    await here.after(4)
    assert here.states() == {"website": "unknown", "api": "unknown", "desk": "operational"}
    assert not here.board.snapshot.is_stale


async def test_the_page_is_there_while_the_database_is_closed(here: World) -> None:
    await here.show()
    await here.posts.open_post("", "Payments fail", ["API"], Impact.MAJOR, "We look.", "ana")
    await here.board.look()
    await here.database.close()
    await here.after(5)
    answer = await _visitor(here).get("/status")
    assert answer.status == 200
    assert "Payments fail" in answer.text
    assert "Not everything could be looked at" in answer.text
    await here.database.open()


async def test_a_restart_serves_what_was_there_before_anything_answers(tmp_path: Path) -> None:
    async with world(tmp_path) as first:
        await first.show()
        await first.posts.open_post("", "Payments fail", [], Impact.MINOR, "We look.", "ana")
        await first.board.look()
    async with world(tmp_path) as second:
        await second.database.close()
        second.measured.fails = Temporary("away")
        second.board.configure(StatusPageConfig(enabled=True), LOOK, second.folder)
        await second.board.restore()
        assert "Payments fail" in second.page()
        assert "Not everything could be looked at" in second.page()
        await second.database.open()


async def test_a_damaged_snapshot_is_no_reason_not_to_start(here: World) -> None:
    here.folder.mkdir()
    (here.folder / "snapshot.json").write_text("{")
    here.board.configure(StatusPageConfig(enabled=True), LOOK, here.folder)
    await here.board.restore()
    assert here.board.site == {}


async def test_visitors_reach_neither_the_store_nor_the_database(here: World) -> None:
    await here.show()
    post = await here.posts.open_post("", "t", [], Impact.MINOR, "x", "ana")
    await here.board.look()
    await here.database.close()  # whoever asks it now fails
    before = here.measured.reads
    visitor = _visitor(here)
    visitor.cookies["tocsin_session"] = "stolen"
    for path in sorted(here.board.site):
        if not path.startswith("@"):
            answer = await visitor.get(f"/status/{path}" if path else "/status")
            assert answer.status == 200, path
    for _ in range(1000):
        assert (await visitor.get("/status", authorization="Bearer x")).status == 200
    assert (await visitor.get(f"/status/incidents/{post.id}")).status == 200
    assert (await visitor.get("/status/nothing")).status == 404
    assert (await visitor.post("/status/api/v2/summary.json")).status == 405
    assert here.measured.reads == before
    await here.database.open()


async def test_answers_are_kept_by_caches_and_small(here: World) -> None:
    await here.show()
    visitor = _visitor(here)
    first = await visitor.get("/status")
    assert "max-age=30" in first.header("cache-control")
    assert "stale-if-error" in first.header("cache-control")
    tag = first.header("etag")
    assert (await visitor.get("/status", if_none_match=tag)).status == 304
    again = await visitor.get("/status/brand.css", if_none_match="*")
    assert (again.status, again.header("content-type")) == (304, "text/css; charset=utf-8")
    assert (await visitor.get("/status", if_none_match=f'W/"x", W/{tag}')).status == 304
    packed = await visitor.get("/status", accept_encoding="gzip")
    assert gzip.decompress(packed.body) == first.body
    assert len(packed.body) < len(first.body) / 4
    assert "script" not in first.text
    policy = first.header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    head = await visitor.send("HEAD", "/status")
    assert head.header("etag") == tag


async def test_a_host_of_its_own_shows_the_page_and_nothing_else(here: World) -> None:
    await here.show(CONFIG + "host: status.example.com")
    visitor = _visitor(here, "Status.Example.com:8443")
    page = await visitor.get("/")
    assert 'href="/history"' in page.text
    assert "/status/" not in page.text
    assert (await visitor.get("/api/v2/status.json")).json["status"]["indicator"] == "none"
    for path in ("/login", "/api/v1/query", "/metrics", "/status-admin", "/alerts", "/@"):
        assert (await visitor.get(path)).status == 404, path
    dotted = _visitor(here, "status.example.com.:8443")  # the same name, as DNS writes it
    assert (await dotted.get("/login")).status == 404
    with pytest.raises(AssertionError, match="was asked"):
        await _visitor(here, "tocsin.test").get("/api/v2/status")


async def test_other_sites_may_read_what_is_for_programs(here: World) -> None:
    await here.show()
    visitor = _visitor(here)
    for path in ("api/v2/summary.json", "badge.svg", "badge/api.svg", "history.rss"):
        answer = await visitor.get(f"/status/{path}", origin="https://other.test")
        assert answer.header("access-control-allow-origin") == "*", path
    assert (await visitor.get("/status")).header("access-control-allow-origin") == ""
    preflight = await visitor.send("OPTIONS", "/status/api/v2/summary.json")
    assert preflight.status == 204


async def test_the_json_has_statuspages_shape(here: World) -> None:
    await here.show("groups: [{name: Shop, components: [{name: Cart, monitor: web}]}]\n")
    here.measured.values_of["web"] = []
    await here.board.look()
    found = json.loads(here.board.site["api/v2/components.json"].body)
    assert [one["status"] for one in found["components"]] == ["unknown", "unknown"]
    assert here.page().count("No data</span>") == 2
    await here.posts.open_post("", "Down", ["cart"], Impact.CRITICAL, "We look.", "ana")
    now = here.clock.now_ms()
    await here.posts.plan_maintenance(
        "Work", ["cart"], "x", "ana", starts_ms=now + 10**7, ends_ms=now + 2 * 10**7
    )
    await here.board.look()
    found = json.loads(here.board.site["api/v2/summary.json"].body)
    assert set(found) == {"page", "components", "incidents", "scheduled_maintenances", "status"}
    assert found["status"] == {"indicator": "critical", "description": "All systems are down"}
    group, cart = found["components"]
    assert (group["group"], group["components"]) == (True, ["cart"])
    assert (cart["status"], cart["group_id"]) == ("major_outage", group["id"])
    incident = found["incidents"][0]
    assert (incident["impact"], incident["status"]) == ("critical", "investigating")
    assert incident["incident_updates"][0]["body"] == "We look."
    assert incident["components"][0]["id"] == "cart"
    work = found["scheduled_maintenances"][0]
    assert (work["status"], work["impact"]) == ("scheduled", "maintenance")
    assert work["scheduled_for"] < work["scheduled_until"]
    for name in ("status", "components", "incidents", "scheduled-maintenances"):
        assert "page" in json.loads(here.board.site[f"api/v2/{name}.json"].body)


async def test_feeds_and_the_calendar_can_be_read(here: World) -> None:
    await here.show()
    now = here.clock.now_ms()
    post = await here.posts.open_post("", "A < B & C", ["API"], Impact.MINOR, "It's <b>", "ana")
    await here.posts.plan_maintenance(
        "Work",
        ["API"],
        "Short; really, short",
        "ana",
        starts_ms=now + 10**7,
        ends_ms=now + 2 * 10**7,
    )
    await here.board.look()
    rss = ElementTree.fromstring(here.board.site["history.rss"].body)
    assert "A < B & C" in [one.text for one in rss.iter("title")]
    atom = ElementTree.fromstring(here.board.site["history.atom"].body)
    name = "{http://www.w3.org/2005/Atom}"
    assert len(atom.findall(f"{name}entry")) == 2
    assert all(one.find(f"{name}id") is not None for one in atom.iter(f"{name}entry"))
    calendar = icalendar.Calendar.from_ical(here.board.site["maintenance.ics"].body)
    assert [str(one["SUMMARY"]) for one in calendar.events] == ["Work"]
    assert "It&#39;s &lt;b&gt;" in here.board.site[f"incidents/{post.id}"].body.decode()
    badge = here.board.site["badge/api.svg"].body.decode()
    ElementTree.fromstring(badge)
    assert "Degraded performance" in badge


async def test_the_past_is_listed_by_month(here: World) -> None:
    await here.show()
    await here.posts.open_post(
        "", "Old one", [], Impact.MINOR, "x", "ana", status=PostStatus.RESOLVED
    )
    await here.clock.advance(70 * 86_400)
    await here.board.look()
    assert "Old one" not in here.page()
    months = sorted(one for one in here.board.site if one.startswith("history/"))
    assert len(months) >= 3
    assert "Old one" in here.board.site[months[0]].body.decode()
    assert months[0].removeprefix("history/") in here.board.site[months[1]].body.decode()


async def test_what_is_not_known_is_not_said_to_be_well(here: World) -> None:
    here.measured.values_of["web"] = []
    await here.show()
    assert "Not every system can be seen just now" in here.page()
    assert "All systems operational" not in here.page()
    found = json.loads(here.board.site["api/v2/components.json"].body)
    assert [one["status"] for one in found["components"]] == [
        "unknown",
        "operational",
        "operational",
    ]


async def test_a_public_window_is_told_in_its_own_words(here: World) -> None:
    await here.show()
    now = here.clock.now_ms()
    here.measured.open = [
        OpenWindow(
            id="w1",
            title="Upgrade",
            text="Short.",
            components=("api",),
            starts_ms=now - 1000,
            ends_ms=now + 10**7,
        )
    ]
    here.measured.values_of["api"] = [0.0]
    await here.after(1)
    assert here.states()["api"] == "under_maintenance"
    assert "Upgrade" in here.page()


async def test_words_can_be_those_of_another_language(here: World) -> None:
    words = {**LOOK.words, "all_operational": "Alles in Betrieb"}
    look = type(LOOK)(title="Zustand", language="de", words=words, address="https://s.test")
    await here.show(look=look)
    assert '<html lang="de">' in here.page()
    assert "Alles in Betrieb" in here.page()


async def test_nothing_private_leaks(here: World) -> None:
    canary = "CANARY"
    await here.show(
        f"""
title: T
components:
  - name: API
    monitor: '{canary}_metric{{instance="{canary}-host"}}'
    degraded: '{canary}_slow'
    alerts: 'service="{canary}-service"'
    services: [{canary}-svc]
    severities: {{{canary}-severity: major_outage}}
mail: {{from: {canary}@x.test, smarthost: "{canary}:25", auth_username: {canary}}}
""".replace("CANARY_metric", "canary_metric").replace("CANARY_slow", "canary_slow")
    )
    here.measured.alerts = [
        from_mapping({"service": f"{canary}-service", "severity": f"{canary}-severity"})
    ]
    here.disclosed.public[f"{canary}-INC-1"] = True
    await here.posts.open_post(
        f"{canary}-INC-1", "Public title", [f"{canary}-svc"], Impact.MINOR, "Public text", canary
    )
    await here.posts.update_post(
        f"{canary}-INC-1", PostStatus.IDENTIFIED, "More", canary, key=canary
    )
    await here.notes.override(Override(component="api", state=S.PARTIAL, by=canary, reason=canary))
    await here.notes.publish(PublicWindow(window=canary, title="Window", by=canary))
    await here.after(2)
    assert here.states()["api"] == "major_outage"
    everything = _everything(here)
    assert b"Public text" in everything
    assert canary.lower().encode() not in everything.lower()
    assert b"INC-1" not in everything
