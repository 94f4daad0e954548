"""What front ends post: events kept whole, series derived of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import Answer, Site, site
from tocsin.ingest import derive
from tocsin.ingest.config import DeriveConfig, IngestConfig
from tocsin.ingest.limits import LimitsConfig
from tocsin.ingest.protocols import tocsin_push
from tocsin.kit.fault import Rejected

NOW = 1_700_000_000_000


async def push(here: Site, path: str, data: Any, **headers: str) -> Answer:
    return await here.call("POST", path, json.dumps(data).encode(), **headers)


async def test_a_tracked_metric_is_an_event_and_series() -> None:
    here = site()
    sent = {
        "name": "feature_usage",
        "value": 2,
        "tags": {"feature": "chat", "userId": "user_1"},
        "timestamp": NOW - 5000,
    }
    answer = await push(here, "/api/metrics", sent, content_type="text/plain;charset=UTF-8")
    assert (answer.status, answer.json()) == (200, {"success": True})
    assert here.samples() == {
        'feature_usage{feature="chat"}': [(NOW - 5000, 2.0)],
        'feature_usage_events_total{feature="chat"}': [(NOW - 15_000, 0.0), (NOW, 1.0)],
        'feature_usage_value_sum{feature="chat"}': [(NOW - 15_000, 0.0), (NOW, 2.0)],
    }
    table, rows, count = here.kept.rows[0]
    assert (table, count) == ("events", 1)
    assert b"user_1" in rows


async def test_a_dotted_name_can_be_asked_for_with_and_without_quotes() -> None:
    here = site()
    await push(here, "/api/metrics", {"name": "web_vitals.fcp", "value": 92})
    assert here.values()["web_vitals.fcp"] == 92.0
    assert here.values()["web_vitals_fcp"] == 92.0
    assert here.values()["web_vitals_fcp_events_total"] == 1.0
    here = site(IngestConfig(derive=DeriveConfig(dotted_names=False)))
    await push(here, "/api/metrics", {"name": "web_vitals.fcp", "value": 92})
    assert "web_vitals.fcp" not in here.values()


async def test_simultaneous_events_add_up() -> None:
    here = site()
    for _ in range(3):
        await push(here, "/api/metrics", {"name": "clicks", "value": 4, "timestamp": NOW})
    assert here.values()["clicks_events_total"] == 3.0
    assert here.values()["clicks_value_sum"] == 12.0
    repeated = here.intake.decoders.derived.repeat()
    assert sorted(repeated.values.tolist()) == [3.0, 12.0]


async def test_several_may_come_in_one_body_and_the_bad_ones_are_counted() -> None:
    here = site()
    good = {"name": "a", "value": 1}
    answer = await push(here, "/api/metrics", {"metrics": [good, {"name": "b"}, 7]})
    assert answer.json() == {"success": True, "rejected": 2}
    await push(here, "/api/metrics", [good])
    assert here.values()["a_events_total"] == 2.0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"value": 1}', id="no name"),
        pytest.param(b'{"name": "", "value": 1}', id="an empty name"),
        pytest.param(b'{"name": "a"}', id="no value"),
        pytest.param(b'{"name": "a", "value": "1"}', id="a text for a value"),
        pytest.param(b'{"name": "a", "value": true}', id="true for a value"),
        pytest.param(b'{"name": 5, "value": 1}', id="a number for a name"),
    ],
)
async def test_what_is_no_metric_is_answered_as_the_clients_know_it(body: bytes) -> None:
    answer = await site().call("POST", "/api/metrics", body)
    assert (answer.status, answer.json()) == (400, {"error": "Invalid metric data"})


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        pytest.param(
            "/api/analytics/web-vitals",
            {"metric": "LCP", "value": 1200.5, "rating": "good", "page": "/", "timestamp": NOW},
            {'web_vitals{metric="LCP", page="/", rating="good"}': 1200.5},
            id="web vitals",
        ),
        pytest.param(
            "/api/analytics/page-performance",
            {"page": "home", "domContentLoaded": 1, "loadComplete": 2, "firstByte": 3.5},
            {
                'page_performance{metric="domContentLoaded", page="home"}': 1.0,
                'page_performance{metric="loadComplete", page="home"}': 2.0,
                'page_performance{metric="firstByte", page="home"}': 3.5,
            },
            id="page performance",
        ),
        pytest.param(
            "/api/analytics/slow-render",
            {"componentId": "Chart", "phase": "update", "actualDuration": 60, "baseDuration": 70},
            {
                'slow_render{componentId="Chart", metric="actualDuration", phase="update"}': 60.0,
                'slow_render{componentId="Chart", metric="baseDuration", phase="update"}': 70.0,
            },
            id="slow render",
        ),
        pytest.param(
            "/api/analytics/page-view",
            {"path": "/orders/4711?x=1", "referrer": "https://a.example"},
            {'page_view{page="/orders/:id"}': 1.0},
            id="page view",
        ),
    ],
)
async def test_analytics_become_their_series(
    path: str, sent: dict[str, Any], expected: dict[str, float]
) -> None:
    here = site()
    assert (await push(here, path, sent)).json() == {"success": True}
    plain = {k: v for k, v in here.values().items() if "_total" not in k and "_sum" not in k}
    assert plain == expected


@pytest.mark.parametrize(
    ("tag", "value", "kept"),
    [
        ("feature", "chat", True),
        ("type", "create", True),
        ("has_relationships", "true", True),
        ("error", "timeout", True),
        ("componentId", "Chart", True),
        ("userId", "7", False),
        ("user-id", "7", False),
        ("sessionId", "7", False),
        ("orderId", "7", False),
        ("email", "x", False),
        ("pageUrl", "x", False),
        ("owner", "a@b.example", False),
        ("link", "https://a.example/x", False),
        ("item", "123e4567-e89b-12d3-a456-426614174000", False),
        ("account", "1234567890123", False),
        ("who", "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", False),
        ("peer", "10.0.0.1", False),
        ("text", "x" * 121, False),
        ("__name__", "evil", False),
    ],
)
async def test_tags_that_are_ids_stay_in_the_event(tag: str, value: str, kept: bool) -> None:
    here = site()
    await push(here, "/api/metrics", {"name": "a", "value": 1, "tags": {tag: value}})
    assert (("a" not in here.values()) and value in str(here.values())) is kept
    assert value.encode() in here.kept.rows[0][1]


async def test_an_event_of_an_impossible_time_is_kept_at_its_arrival() -> None:
    here = site()
    await push(here, "/api/metrics", {"name": "a", "value": 1, "timestamp": NOW + 10**9})
    assert here.samples()["a"] == [(NOW, 1.0)]


async def test_a_limit_costs_the_series_and_never_the_event() -> None:
    here = site(IngestConfig(limits=LimitsConfig(max_series=1)))
    answer = await push(here, "/api/metrics", {"name": "a", "value": 1})
    assert answer.status == 200
    assert here.kept.rows[0][2] == 1
    answer = await push(here, "/api/metrics", {"name": "b", "value": 1})
    assert "max_series" in answer.json()["warning"]
    assert len(here.kept.rows) == 2


async def test_counters_of_events_are_bounded_and_forgotten_after_a_silence() -> None:
    here = site(IngestConfig(derive=DeriveConfig(max_series=1)))
    await push(here, "/api/metrics", {"name": "a", "value": 1})
    answer = await push(here, "/api/metrics", {"name": "b", "value": 1})
    assert "max_series" in answer.json()["warning"]
    await here.clock.advance(3601)
    assert len(here.intake.decoders.derived.repeat()) == 0


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        (NOW + 0.4, NOW),
        (NOW / 1000, NOW),
        ("2023-11-14T22:13:20Z", NOW),
        ("yesterday", 5),
        (None, 5),
        (True, 5),
        (-1, 5),
        (1e300, 5),
    ],
)
def test_times_are_read_as_browsers_write_them(given_time: object, expected: int) -> None:
    assert tocsin_push.timestamp_ms(given_time, 5) == expected


def test_a_path_loses_its_query_and_its_ids() -> None:
    path = "/u/123e4567-e89b-12d3-a456-426614174000/orders/2024?tab=1#x"
    assert derive.templated(path) == "/u/:id/orders/:id"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "value", "tags", "timestamp", "metric", "page", "metrics", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(body=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
async def test_any_body_is_taken_or_refused(body: bytes) -> None:
    readers = (
        tocsin_push.metrics,
        tocsin_push.web_vitals,
        tocsin_push.page_performance,
        tocsin_push.slow_render,
        tocsin_push.page_view,
    )
    derived = site().intake.decoders.derived
    for read in readers:
        try:
            pushed = read(body, NOW)
        except Rejected:
            continue
        batch = derived.series_of(pushed.events)
        assert len(batch.refs) == len(batch.values)


def test_a_body_makes_no_more_events_than_it_may_hold() -> None:
    measures = {f"m{number}": number for number in range(60)}
    with pytest.raises(Rejected, match="smaller batches"):
        tocsin_push.page_performance(json.dumps([measures] * 200).encode(), NOW)


@pytest.mark.parametrize("name", ["deploy", "deploys", "deployment", "release"])
def test_an_event_so_named_tells_of_a_release(name: str) -> None:
    sent = {"name": name, "value": 1, "tags": {"service": "shop", "release": "v42"}}
    (event,) = tocsin_push.metrics(json.dumps(sent).encode(), NOW).events
    assert (event.kind, event.service, event.release) == ("deploy", "shop", "v42")
