"""The receipt as API and as a page, over a dispatcher that has decided something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.alert.decided import Deciding
from tests.alert.test_decision import running
from tests.ingest.asgi import Site, site
from tests.state.fresh import state_file
from tocsin.alert.delivering.history import Record, Wanted
from tocsin.app.receipts import KeptReceipts
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import Notice, NoticeAlert, fingerprint
from tocsin.web.api import receipts
from tocsin.web.incident_feed import IncidentFeed
from tocsin.web.pages import receipt

ROUTING = """
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 1m,
        routes: [{matchers: ['service="web"'], receiver: web}]}
receivers: [{name: team}, {name: web}]
inhibit_rules: [{source_matchers: [alertname=Db], target_matchers: [alertname=Api]}]
"""
UNKNOWN = "0123456789abcdef"


class Recorded:
    """The messages that were recorded: none, unless a test says so."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def find(self, wanted: Wanted) -> list[Record]:
        return self.records


class World(Deciding):
    """What has decided, and a site that shows it."""

    site: Site
    api_fp: str
    recorded: Recorded


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    found = site()
    database = state_file(tmp_path / "state.db")
    await database.open()
    keeper = KeptReceipts(database, found.clock)
    made = World(found.clock, ROUTING, keeper=keeper)
    made.site, made.recorded = found, Recorded()
    addresses = (*receipts.ADDRESSES, *receipt.ADDRESSES)
    app = Starlette(routes=[Route(a.path, a.handler, methods=list(a.methods)) for a in addresses])
    async with running(made):
        app.state.services = SimpleNamespace(
            alerts=made.dispatcher,
            receipts=keeper,
            acknowledgements=made.acks,
            desk=SimpleNamespace(history=made.recorded),
            rules=SimpleNamespace(groups=[]),
            clock=found.clock,
            config=SimpleNamespace(auth_off=False, version="9"),
            status=lambda: SimpleNamespace(ready=True),
            scrape=SimpleNamespace(targets=list),
            incident_feed=IncidentFeed(),
        )
        found.app = app
        await made.tell(alertname="Db", service="db")
        made.api_fp = await made.tell(alertname="Api", service="api")
        await found.clock.advance(2)
        yield made
    await database.close()


async def _get(world: World, path: str) -> Any:  # Any: JSON
    answer = await world.site.call("GET", path)
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body)


async def test_receipts_are_listed_by_alert_by_name_and_all(world: World) -> None:
    everything = (await _get(world, "/api/receipts"))["receipts"]
    assert len(everything) == 2
    [by_print] = (await _get(world, f"/api/receipts?fingerprint={world.api_fp}"))["receipts"]
    [by_name] = (await _get(world, "/api/receipts?alertname=Api"))["receipts"]
    assert by_print == by_name
    assert by_name["outcome"] == "held back"
    assert by_name["labels"] == {"alertname": "Api", "service": "api"}
    assert [step["stage"] for step in by_name["steps"]][:4] == [
        "evaluation", "route", "group", "inhibition",
    ]  # fmt: skip
    assert len((await _get(world, "/api/receipts?limit=1"))["receipts"]) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=9999", "fingerprint=zz"])
async def test_what_is_asked_wrongly_is_refused(world: World, query: str) -> None:
    with pytest.raises(Rejected, match=r"limit is a number|16 hex digits"):
        await world.site.call("GET", f"/api/receipts?{query}")


async def test_a_receipt_is_made_again_when_it_is_looked_at(world: World) -> None:
    [listed] = (await _get(world, "/api/receipts?alertname=Api"))["receipts"]
    whole = await _get(world, f"/api/receipts/{listed['id']}")
    assert whole["replayed"] == {"is_equal": True, "summary": listed["summary"], "error": ""}
    assert whole["inputs"]["facts"]["sources"][0]["labels"][0] == ["alertname", "Db"]


async def test_why_of_a_name_says_what_is_and_what_was_decided(world: World) -> None:
    [found] = (await _get(world, "/api/why?alert=Api"))["alerts"]
    assert found["is_known"]
    assert found["is_firing"]
    assert found["now"][0]["outcome"] == "held back"
    assert found["history"][0]["summary"].startswith("held back by Db, which fires")


