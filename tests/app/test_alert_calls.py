"""Names in the escalation of severities page people, as long as the alert fires unacknowledged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.oncall.night import FixedRoster, Phones, person, roster
from tests.state.fresh import state_file
from tocsin.app.alert_calls import ALERT_PAGE, AlertCalls
from tocsin.app.alerting import Alerting
from tocsin.app.config import load_config
from tocsin.app.errands import ErrandRunner
from tocsin.app.receivers import receivers_of
from tocsin.incident.book import Author, Draft, IncidentBook
from tocsin.incident.config import IncidentsConfig
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Rejected
from tocsin.model.incidents import Link
from tocsin.model.notices import Notice, NoticeAlert
from tocsin.oncall.escalation.config import read_policies
from tocsin.oncall.paging.address_book import AddressBook
from tocsin.oncall.paging.contacts import Contacts
from tocsin.oncall.webpush.device import Devices
from tocsin.scrape.fetch import Fetcher
from tocsin.state.errands import ErrandTable
from tocsin.state.incidents import IncidentTable

ANA = person("ana", "push", "sms", rules=(("push", 0), ("sms", 2)))
SEED = """
severities:
  severityLevels:
    critical:
      responseTime: 5 minutes
      escalation: [on-call-engineer, engineering-manager, nobody-in-particular]
      channels: [chat]
alerting: {channels: {chat: {kind: webhook, url: "http://127.0.0.1:9/"}}}
oncall:
  roles: {engineering-manager: mara}
  people: {ana: {methods: [{kind: push}]}, mara: {methods: [{kind: push}]}}
  schedules:
    primary: {layers: [{people: [ana], handoff: "Mon 09:00", start: 2024-01-01}]}
