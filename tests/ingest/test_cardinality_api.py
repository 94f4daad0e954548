"""What programs are told of the cost of series, and how they keep some out."""

from __future__ import annotations

import json

from tests.ingest.asgi import site
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.limits import LimitsConfig


async def test_the_cost_of_series_and_what_was_refused_is_told() -> None:
    here = site(IngestConfig(limits=LimitsConfig(max_series_per_metric=1)))
    data = {"series": [{"metric": "a", "points": [[1_700_000_000, 1]], "tags": ["k:1"]}]}
    await here.call("POST", "/datadog/api/v1/series", json.dumps(data).encode())
    data["series"][0]["tags"] = ["k:2"]
    await here.call("POST", "/datadog/api/v1/series", json.dumps(data).encode())
    told = (await here.call("GET", "/api/cardinality?limit=5")).json()
    assert told["series"] == 1
    assert told["metrics"] == [{"name": "a", "series": 1}]
    assert told["pairs"] == [{"name": 'k="1"', "series": 1}]
    assert told["limits"]["max_series_per_metric"] == 1
    assert told["refused"][0]["limit"] == "max_series_per_metric"
    senders = (await here.call("GET", "/api/senders")).json()
    assert (senders[0]["protocol"], senders[0]["samples"], senders[0]["refused"]) == (
        "datadog",
        1,
        1,
    )


async def test_drop_rules_are_added_listed_removed_and_kept() -> None:
    here = site()
    rule = {"selector": '{__name__=~"go_.*"}', "fixed": False}
    answer = await here.call("POST", "/api/drop-rules", json.dumps(rule).encode())
    assert (answer.status, answer.json()) == (201, [rule])
    kept = here.app.state.services.settings.kept
    assert kept["drop_rules"][0] == [rule["selector"]]
    assert (await here.call("GET", "/api/drop-rules")).json() == [rule]
    answer = await here.call("DELETE", f"/api/drop-rules?selector={rule['selector']}")
    assert answer.json() == []
    assert kept["drop_rules"][0] == []
