"""What rules and alerts look like from outside, as Prometheus 3 answers it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.group_run import GroupRun
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping

API = "/api/v1/"
RULES = """\
groups:
  - name: a
    interval: 30s
    limit: 5
    rules:
      - record: job:x:sum
        expr: sum(x)
        labels: {by: me}
      - alert: High
        expr: x > 1
        for: 2m
        keep_firing_for: 90s
        labels: {severity: page}
        annotations: {summary: "{{ $value }}"}
  - name: b
    rules:
      - alert: Broken
        expr: x * on(job) group_left() y
"""


@pytest.fixture
async def ruled(parts: Any, tmp_path: Path) -> RuleWorld:
    """Two groups that were evaluated once."""
    world = RuleWorld(tmp_path)
    groups = [GroupRun(group, world.around, restore=False) for group in world.groups(RULES)]
    parts.rules = SimpleNamespace(groups=groups)
    parts.alerts = SimpleNamespace(alerts=list)
    world.put("x", 2.5, job="j")
    for side in "ab":
        world.put("y", 1.0, job="j", side=side)
    for group in groups:
        await group.evaluate(world.now_ms)
    return world


async def test_everything_that_prometheus_tells_of_a_rule_is_told(
    client: Any, ruled: RuleWorld
) -> None:
    first, second = (await client.get(API + "rules")).data["groups"]
    recording, alerting = first.pop("rules")
    for one in (first, recording, alerting):
        assert one.pop("evaluationTime") >= 0
        assert one.pop("lastEvaluation") == "2023-11-14T22:13:20Z"
    assert first == {
        "name": "a", "file": str(ruled.folder / "rules.yml"), "interval": 30, "limit": 5,
    }  # fmt: skip
    assert recording == {
        "name": "job:x:sum",
        "query": "sum(x)",
        "labels": {"by": "me"},
        "health": "ok",
        "type": "recording",
    }
    assert alerting == {
        "state": "pending",
        "name": "High",
        "query": "x > 1",
        "duration": 120,
        "keepFiringFor": 90,
        "labels": {"severity": "page"},
        "annotations": {"summary": "{{ $value }}"},
        "alerts": [
            {
                "labels": {"alertname": "High", "job": "j", "severity": "page"},
                "annotations": {"summary": "2.5"},
                "state": "pending",
                "activeAt": "2023-11-14T22:13:20Z",
                "value": "2.5e+00",
            }
        ],
        "health": "ok",
        "type": "alerting",
    }
    (broken,) = second["rules"]
    assert broken["health"] == "err"
    assert "many-to-many" in broken["lastError"]


async def test_alerts_are_those_that_are_pending_or_firing(client: Any, ruled: RuleWorld) -> None:
    (one,) = (await client.get(API + "alerts")).data["alerts"]
    assert (one["labels"]["alertname"], one["state"]) == ("High", "pending")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([("type", "alert")], ["High", "Broken"]),
        ([("type", "record")], ["job:x:sum"]),
        ([("rule_name[]", "High"), ("rule_name[]", "job:x:sum")], ["job:x:sum", "High"]),
        ([("rule_group[]", "b")], ["Broken"]),
        ([("file[]", "/nowhere")], []),
        ([("match[]", '{severity="page"}')], ["High"]),
        ([("match[]", '{severity="x"}'), ("match[]", '{by="me"}')], ["job:x:sum"]),
    ],
)
async def test_rules_are_chosen(
    client: Any, ruled: RuleWorld, asked: list[tuple[str, str]], found: list[str]
) -> None:
    groups = (await client.get(API + "rules", *asked)).data["groups"]
    assert [rule["name"] for group in groups for rule in group["rules"]] == found


async def test_what_fired_as_it_arrived_is_among_the_alerts(
    client: Any, parts: Any, ruled: RuleWorld
) -> None:
    at_once = Alert(
        labels=from_mapping({"alertname": "PushedError", "metric": "errors"}),
        annotations=from_mapping({"summary": "errors is 2", "value": "2"}),
        starts_ms=1_700_000_000_000,
        source="immediate",
    )
    accepted = msgspec.structs.replace(at_once, source="another server")
    parts.alerts = SimpleNamespace(alerts=lambda: [at_once, accepted])
    ruled_one, arrived = (await client.get(API + "alerts")).data["alerts"]
    assert ruled_one["labels"]["alertname"] == "High"
    assert arrived == {
        "labels": {"alertname": "PushedError", "metric": "errors"},
        "annotations": {"summary": "errors is 2", "value": "2"},
        "state": "firing",
        "activeAt": "2023-11-14T22:13:20Z",
        "value": "2e+00",
    }


async def test_alerts_of_rules_can_be_left_out(client: Any, ruled: RuleWorld) -> None:
    groups = (await client.get(API + "rules", ("exclude_alerts", "true"))).data["groups"]
    assert groups[0]["rules"][1]["alerts"] == []


async def test_groups_come_in_pages(client: Any, ruled: RuleWorld) -> None:
    first = (await client.get(API + "rules", ("group_limit", "1"))).data
    assert [group["name"] for group in first["groups"]] == ["a"]
    token = first["groupNextToken"]
    second = (
        await client.get(API + "rules", ("group_limit", "1"), ("group_next_token", token))
    ).data
    assert [group["name"] for group in second["groups"]] == ["b"]
    assert "groupNextToken" not in second


@pytest.mark.parametrize(
    "asked",
    [
        [("type", "x")],
        [("group_limit", "0")],
        [("group_limit", "x")],
        [("group_next_token", "x")],
        [("group_limit", "1"), ("group_next_token", "gone")],
        [("exclude_alerts", "perhaps")],
    ],
)
async def test_what_cannot_be_asked_is_bad_data(
    client: Any, ruled: RuleWorld, asked: list[tuple[str, str]]
) -> None:
    status, kind, _ = (await client.get(API + "rules", *asked)).error
    assert (status, kind) == (400, "bad_data")
