"""What tools ask a Prometheus about itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tocsin.model.labels import from_mapping
from tocsin.scrape.loop import TargetState
from tocsin.scrape.target import DroppedTarget, Target

NOW = 1_700_000_000
API = "/api/v1/"


async def test_status_pages_have_prometheus_shape(client: Any) -> None:
    assert (await client.get(API + "status/config")).data == {"yaml": "global: {}\n"}
    flags = (await client.get(API + "status/flags")).data
    assert flags == {"http": "127.0.0.1:7777", "data": "/data"}
    built = (await client.get(API + "status/buildinfo")).data
    assert built["version"] == "3.5.0+tocsin.1.2.3"
    assert set(built) == {
        "version",
        "revision",
        "branch",
        "buildUser",
        "buildDate",
        "goVersion",
    }
    runtime = (await client.get(API + "status/runtimeinfo")).data
    assert runtime["startTime"] == "2023-11-14T22:12:20.000Z"
    assert runtime["reloadConfigSuccess"] is True
    replay = (await client.get(API + "status/walreplay")).data
    assert replay["state"] == "done"


async def test_cardinality_is_told_as_the_head_of_a_tsdb(client: Any, parts: Any) -> None:
    parts.registry = SimpleNamespace(
        cardinality=lambda top: SimpleNamespace(
            series=5,
            metrics=[("requests_total", 2)][:top],
            jobs=[],
            pairs=[('job="api"', 4)],
            labels=[("instance", 2), ("job", 1)],
        )
    )
    found = (await client.get(API + "status/tsdb")).data
    assert found["headStats"]["numSeries"] == 5
    assert found["headStats"]["numLabelPairs"] == 3
    assert found["seriesCountByMetricName"] == [{"name": "requests_total", "value": 2}]
    assert found["seriesCountByLabelValuePair"] == [{"name": "job=api", "value": 4}]


def scraped(parts: Any) -> None:
    labels = from_mapping({"job": "api", "instance": "a:1"})
    target = Target("1", "api", "http://a:1/metrics", labels, labels, 15.0, 10.0)
    state = TargetState(target, "up", NOW * 1000, 0.25)
    dropped = DroppedTarget("api", from_mapping({"__address__": "b:1"}), "dropped by rule 1")
    parts.scrape = SimpleNamespace(targets=lambda: [state], dropped=lambda: [dropped])


async def test_targets_active_and_dropped(client: Any, parts: Any) -> None:
    scraped(parts)
    found = (await client.get(API + "targets")).data
    (active,) = found["activeTargets"]
    assert active["labels"] == {"instance": "a:1", "job": "api"}
    assert active["lastScrape"] == "2023-11-14T22:13:20.000Z"
    assert (active["health"], active["scrapeInterval"]) == ("up", "15s")
    assert found["droppedTargets"] == [
        {"discoveredLabels": {"__address__": "b:1"}, "scrapePool": "api"}
    ]
    assert found["droppedTargetCounts"] == {"api": 1}
    found = (await client.get(API + "targets", ("state", "active"))).data
    assert (len(found["activeTargets"]), found["droppedTargets"]) == (1, [])
    found = (await client.get(API + "targets", ("scrapePool", "other"))).data
    assert found["activeTargets"] == found["droppedTargets"] == []


async def test_metadata_of_targets(client: Any, parts: Any) -> None:
    scraped(parts)
    asked = (("match_target", '{job="api"}'), ("metric", "up"))
    assert (await client.get(API + "targets/metadata", *asked)).data == [
        {
            "target": {"instance": "a:1", "job": "api"},
            "type": "gauge",
            "help": "Whether.",
            "unit": "",
        }
    ]
    found = (await client.get(API + "targets/metadata", ("match_target", '{job="x"}'))).data
    assert found == []
    reply = await client.get(API + "targets/metadata", ("limit", "x"))
    assert reply.error == (400, "bad_data", "limit must be a number")


async def test_rules_and_alerts_are_empty(client: Any) -> None:
    assert (await client.get(API + "rules", ("type", "alert"))).data == {"groups": []}
    assert (await client.get(API + "alerts")).data == {"alerts": []}
    reply = await client.get(API + "rules", ("type", "x"))
    assert reply.error == (400, "bad_data", 'invalid parameter "type": not supported value "x"')
    found = (await client.get(API + "alertmanagers")).data
    assert found == {"activeAlertmanagers": [], "droppedAlertmanagers": []}


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_readiness_tells_the_reason(
    client: Any, parts: Any, ready: bool, status: int
) -> None:
    parts.state.ready, parts.state.reason = ready, "" if ready else "the engine starts"
    assert (await client.get("/-/healthy")).status == 200
    reply = await client.get("/-/ready")
    assert reply.status == status
    assert ready or b"the engine starts" in reply.body


async def test_reload_tells_the_mistake(client: Any, parts: Any) -> None:
    assert (await client.send("POST", "/-/reload")).status == 200
    parts.state.ready = False
    reply = await client.send("PUT", "/-/reload")
    assert (reply.status, reply.body) == (500, b"failed to reload config: line 3: no\n")
    assert (await client.get("/-/reload")).status == 405
