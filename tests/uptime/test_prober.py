"""What is found becomes series and alerts; once more is asked before somebody is woken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tests.scrape.servers import Kept
from tocsin.alert.rules.group_run import GroupRun
from tocsin.app.config import Loaded, load_config
from tocsin.app.uptime import monitor_groups
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.model.labels import from_mapping
from tocsin.scrape.config import ScrapePlan
from tocsin.scrape.manager import ScrapeManager
from tocsin.uptime.config import MonitorConfig, WebUrl
from tocsin.uptime.finding import Around, Down, Numbers
from tocsin.uptime.jobs import monitor_jobs
from tocsin.uptime.prober import BUILT_IN, Prober

MONITORS = """
monitors:
  - name: Shop
    url: https://shop.example/
    severity: high
    runbook: https://wiki.example/shop
    labels: {service: shop}
  - name: Quiet
    tcp: db.example:5432
    alert: false
"""


def loaded(folder: Path, text: str) -> Loaded:
    file = folder / "tocsin.yaml"
    file.write_text(text)
    return load_config(file, environment={})


class Answers:
    """A probe that answers as it is told: None is well."""

    def __init__(self, *answers: Down | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, monitor: MonitorConfig, around: Around, numbers: Numbers) -> None:
        self.asked += 1
        numbers.values["probe_http_status_code"] = 200.0
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


SHOP = MonitorConfig(name="Shop", url=WebUrl("https://shop.example/"), labels={"service": "shop"})
NO = Down("status", "answered 500; 2xx is right")


@pytest.mark.parametrize(
    ("answers", "is_up", "attempts"),
    [
        pytest.param((), True, 1, id="well at once"),
        pytest.param((NO,), True, 2, id="well at the second time"),
        pytest.param((NO, NO), False, 2, id="down"),
        pytest.param((Down("configuration", "no file"),), False, 1, id="not worth a second time"),
    ],
)
async def test_it_is_asked_again_before_it_counts_as_down(
    clock: FakeClock, answers: tuple[Down | None, ...], is_up: bool, attempts: int
) -> None:
    probe = Answers(*answers)
    found = await Prober(clock, {"http": probe}).ask(SHOP)
    assert (found.is_up, found.attempts, probe.asked) == (is_up, attempts, attempts)


async def test_findings_are_series_with_the_monitors_labels(clock: FakeClock) -> None:
    kept, prober = Kept(), Prober(clock, {"http": Answers(None, NO, NO)})
    prober.configure((SHOP,), Path())
    manager = ScrapeManager(kept, kept, clock, getters={BUILT_IN: prober})
    await manager.apply(ScrapePlan(), monitor_jobs((SHOP,)))
    (target,) = manager.targets()
    for _ in range(2):
        await manager.scrape_now(target.target.id)
    await manager.stop()
    about = {"job": "uptime", "instance": SHOP.url, "monitor": "Shop", "service": "shop"}
    series = kept.all()
    up = from_mapping({"__name__": "probe_success", **about})
    why = from_mapping({"__name__": "probe_failed_info", "reason": "status", **about})
    assert [value for _, value in series[up]] == [1.0, 0.0]
    assert [value for _, value in series[why]] == [1.0]
    assert kept.values("up") == [1.0, 1.0]
    finding = prober.finding("Shop")
    assert finding is not None
    assert finding.words == NO.words
    prober.configure((), Path())
    assert prober.finding("Shop") is None


def put_of(world: RuleWorld, name: str, value: float, **more: str) -> None:
    """One sample of the shop's monitor."""
    about = {"job": "uptime", "monitor": "Shop", "instance": "https://shop.example/", **more}
    series = from_mapping({"__name__": name, **about})
    world.memory.put(series, {world.now_ms: value})


@pytest.fixture
def groups(tmp_path: Path) -> Callable[[RuleWorld], GroupRun]:
    (group,) = monitor_groups(loaded(tmp_path, MONITORS))
    return lambda world: GroupRun(group, world.around, restore=False)


async def test_who_is_down_alerts_with_the_reason_and_is_over_when_it_answers(
    tmp_path: Path, groups: Callable[[RuleWorld], GroupRun]
) -> None:
    world = RuleWorld(tmp_path)
    group = groups(world)
    put_of(world, "probe_success", 0.0)
    put_of(world, "probe_failed_info", 1.0, reason="timeout")
    await group.evaluate(world.now_ms)
    (alert,) = world.told.alerts
    assert dict(alert.labels)["alertname"] == "MonitorDown"
    assert dict(alert.labels)["severity"] == "high"
    told = dict(alert.annotations)
    assert told["summary"] == "Shop is down"
    assert told["description"] == "https://shop.example/ does not answer as it should: timeout."
    assert told["runbook_url"] == "https://wiki.example/shop"
    await world.clock.advance(60)
    put_of(world, "probe_success", 1.0)
    await group.evaluate(world.now_ms)
    assert world.told.alerts[-1].is_resolved(world.now_ms)


async def test_a_certificate_that_ends_soon_is_told_in_time(
    tmp_path: Path, groups: Callable[[RuleWorld], GroupRun]
) -> None:
    world = RuleWorld(tmp_path)
    group = groups(world)
    now = world.now_ms / 1000
    for days, told in ((15, []), (13, ["CertificateEnds"])):
        put_of(world, "probe_success", 1.0)
        put_of(world, "probe_ssl_earliest_cert_expiry", now + days * 86_400)
        await group.evaluate(world.now_ms)
        assert [dict(one.labels)["alertname"] for one in world.told.alerts] == told
        await world.clock.advance(60)
    (alert,) = world.told.alerts
    assert "ends in 12d 23h" in dict(alert.annotations)["summary"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "monitors:\n  - {name: a, dns: a.example}\n  - {name: a, dns: b.example}\n",
            "tocsin.yaml:3:6.*stands above",
            id="two of one name",
        ),
        pytest.param(
            "monitors:\n  - {name: a, url: 'https://a', tls_config: {ca_file: gone.pem}}\n",
            "gone.pem",
            id="a file that is missing",
        ),
    ],
)
def test_what_only_all_of_them_tell_is_refused_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        monitor_groups(loaded(tmp_path, text))