async def test_why_of_an_alert_that_is_not_there_says_what_would_become_of_it(
    world: World,
) -> None:
    [found] = (await _get(world, "/api/why?alert=New&label=service=web"))["alerts"]
    assert not found["is_known"]
    assert found["now"][0]["summary"] == "web is told by test[0] when the group is looked at next"
    assert found["now"][0]["steps"][0]["words"] == "New is supposed to fire"
    [nothing] = (await _get(world, f"/api/why?alert={UNKNOWN}"))["alerts"]
    assert (nothing["is_known"], nothing["now"], nothing["history"]) == (False, [], [])


async def test_the_page_reads_as_a_chain_and_links_what_it_is_about(world: World) -> None:
    answer = await world.site.call("GET", f"/alerts/{world.api_fp}/why")
    text = answer.body.decode()
    assert answer.status == 200
    assert "held back by Db, which fires" in text
    source = next(one.fingerprint for one in world.dispatcher.named("Db"))
    assert f'href="/alerts/{source}/why"' in text
    assert "UTC" in text
    assert text.index("Evaluation") < text.index("Inhibition") < text.index("Dependency")


async def test_each_message_says_whether_it_told_a_beginning_or_an_end(world: World) -> None:
    api = from_mapping({"alertname": "Api", "service": "api"})
    other = from_mapping({"alertname": "Other"})
    both = (_told(api, ends=True), _told(other))
    world.recorded.records = [_record(3, both), _record(2, (_told(other),)), _record(1, both[:1])]
    [found] = (await _get(world, "/api/why?alert=Api"))["alerts"]
    assert [one["said"] for one in found["messages"]] == ["resolved", "firing", "resolved"]
    page = (await world.site.call("GET", f"/alerts/{world.api_fp}/why")).body.decode()
    assert page.index("<td>Resolved</td>") < page.index("<td>Firing</td>")


@pytest.mark.parametrize(
    ("labels", "summary"),
    [
        pytest.param({"alertname": "Down"}, "FIRING 1, RESOLVED 1: Down", id="a name"),
        pytest.param({"service": "db"}, "FIRING 1, RESOLVED 1: service=db", id="no name"),
        pytest.param({}, "FIRING 1, RESOLVED 1", id="neither a name nor a group"),
    ],
)
def test_a_message_is_summed_up_by_its_alerts_or_else_by_its_group(
    labels: dict[str, str], summary: str
) -> None:
    found = from_mapping(labels)
    assert _record(1, (_told(found), _told(found, ends=True)), found).summary == summary


def _told(labels: Labels, *, ends: bool = False) -> NoticeAlert:
    name = fingerprint(labels)
    return NoticeAlert(labels=labels, starts_ms=1, ends_ms=2 if ends else 0, fingerprint=name)


def _record(number: int, alerts: tuple[NoticeAlert, ...], group: Labels = ()) -> Record:
    notice = Notice(receiver="team", group_key="{}:{}", group_labels=group, alerts=alerts, at_ms=2)
    return Record(
        id=number,
        at_ms=2,
        receiver="team",
        integration="webhook[0]",
        group_key="{}:{}",
        notice=notice,
        alert_count=len(alerts),
    )


async def test_the_page_of_an_unknown_alert_asks_for_its_labels(world: World) -> None:
    answer = await world.site.call("GET", f"/alerts/{UNKNOWN}/why")
    assert "What would become of it?" in answer.body.decode()
    asked = quote("alertname=New service=web")
    moved = await world.site.call("GET", f"/alerts/{UNKNOWN}/why?labels={asked}")
    assert moved.status == 303
    there = await world.site.call("GET", moved.headers["location"])
    assert "New is supposed to fire" in there.body.decode()
    wrong = await world.site.call("GET", f"/alerts/{UNKNOWN}/why?labels=nonsense")
    assert "is no label" in wrong.body.decode()
