"""Applications that use the official Python client are scraped by the whole product."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
    start_http_server,
)

from tests.e2e.client import labels
from tests.e2e.product import Product
from tests.waiting import eventually

pytestmark = pytest.mark.slow


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    orders = Counter("e2e_orders", "Orders.", ["kind"], registry=registry)
    orders.labels("new").inc(3, exemplar={"trace_id": "4bf92f3577b34da6"})
    waits = Histogram("e2e_wait_seconds", "Waits.", registry=registry, buckets=(0.5, 1, 10))
    for value in (0.2, 0.7, 30):
        waits.observe(value)
    Summary("e2e_size_bytes", "Sizes.", registry=registry).observe(2048)
    Gauge("e2e_temperature", 'Of the "room" \\ hall.', ["room"], registry=registry).labels(
        'at "home" \\ größe\n'
    ).set(-3.5)
    Gauge("e2e_unknown", "Not known yet.", registry=registry).set(math.nan)
    Gauge("e2e_endless", "Endless.", registry=registry).set(math.inf)
    Info("e2e_build", "The build.", registry=registry).info({"version": "1.2.3"})
    Enum("e2e_mode", "The mode.", states=["calm", "busy"], registry=registry).state("busy")
    return registry


@contextmanager
def _app(registry: CollectorRegistry) -> Iterator[str]:
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.parametrize("targets", ["targets.json", "text-targets.json"])
def test_every_type_of_the_python_client_arrives(tocsin: Product, targets: str) -> None:
    with _app(_registry()) as address:
        tocsin.scrape(address, file=targets)
        of = f'instance="{address}"'
        client = tocsin.client.when(f"e2e_orders_total{{{of}}} == 3")
        assert client.values(f"e2e_wait_seconds_bucket{{{of}}}", "le") == {
            "0.5": 1.0,
            "1.0": 2.0,
            "10.0": 2.0,
            "+Inf": 3.0,
        }
        assert client.values(f'{{__name__=~"e2e_(wait_seconds|size_bytes)_(count|sum)",{of}}}') == {
            "e2e_wait_seconds_count": 3.0,
            "e2e_wait_seconds_sum": 30.9,
            "e2e_size_bytes_count": 1.0,
            "e2e_size_bytes_sum": 2048.0,
        }
        (room,) = client.values(f"e2e_temperature{{{of}}}", "room")
        assert room == 'at "home" \\ größe\n'
        assert math.isnan(client.values(f"e2e_unknown{{{of}}}")["e2e_unknown"])
        assert client.values(f"e2e_endless{{{of}}}") == {"e2e_endless": math.inf}
        assert client.values(f"e2e_build_info{{{of}}}", "version") == {"1.2.3": 1.0}
        assert client.values(f"e2e_mode{{{of}}}", "e2e_mode") == {"calm": 0.0, "busy": 1.0}
        assert client.values(f"up{{{of}}}") == {"up": 1.0}
    tocsin.scrape(file=targets)


def test_types_and_help_are_told_in_the_words_of_the_application(tocsin: Product) -> None:
    with _app(_registry()) as address:
        tocsin.scrape(address)
        eventually(lambda: tocsin.client.query(f'e2e_orders_total{{instance="{address}"}}'))
        eventually(lambda: "e2e_temperature" in tocsin.client.get("/api/v1/metadata").text)
        told = tocsin.client.get("/api/v1/metadata").json["data"]
    assert told["e2e_wait_seconds"] == [{"type": "histogram", "help": "Waits.", "unit": ""}]
    assert told["e2e_temperature"][0]["help"] == 'Of the "room" \\ hall.'
    assert told["e2e_size_bytes"][0]["type"] == "summary"
    tocsin.scrape()


def test_an_exemplar_of_the_application_is_found_by_its_query(tocsin: Product) -> None:
    with _app(_registry()) as address:
        tocsin.scrape(address)
        selector = f'e2e_orders_total{{instance="{address}"}}'
        eventually(lambda: tocsin.client.query(selector))
        now = time.time()
        asked = [("query", f"rate({selector}[5m])"), ("start", f"{now - 600}"), ("end", f"{now}")]

        def found() -> list[dict[str, Any]]:  # Any: JSON
            answer = tocsin.client.form("/api/v1/query_exemplars", asked)
            assert answer.status == 200, answer.text
            return list(answer.json["data"])

        (series,) = eventually(found)
    assert series["seriesLabels"] == dict(
        labels(name="e2e_orders_total", instance=address, job="apps", kind="new")
    )
    (exemplar,) = series["exemplars"]
    assert exemplar["labels"] == {"trace_id": "4bf92f3577b34da6"}
    assert float(exemplar["value"]) == 3.0
    assert abs(exemplar["timestamp"] - now) < 600
    tocsin.scrape()


def test_an_application_that_goes_away_ends_its_series_at_once(tocsin: Product) -> None:
    with _app(_registry()) as address:
        tocsin.scrape(address)
        of = f'instance="{address}"'
        eventually(lambda: tocsin.client.query(f"e2e_orders_total{{{of}}}"))
    down = ("down", f"cannot connect to {address}: connection refused")

    def is_down() -> bool:
        told = tocsin.client.get("/api/v1/targets").json["data"]["activeTargets"]
        (target,) = [one for one in told if one["labels"]["instance"] == address]
        return (target["health"], target["lastError"]) == down

    eventually(is_down)
    eventually(lambda: tocsin.client.query(f"up{{{of}}} == 0"))
    assert tocsin.client.query(f"e2e_orders_total{{{of}}}") == {}
    assert tocsin.client.query(f"last_over_time(e2e_orders_total{{{of}}}[1h])") != {}
    tocsin.scrape()
    eventually(lambda: not tocsin.client.query(f"up{{{of}}}"))


def test_a_label_set_that_the_application_drops_goes_stale(tocsin: Product) -> None:
    registry = CollectorRegistry()
    room = uuid.uuid4().hex
    degrees = Gauge("e2e_degrees", "Degrees.", ["room"], registry=registry)
    degrees.labels(room).set(20)
    degrees.labels("hall").set(18)
    with _app(registry) as address:
        tocsin.scrape(address)
        eventually(lambda: tocsin.client.query(f'e2e_degrees{{room="{room}"}}'))
        degrees.remove(room)
        left = f'e2e_degrees{{instance="{address}"}}'
        assert eventually(lambda: tocsin.client.values(left, "room") == {"hall": 18})
    tocsin.scrape()
