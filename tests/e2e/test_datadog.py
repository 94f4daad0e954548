"""Datadog's own Python clients: the library, the API client in every encoding, and DogStatsD."""

from __future__ import annotations

import time
import uuid

import pytest
from datadog import DogStatsd, api, initialize
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.model.metric_content_encoding import MetricContentEncoding
from datadog_api_client.v2.model.metric_intake_type import MetricIntakeType
from datadog_api_client.v2.model.metric_payload import MetricPayload
from datadog_api_client.v2.model.metric_point import MetricPoint
from datadog_api_client.v2.model.metric_resource import MetricResource
from datadog_api_client.v2.model.metric_series import MetricSeries

from tests.e2e.client import labels
from tests.e2e.conftest import Guarded
from tests.e2e.product import Product
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def run() -> str:
    """Tells this test's series from those of others."""
    return f"r{uuid.uuid4().hex[:8]}"


def test_the_library_sends_a_metric_with_its_tags_and_host(guarded: Guarded, run: str) -> None:
    initialize(
        api_key=guarded.ingest_key,
        app_key="an-application-key",
        api_host=f"{guarded.product.http}/datadog",
        mute=False,
    )
    now = time.time()
    sent = api.Metric.send(
        metric="shop.basket.size",
        points=[(now - 20, 4), (now - 10.5, 7.5)],
        type="gauge",
        host="web-1",
        tags=[f"run:{run}", "zone:eu", "bare"],
    )
    assert sent == {"status": "ok"}
    found = guarded.read.samples(f'shop_basket_size{{run="{run}"}}')
    ((series, samples),) = found.items()
    assert {"host": "web-1", "zone": "eu", "run": run}.items() <= dict(series).items()
    assert [value for _, value in samples] == ["4", "7.5"]
    dotted = f'{{"shop.basket.size",run="{run}"}}'
    assert list(guarded.read.query(dotted).values()) == [7.5]


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "zstd1"])
def test_the_api_client_sends_series_in_every_encoding(
    guarded: Guarded, run: str, encoding: str
) -> None:
    configuration = Configuration(host=f"{guarded.product.http}/datadog")
    configuration.api_key = {"apiKeyAuth": guarded.ingest_key, "appKeyAuth": "an-application-key"}
    payload = MetricPayload(
        series=[
            MetricSeries(
                metric="shop.queue.depth",
                type=MetricIntakeType(3),
                points=[MetricPoint(timestamp=int(time.time()), value=12.25)],
                resources=[MetricResource(name="worker-1", type="host")],
                tags=[f"run:{run}"],
            )
        ]
    )
    chosen = {"content_encoding": MetricContentEncoding(encoding)} if encoding else {}
    with ApiClient(configuration) as client:
        answer = MetricsApi(client).submit_metrics(body=payload, **chosen)
    assert answer.to_dict() == {"errors": []}
    assert guarded.read.query(f'shop_queue_depth{{run="{run}"}}') == {
        labels(name="shop_queue_depth", run=run, host="worker-1"): 12.25
    }


def test_a_plain_fetch_with_fractional_seconds_is_taken(tocsin: Product, run: str) -> None:
    at = round(time.time() - 5, 3)
    body = {"series": [{"metric": "api.latency", "points": [[at, 321]], "tags": [f"run:{run}"]}]}
    answer = tocsin.client.post_json("/datadog/api/v1/series", body, **{"DD-API-KEY": "any"})
    assert (answer.status, answer.json) == (202, {"status": "ok"})
    (samples,) = tocsin.client.samples(f'api_latency{{run="{run}"}}').values()
    assert samples == [(at, "321")]


def test_text_json_of_nodes_client_is_taken(tocsin: Product, run: str) -> None:
    body = {"series": [{"metric": "node.v1", "points": [[int(time.time()), 1]], "tags": [run]}]}
    headers = {"Content-Type": "text/json"}
    assert tocsin.client.post_json("/datadog/api/v1/series", body, **headers).status == 202


def test_dogstatsd_values_become_series(tocsin: Product, run: str) -> None:
    statsd = DogStatsd(host="127.0.0.1", port=tocsin.statsd_port, constant_tags=[f"run:{run}"])
    try:
        _measure(statsd)
    finally:
        statsd.close_socket()
    read = tocsin.client
    of = f'run="{run}"'
    eventually(
        lambda: read.query(f"max_over_time(shop_people{{{of}}}[10m]) == 1")
    )  # the last that was sent
    assert read.values(f"shop_clicks{{{of}}}", "page") == {"home": 6.0}
    assert read.values(f"shop_visitors{{{of}}}") == {"shop_visitors": 41.0}
    assert read.values(f'{{__name__=~"shop_(render|sizes)_(count|sum)",{of}}}') == {
        "shop_render_count": 1.0,
        "shop_render_sum": 120.0,
        "shop_sizes_count": 1.0,
        "shop_sizes_sum": 7.0,
    }


def _measure(statsd: DogStatsd) -> None:
    for _ in range(3):
        statsd.increment("shop.clicks", 2, tags=["page:home"])
    statsd.gauge("shop.visitors", 41)
    statsd.timing("shop.render", 120)
    statsd.histogram("shop.sizes", 7)
    statsd.set("shop.people", "ada")
    statsd.flush()
