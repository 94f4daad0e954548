"""What the page of objectives and its API say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.alert.test_slo import API, Service, slos
from tests.web.pages.samples import frame
from tocsin.model.labels import NAME, from_mapping
from tocsin.query.promql.result import QueryOptions
from tocsin.web.pages.render import html
from tocsin.web.services import Services
from tocsin.web.slo_standing import Standing, standings


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


async def standing(service: Service) -> Standing:
    config = SimpleNamespace(slos=lambda: slos(API), query=QueryOptions())
    around = service.world.around
    rules = SimpleNamespace(groups=[service.fast, service.slow])
    given = SimpleNamespace(config=config, engine=around.engine, clock=around.clock, rules=rules)
    (one,) = await standings(cast("Services", given))
    return one


async def test_before_the_first_evaluation_nothing_is_known(service: Service) -> None:
    one = await standing(service)
    assert (one.word, one.tone, one.budget_left, one.exhausted_s) == (
        "First numbers within 2 min",
        "unknown",
        None,
        None,
    )


async def test_a_budget_that_is_used_tells_how_long_it_lasts(service: Service) -> None:
    service.recorded(15, failing=0.0005)
    await service.minutes(61, failing=0.0005)
    one = await standing(service)
    assert one.word == "Good"
    assert one.budget_left == pytest.approx(0.75, rel=0.01)
    assert one.burn_rate == pytest.approx(0.5, rel=0.01)
    assert one.exhausted_s == pytest.approx(45 * 86_400, rel=0.02)
    shown = html("pages/slos.html", frame("/slos"), standings=[one], problem="")
    assert "99.9 % in 30 d" in shown
    assert "slo:budget_left:ratio{slo=&#34;api&#34;}" in shown


async def test_a_budget_that_burns_is_critical_and_names_its_alerts(service: Service) -> None:
    service.recorded(15, failing=0.02)
    await service.minutes(61, failing=0.2)
    one = await standing(service)
    assert (one.tone, one.word) == ("critical", "Budget used up")
    assert [alert.window for alert in one.alerts] == ["1h", "6h", "1d", "3d"]
    shown = html("pages/slos.html", frame("/slos"), standings=[one], problem="")
    assert "critical, over 1h" in shown


async def test_more_good_than_all_is_said(service: Service) -> None:
    await service.minutes(10, failing=0.0)
    metric = from_mapping({NAME: "slo:bad:rate5m", "slo": "api", "team": "shop"})
    service.world.memory.put(metric, {service.world.now_ms + 1: -1.0})
    await service.world.clock.advance(1)
    one = await standing(service)
    assert (one.word, one.tone) == ("Cannot be told", "critical")
    shown = html("pages/slos.html", frame("/slos"), standings=[one], problem="")
    assert "more is good than there is in total" in shown


def test_without_objectives_the_page_teaches() -> None:
    shown = html("pages/slos.html", frame("/slos"), standings=[], problem="")
    assert "No objective is set yet" in shown
