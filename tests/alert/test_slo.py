"""Objectives: what they come to, and when their budget burns, on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.plain.slo import Slo, read_slos
from tocsin.alert.plain.slo_rules import BURNS, slo_groups, slo_warnings
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.rule_file import RuleFileError
from tocsin.kit.yaml import loads
from tocsin.model.labels import NAME, from_mapping

API = """\
- name: api
  objective: 99.9%
  good: done{code!~"5.."}
  total: done
  runbook: https://wiki/slo
  labels: {team: shop}
"""


def slos(text: str) -> list[Slo]:
    return read_slos(loads(text, "tocsin.yaml"))


def test_good_and_total_become_rates() -> None:
    (slo,) = slos(API)
    assert slo.total == "sum(rate(done[5m]))"
    assert slo.bad == (
        'sum(rate(done[5m])) - (sum(rate(done{code!~"5.."}[5m])) or 0 * sum(rate(done[5m])))'
    )
    assert (slo.objective, slo.budget, slo.window_ms) == (0.999, 0.001, 30 * 86_400_000)


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("bad: failed\n  total: done", "sum(rate(failed[5m])) or 0 * sum(rate(done[5m]))"),
        ("bad: sum(rate(f[5m]))\n  total: done", "sum(rate(f[5m])) or 0 * sum(rate(done[5m]))"),
        (
            "bad: failed\n  total: done\n  by: [service]",
            "sum by (service) (rate(failed[5m])) or 0 * sum by (service) (rate(done[5m]))",
        ),
    ],
)
def test_other_ways_to_count(text: str, bad: str) -> None:
    assert slos(f"- name: a\n  objective: 99%\n  {text}\n")[0].bad == bad


def test_an_indicator_is_narrowed() -> None:
    (slo,) = slos("a: {objective: 95%, indicator: 'latency{job=\"api\"}', below: 300ms}")
    assert 'http_request_duration_seconds_bucket{job="api",le=~"0\\\\.3"}[5m]' in slo.bad
    (slo,) = slos("a: {objective: 95%, indicator: 'error_rate{job=\"api\"}'}")
    assert 'http_requests_total{job="api",status_code=~"5.."}[5m]' in slo.bad


def test_the_alerts_are_those_of_the_workbook() -> None:
    (slo,) = slos(API)
    alerts = [rule for group in slo_groups([slo]) for rule in group.rules if rule.is_alert]
    assert [burn.factor(slo.window_ms) for burn in BURNS] == [14.4, 6.0, 3.0, 1.0]
    assert [rule.expr for rule in alerts] == [
        f'slo:bad_ratio:{long}{{slo="api"}} > {bound} and '
        f'slo:bad_ratio:{short}{{slo="api"}} > {bound}'
        for long, short, bound in (
            ("1h", "5m", "0.0144"),
            ("6h", "30m", "0.006"),
            ("1d", "2h", "0.003"),
            ("3d", "6h", "0.001"),
        )
    ]
    assert [dict(rule.labels)["severity"] for rule in alerts] == [
        "critical",
        "critical",
        "medium",
        "medium",
    ]
    assert dict(alerts[0].labels) == {
        "slo": "api",
        "team": "shop",
        "severity": "critical",
        "window": "1h",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {objective: 100%, total: x, good: y}", "nothing may ever fail"),
        ("a: {objective: 99.9, total: x, good: y}", "write 99.9%"),
        ("a: {objective: 101%, total: x, good: y}", "below 100%"),
        ("a: {objective: most, total: x, good: y}", "a share such as 99.9%"),
        ("a: {objective: 99%, total: x}", "one of good and bad"),
        ("a: {objective: 99%, total: x, good: y, bad: z}", "one of good and bad"),
        ("a: {objective: 99%, total: 'sum(', good: y}", "could not parse"),
        ("a: {objective: 99%, total: x, good: y, window: 1d}", "7d to 90d"),
        ("a: {objective: 99%, indicator: error_rat}", 'did you mean "error_rate"'),
        ("a: {objective: 99%, indicator: latency}", "how long a good answer takes"),
        ("a: {objective: 99%, indicator: error_rate, total: x}", "not both"),
        ("a: {objective: 99%, total: x, good: y, labels: {slo: b}}", "set by Tocsin"),
        ("[{objective: 99%, total: x, good: y}]", "has no name"),
        ("- {name: a, objective: 9%, total: x, good: y}\n" * 2, "given twice"),
        ("5", "a list of objectives"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(RuleFileError, match=words) as refused:
        slos(text)
    assert refused.value.problems[0].place.file == "tocsin.yaml"


def test_an_alert_that_could_never_fire_is_left_out_and_said() -> None:
    found = slos("a: {objective: 90%, total: x, good: y}")
    (warning,) = slo_warnings(found)
    assert "over 1h could never fire" in warning
    fast, _ = slo_groups(found)
    assert [rule.name for rule in fast.rules if rule.is_alert] == ["SloBudgetBurn"]


class Service:
    """A service whose requests are counted; time passes in minutes."""

    def __init__(self, folder: Path) -> None:
        self.world = RuleWorld(folder)
        fast, slow = slo_groups(slos(API))
        self.fast = GroupRun(fast, self.world.around, restore=False)
        self.slow = GroupRun(slow, self.world.around, restore=False)
        self.good = self.bad = 0.0

    def recorded(
        self, days: float, *, failing: float, only: Callable[[int], bool] = lambda ago: True
    ) -> None:
        """What was recorded in the past days, without evaluating it: in which minutes (counted from
        now) there were data says `only`."""
        minutes = [ago for ago in range(int(days * 1440), 0, -1) if only(ago)]
        for metric, value in (("slo:total:rate5m", 10.0), ("slo:bad:rate5m", 10.0 * failing)):
            labels = from_mapping({NAME: metric, "slo": "api", "team": "shop"})
            points = {self.world.now_ms - ago * 60_000: value for ago in minutes}
            self.world.memory.put(labels, points)

    async def minutes(self, count: int, *, failing: float) -> None:
        for minute in range(count):
            await self.world.clock.advance(60)
            self.good += 600 * (1 - failing)
            self.bad += 600 * failing
            self.world.put("done", self.good, code="200")
            self.world.put("done", self.bad, code="500")
            await self.fast.evaluate(self.world.now_ms)
            if minute % 5 == 0:
                await self.slow.evaluate(self.world.now_ms)

    def firing(self) -> list[str]:
        runs = (*self.fast.rules, *self.slow.rules)
        return [dict(one.labels)["window"] for run in runs for one in run.alerts()]

    async def last(self, metric: str) -> float:
        ((_, points),) = (await self.world.samples(metric)).items()
        return points[-1][1]


async def test_a_fast_burn_wakes_and_ends_soon_after_it_is_over(tmp_path: Path) -> None:
    service = Service(tmp_path)
    await service.minutes(70, failing=0.0)
    assert service.firing() == []
    assert await service.last("slo:budget_left:ratio") == 1.0
    await service.minutes(10, failing=0.2)
    assert "1h" in service.firing()
    assert await service.last("slo:burn_rate:1h") > 14.4
    assert 0.5 < await service.last("slo:budget_left:ratio") < 1
    await service.minutes(7, failing=0.0)
    assert "1h" not in service.firing()


async def test_a_slow_burn_is_a_ticket_alone(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.recorded(3, failing=0.004)
    await service.minutes(7, failing=0.004)
    assert service.firing() == ["1d", "3d"]
    (alert,) = (
        one for run in service.slow.rules for one in run.alerts()
        if ("window", "1d") in one.labels
    )  # fmt: skip
    assert from_mapping(dict(alert.labels)) == from_mapping(
        {
            "alertname": "SloBudgetBurn",
            "slo": "api",
            "team": "shop",
            "severity": "medium",
            "window": "1d",
        }
    )
    said = dict(alert.annotations)
    assert said["summary"] == "api burns its error budget more than 3 times too fast"
    assert said["description"].endswith(
        "failed in the last 1d, 0.1% may. At this rate the budget of 30d lasts 10d."
    )
    assert said["runbook_url"] == "https://wiki/slo"


async def test_the_first_bad_minutes_of_an_objective_are_not_days(tmp_path: Path) -> None:
    service = Service(tmp_path)
    await service.minutes(12, failing=0.05)
    assert service.firing() == ["1h"]
    assert await service.last("slo:budget_left:ratio") > 0.98


async def test_time_without_data_is_neither_good_nor_bad(tmp_path: Path) -> None:
    """Half of three days nothing was scraped: what was counted failed just as often."""
    service = Service(tmp_path)
    service.recorded(3, failing=0.004, only=lambda ago: ago % 240 < 120)
    known = from_mapping({NAME: "slo:since:timestamp_seconds", "slo": "api", "team": "shop"})
    began = service.world.now_ms - 3 * 86_400_000
    service.world.memory.put(known, {service.world.now_ms - 60_000: began / 1000})
    await service.minutes(2, failing=0.004)
    for window in ("6h", "1d", "3d"):
        assert await service.last(f"slo:bad_ratio:{window}") == pytest.approx(0.004, rel=0.01)
    left = await service.last("slo:budget_left:ratio")
    assert left == pytest.approx(1 - 0.004 / 0.001 * 3 / 30, rel=0.02)


async def test_what_failed_now_and_then_is_not_taken_for_what_failed_always(
    tmp_path: Path,
) -> None:
    """A series of failures that is there only while there are some."""
    service = Service(tmp_path)
    service.recorded(1, failing=0.0)
    labels = from_mapping({NAME: "slo:bad:rate5m", "slo": "api", "team": "shop"})
    service.world.memory.put(
        labels, {service.world.now_ms - ago * 60_000: 1.0 for ago in range(30, 25, -1)}
    )
    await service.fast.evaluate(service.world.now_ms)
    found = await service.last("slo:bad_ratio:1h")
    assert found == pytest.approx(5 * 1.0 / (60 * 10.0), rel=0.05)


async def test_a_service_without_requests_has_no_ratio(tmp_path: Path) -> None:
    service = Service(tmp_path)
    for _ in range(10):
        await service.world.clock.advance(60)
        service.world.put("done", 5.0, code="200")
        await service.fast.evaluate(service.world.now_ms)
    assert await service.world.samples("slo:bad_ratio:5m") == {}
    assert all(run.health == "ok" for run in service.fast.rules)