"""


async def test_names_of_severities_become_receivers_that_call(tmp_path: Path) -> None:
    (tmp_path / "tocsin.yaml").write_text(SEED)
    clock = FakeClock()
    loaded = load_config(tmp_path / "tocsin.yaml")
    fetcher = Fetcher(clock, tmp_path, connections=1)
    found = receivers_of(loaded, fetcher, clock, "")
    await fetcher.close()
    assert found is not None
    called = {name: [one.kind for one in many] for name, many in found.integrations.items()}
    assert called == {
        "chat": ["webhook"],
        "on-call-engineer": ["oncall"],
        "engineering-manager": ["oncall"],
    }
    route = found.plan.root.routes[0]
    told = [(one.receiver, one.group_wait_ms // 60_000) for one in route.routes if one.escalates]
    assert told == [("on-call-engineer", 5), ("engineering-manager", 10)]
    (warning,) = [one for one in found.warnings if "nobody-in-particular" in one]
    assert "say who that is, oncall.roles.nobody-in-particular" in warning


CHANNELS = "alerting: {channels: {chat: {kind: webhook, url: 'http://127.0.0.1:1/'}}}\n"
TREE = "alertmanager: {route: {receiver: team}, receivers: [{name: team}]}\n"


@pytest.mark.parametrize("routes", ["", TREE], ids=["no routes at all", "routes without levels"])
async def test_channels_that_no_level_names_can_be_paged(tmp_path: Path, routes: str) -> None:
    (tmp_path / "tocsin.yaml").write_text(CHANNELS + routes)
    database = state_file(tmp_path / "state.db")
    await database.open()
    alerting = Alerting(database, FakeClock())
    await alerting.apply(load_config(tmp_path / "tocsin.yaml"), "")
    found = {at.receiver for at in alerting.notifications.desk.integrations}
    await alerting.close()
    await database.close()
    assert found == {"chat"}


@dataclass
class World:
    """Calls, phones and the alerts that still matter."""

    clock: FakeClock
    runner: ErrandRunner
    calls: AlertCalls
    phones: Phones
    book: IncidentBook
    wanted: set[str]

    async def passes(self, minutes: float) -> None:
        end = round(self.clock.now_ms() + minutes * 60_000)
        while 0 < (due := await self.runner.turn()) <= end:
            self.clock.jump(max(0.0, due / 1000 - self.clock.now()))
        self.clock.jump(max(0.0, end / 1000 - self.clock.now()))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    clock = FakeClock()
    table, incidents = ErrandTable(database), IncidentTable(database)
    runner = ErrandRunner(table, clock, node="n")
    people: FixedRoster = roster((ANA, person("mara", "sms")), "ana")
    phones = Phones(clock)
    book = AddressBook(
        lambda: people,  # type: ignore[arg-type,return-value]  # what is asked of it is there
        Contacts(database, clock),
        Devices(database, clock),
    )
    calls = AlertCalls(table, incidents, book, phones, lambda: people, clock)  # type: ignore[arg-type,return-value]  # as above
    roles = {"on-call-engineer": "schedule:primary", "engineering-manager": "mara"}
    calls.policies = read_policies(None, None, roles, people)  # type: ignore[arg-type]  # as above
    wanted = {"f1"}

    def still_wanted(fingerprints: Sequence[str]) -> bool:
        return bool(wanted & set(fingerprints))

    calls.still_wanted = still_wanted
    runner.register(ALERT_PAGE, calls)
    kept = IncidentBook(incidents, IncidentsConfig, clock, wake=runner.wake)
    yield World(clock, runner, calls, phones, kept, wanted)
    await database.close()


def _notice(clock: FakeClock, *, ends_ms: int = 0) -> Notice:
    labels = (("alertname", "DiskFull"), ("severity", "critical"))
    alert = NoticeAlert(
        labels=labels, starts_ms=clock.now_ms() - 60_000, ends_ms=ends_ms, fingerprint="f1"
    )
    return Notice(
        receiver="on-call-engineer",
        group_key="g",
        group_labels=(),
        alerts=(alert,),
        at_ms=clock.now_ms(),
    )


async def test_whoever_is_on_call_is_paged_by_their_own_rules(world: World) -> None:
    await world.calls.call("on-call-engineer", _notice(world.clock))
    await world.passes(10)
    assert world.phones.calls == [(0.0, "ana", "push"), (2.0, "ana", "sms")]


async def test_what_is_acknowledged_meanwhile_is_not_paged(world: World) -> None:
    await world.calls.call("on-call-engineer", _notice(world.clock))
    await world.passes(1)
    world.wanted.clear()
    await world.passes(10)
    assert world.phones.calls == [(0.0, "ana", "push")]


async def test_what_is_over_is_not_paged(world: World) -> None:
    notice = _notice(world.clock)
    await world.calls.call("on-call-engineer", notice)
    await world.passes(1)
    over = msgspec.structs.replace(notice.alerts[0], ends_ms=world.clock.now_ms())
    await world.calls.call("on-call-engineer", msgspec.structs.replace(notice, alerts=(over,)))
    await world.passes(10)
    assert world.phones.calls == [(0.0, "ana", "push")]


async def test_a_way_that_fails_hurries_the_next(world: World) -> None:
    world.phones.broken["push"] = Permanent("gone")
    await world.calls.call("on-call-engineer", _notice(world.clock))
    await world.passes(1)
    assert world.phones.calls == [(0.0, "ana", "sms")]


async def test_told_twice_it_pages_once(world: World) -> None:
    notice = _notice(world.clock)
    await world.calls.call("engineering-manager", notice)
    await world.calls.call("engineering-manager", notice)
    await world.passes(10)
    assert world.phones.calls == [(0.0, "mara", "sms")]


async def test_alerts_of_an_incident_that_escalates_by_itself_page_nobody_again(
    world: World,
) -> None:
    link = Link(kind="alert", ref="f1", title="DiskFull")
    draft = Draft(severity="P0", title="Disk full", links=(link,))
    await world.book.open(draft, Author("tocsin", "alerts"))
    world.calls.pages_of = lambda incident: incident
    await world.calls.call("on-call-engineer", _notice(world.clock))
    await world.passes(10)
    assert world.phones.calls == []


async def test_a_name_of_nobody_is_refused(world: World) -> None:
    with pytest.raises(Rejected, match="nobody in oncall"):
        await world.calls.call("who", _notice(world.clock))
