"""Batch jobs push with the official Python client as they would to Pushgateway."""

from __future__ import annotations

import uuid
from functools import partial
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import (
    basic_auth_handler,
    delete_from_gateway,
    push_to_gateway,
    pushadd_to_gateway,
)

from tests.e2e.conftest import Guarded
from tests.e2e.product import Product

pytestmark = pytest.mark.slow


def _job(rows: float, *, with_errors: bool = True) -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("e2e_batch_rows", "Rows.", registry=registry).set(rows)
    if with_errors:
        Counter("e2e_batch_errors", "Errors.", registry=registry).inc(2)
    return registry


def _found(tocsin: Product, job: str, **grouping: str) -> dict[str, float]:
    of = ",".join(f'{name}="{value}"' for name, value in {"job": job, **grouping}.items())
    return tocsin.client.values(f'{{__name__=~"e2e_batch_(rows|errors_total)",{of}}}')


def test_push_replaces_pushadd_adds_and_delete_ends_a_group(tocsin: Product) -> None:
    gateway, job = urlsplit(tocsin.http).netloc, f"nightly-{uuid.uuid4().hex[:6]}"
    push_to_gateway(gateway, job, _job(10))
    assert _found(tocsin, job) == {"e2e_batch_rows": 10.0, "e2e_batch_errors_total": 2.0}

    pushadd_to_gateway(gateway, job, _job(11, with_errors=False))
    assert _found(tocsin, job) == {"e2e_batch_rows": 11.0, "e2e_batch_errors_total": 2.0}

    push_to_gateway(gateway, job, _job(12, with_errors=False))
    assert _found(tocsin, job) == {"e2e_batch_rows": 12.0}

    delete_from_gateway(gateway, job)
    assert _found(tocsin, job) == {}


def test_groups_with_odd_values_are_told_apart(tocsin: Product) -> None:
    gateway, job = urlsplit(tocsin.http).netloc, f"etl/{uuid.uuid4().hex[:6]}"
    keys = {"instance": "db/1 ä", "shard": ""}
    push_to_gateway(gateway, job, _job(7), grouping_key=keys)
    push_to_gateway(gateway, job, _job(8), grouping_key={"instance": "db/2"})
    assert _found(tocsin, job, instance="db/1 ä")["e2e_batch_rows"] == 7.0
    assert _found(tocsin, job, instance="db/2")["e2e_batch_rows"] == 8.0
    delete_from_gateway(gateway, job, grouping_key=keys)
    assert _found(tocsin, job, instance="db/1 ä") == {}
    assert _found(tocsin, job, instance="db/2")["e2e_batch_rows"] == 8.0


def test_a_job_pushes_with_its_key_as_the_password(guarded: Guarded) -> None:
    gateway = urlsplit(guarded.product.http).netloc
    handler = partial(basic_auth_handler, username="batch", password=guarded.ingest_key)
    push_to_gateway(gateway, "with-key", _job(5), handler=handler)
    assert guarded.read.values('e2e_batch_rows{job="with-key"}') == {"e2e_batch_rows": 5.0}
