"""What an application's own alert rules do over the metrics that it sends, on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.plain.indicators import DEFAULTS
from tocsin.alert.plain.plain_rule import plain_rules
from tocsin.alert.rules.group_run import GroupRun
from tocsin.kit.yaml import loads
from tocsin.model.labels import NAME, from_mapping

RULES = {
    "serviceDown": "{condition: 'http_status_5xx_rate > 50%', duration: '1m'}",
    "databaseDown": "{condition: 'convex_connection_errors > 10', duration: '2m'}",
    "highErrorRate": "{condition: 'error_rate > 5%', duration: '5m'}",
    "slowResponse": "{condition: 'p95_response_time > 2000ms', duration: '5m'}",
    "highMemoryUsage": "{condition: 'memory_usage > 80%', duration: '10m'}",
    "aiServiceSlow": "{condition: 'ai_analysis_latency > 10000ms', duration: '5m'}",
    "lowUserActivity": "{condition: 'daily_active_users < 50', duration: '1h'}",
}

Values = Callable[[int], Mapping[tuple[str, str], float]]
"""Samples by a metric's name and one label, of each minute."""


def requests(failing: float) -> Values:
    return lambda minute: {
        ("http_requests_total", "status_code=200"): 600.0 * minute * (1 - failing),
        ("http_requests_total", "status_code=503"): 600.0 * minute * failing,
    }


def durations(share_slow: float) -> Values:
    return lambda minute: {
        ("http_request_duration_seconds_bucket", "le=1"): 600.0 * minute * (1 - share_slow),
        ("http_request_duration_seconds_bucket", "le=5"): 600.0 * minute,
        ("http_request_duration_seconds_bucket", "le=+Inf"): 600.0 * minute,
    }


def memory(used: float) -> Values:
    return lambda _: {
        ("node_memory_MemAvailable_bytes", "instance=a"): 1e9 * (1 - used),
        ("node_memory_MemTotal_bytes", "instance=a"): 1e9,
    }


def pushed(metric: str, value: float) -> Values:
    return lambda minute: {
        (f"{metric}_events_total", "type=x"): 10.0 * minute,
        (f"{metric}_value_sum", "type=x"): 10.0 * minute * value,
    }


def users(count: float) -> Values:
    return lambda _: {("daily_active_users", "app=web"): count}


@pytest.mark.parametrize(
    ("name", "bad", "good", "fires_after"),
    [
        pytest.param("serviceDown", requests(0.6), requests(0.4), 3, id="most requests fail"),
        pytest.param("databaseDown", pushed("convex_connection_errors", 1.0),
                     pushed("convex_connection_errors", 0.0), 4, id="the database is away"),
        pytest.param("highErrorRate", requests(0.1), requests(0.01), 7, id="some requests fail"),
        pytest.param("slowResponse", durations(0.5), durations(0.01), 7, id="answers are slow"),
        pytest.param("highMemoryUsage", memory(0.9), memory(0.5), 11, id="memory is short"),
        pytest.param("aiServiceSlow", pushed("ai_analysis_latency", 12_000),
                     pushed("ai_analysis_latency", 900), 7, id="the analysis is slow"),
        pytest.param("lowUserActivity", users(40), users(60), 61, id="few people come"),
    ],
)  # fmt: skip
async def test_each_rule_fires_when_it_should_and_only_then(
    tmp_path: Path, name: str, bad: Values, good: Values, fires_after: int
) -> None:
    assert await firing(tmp_path, name, bad, fires_after - 1) == "pending"
    assert await firing(tmp_path, name, bad, fires_after) == "firing"
    assert await firing(tmp_path, name, good, fires_after + 5) == "ok"


async def firing(folder: Path, name: str, values: Values, minutes: int) -> str:
    """The rule's state after that many minutes of these values."""
    world = RuleWorld(folder)
    (group,) = plain_rules(loads(f"{name}: {RULES[name]}"), DEFAULTS, 60_000)
    run = GroupRun(group, world.around, restore=False)
    for minute in range(1, minutes + 1):
        await world.clock.advance(60)
        for (metric, label), value in values(minute).items():
            key, _, text = label.partition("=")
            series = from_mapping({NAME: metric, key: text})
            world.memory.put(series, {world.now_ms: value})
        await run.evaluate(world.now_ms)
    return run.rules[0].state
