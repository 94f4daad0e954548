"""What the pages and the API of monitors say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.alert.rule_world import RuleWorld
from tests.web.pages.samples import frame
from tocsin.model.labels import from_mapping
from tocsin.query.promql.result import QueryOptions
from tocsin.uptime.config import MonitorConfig, Server, WebUrl
from tocsin.uptime.finding import Down, Finding
from tocsin.web.api.monitors import shown
from tocsin.web.pages.render import html
from tocsin.web.pages.uptime import MonitorView, UptimeView, path_of
from tocsin.web.services import Services
from tocsin.web.uptime_standing import BARS, Standing, standings

SHOP = MonitorConfig(name="Shop & more", url=WebUrl("https://shop.example/"))
DATABASE = MonitorConfig(name="database", tcp=Server("db.example:5432"))
NEW = MonitorConfig(name="new", dns="new.example")


class House:
    """Monitors whose past is in memory."""

    def __init__(self, folder: Path) -> None:
        self.world = RuleWorld(folder)
        self.findings: dict[str, Finding] = {}

    def past(self, name: str, ups: list[float], **more: float) -> None:
        """One attempt a minute, the last one now."""
        now = self.world.now_ms
        for metric, values in (("probe_success", ups), ("probe_duration_seconds", [0.2])):
            series = from_mapping({"__name__": metric, "job": "uptime", "monitor": name})
            first = now - 60_000 * (len(values) - 1)
            self.world.memory.put(series, {first + 60_000 * n: up for n, up in enumerate(values)})
        for metric, value in more.items():
            series = from_mapping({"__name__": metric, "job": "uptime", "monitor": name})
            self.world.memory.put(series, {now: value})
        is_up = bool(ups[-1])
        down = Down("timeout", "no complete answer within 10s")
        self.findings[name] = Finding(
            is_up,
            now,
            0.2,
            1 if is_up else 2,
            "" if is_up else down.reason,
            "" if is_up else down.words,
        )

    async def standings(self, only: str = "") -> list[Standing]:
        around = self.world.around
        prober = SimpleNamespace(monitors=(NEW, DATABASE, SHOP), finding=self.findings.get)
        given = SimpleNamespace(
            config=SimpleNamespace(query=QueryOptions()),
            engine=around.engine,
            clock=around.clock,
            prober=prober,
        )
        now = around.clock.now()
        return await standings(cast("Services", given), now - 3600, now, only)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    ends = house.world.clock.now() + 3 * 86_400
    house.past("Shop & more", [1.0] * 30, probe_ssl_earliest_cert_expiry=ends)
    house.past("database", [1.0, 1.0, 1.0, 0.0])
    return house


async def test_who_is_down_is_first_and_shares_are_of_what_was_asked(house: House) -> None:
    found = await house.standings()
    assert [(one.monitor.name, one.word, one.tone) for one in found] == [
        ("database", "Down", "critical"),
        ("new", "Not asked yet", "unknown"),
        ("Shop & more", "Certificate", "warning"),
    ]
    database, new, shop = found
    assert (database.up_ratio, database.day_ratio, shop.week_ratio) == (0.75, 0.75, 1.0)
    assert new.up_ratio is None
    assert [bar.tone for bar in database.bars[-4:]] == ["ok", "ok", "ok", "critical"]
    assert {bar.tone for bar in database.bars[:-4]} == {"none"}
    assert len(shop.bars) == BARS
    assert shop.took_s == pytest.approx(0.2)


async def test_the_page_says_what_is_wrong_in_words(house: House) -> None:
    view = UptimeView(await house.standings(), 3)
    text = html("pages/uptime.html", frame("/uptime"), view=view, path_of=path_of)
    assert "1 of 3 down" in text
    assert "no complete answer within 10s" in text
    assert 'href="/uptime/Shop%20%26%20more"' in text
    assert "75 %" in text


async def test_one_monitor_has_a_page_with_what_is_asked(house: House) -> None:
    (one,) = await house.standings("database")
    view = MonitorView(one, took="a", phases="", up="b", alerts=())
    text = html("pages/monitor.html", frame("/uptime/database"), view=view)
    assert "given up after 200 ms, at attempt 2" in text
    assert "every 1 min" in text
    assert await house.standings("nobody") == []


async def test_programs_are_told_the_same(house: House) -> None:
    database, new, shop = (shown(one) for one in await house.standings())
    assert (database.up, database.reason, database.uptime) == (False, "timeout", 0.75)
    assert (new.up, new.asked_at, new.uptime) == (None, None, None)
    assert shop.certificate_ends_at == pytest.approx(house.world.clock.now() + 3 * 86_400)


def test_without_monitors_the_page_teaches() -> None:
    text = html("pages/uptime.html", frame("/uptime"), view=UptimeView(), path_of=path_of)
    assert "Nothing is monitored yet" in text
