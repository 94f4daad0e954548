"""Programs that forward by remote write: the real Prometheus, and OpenTelemetry's exporter."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from tests.e2e.client import labels
from tests.e2e.conftest import Guarded
from tests.e2e.programs import beside, path_of
from tests.e2e.test_opentelemetry import Telling
from tests.waiting import eventually

pytestmark = pytest.mark.slow

_NEVER_MS = 3_600_000

_CONFIG = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels: {{replica: {replica}}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: forwarded
    static_configs: [{{targets: ['{target}']}}]
  - job_name: of-tocsin
    authorization: {{credentials: '{read_key}'}}
    static_configs: [{{targets: ['{address}']}}]
  - job_name: federated
    metrics_path: /federate
    honor_labels: true
    params: {{'match[]': ['{{job="node",__name__="node_load1"}}']}}
    basic_auth: {{username: any, password: '{read_key}'}}
    static_configs: [{{targets: ['{address}']}}]
remote_write:
  - url: {url}/api/v1/write
    authorization: {{credentials: '{key}'}}
    queue_config: {{batch_send_deadline: 500ms}}
    metadata_config: {{send_interval: 1s}}
"""

_RULES = """
groups:
  - name: shop
    rules:
      - record: job:fwd_orders:sum
        expr: sum by (job) (fwd_orders_total)
      - alert: Orders
        expr: fwd_orders_total > 1
"""


@contextmanager
def _app() -> Iterator[str]:
    registry = CollectorRegistry()
    Counter("fwd_orders", "Orders.", ["kind"], registry=registry).labels("new").inc(3)
    waits = Histogram("fwd_wait_seconds", "Waits.", registry=registry, buckets=(0.5, 1))
    waits.observe(0.7)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_the_real_prometheus_forwards_series_rules_alerts_types_and_ends(
    guarded: Guarded, tmp_path: Path
) -> None:
    program = path_of("prometheus")
    replica, read = f"r-{uuid.uuid4().hex[:6]}", guarded.read
    (tmp_path / "rules.yml").write_text(_RULES)
    command = [program, "--web.listen-address=127.0.0.1:0"]
    command += [f"--config.file={tmp_path / 'p.yml'}", f"--storage.tsdb.path={tmp_path / 'd'}"]
    of = f'replica="{replica}"'
    with ExitStack() as alive:
        target = alive.enter_context(_app())
        (tmp_path / "p.yml").write_text(
            _CONFIG.format(
                replica=replica,
                target=target,
                url=guarded.product.http,
                key=guarded.ingest_key,
                read_key=guarded.read_key,
                address=guarded.product.http.removeprefix("http://"),
            )
        )
        with beside(command, tmp_path):
            then = read.when(f"job:fwd_orders:sum{{{of}}}")
            common = {"instance": target, "job": "forwarded", "replica": replica}
            assert then.query(f"fwd_orders_total{{{of}}}") == {
                labels(name="fwd_orders_total", kind="new", **common): 3.0
            }
            assert then.values(f"fwd_wait_seconds_bucket{{{of}}}", "le") == {
                "0.5": 0.0,
                "1.0": 1.0,
                "+Inf": 1.0,
            }
            (alert,) = eventually(lambda: read.query(f"ALERTS{{{of}}}"))
            assert dict(alert)["alertstate"] == "firing"
            of_type = "/api/v1/metadata?metric=fwd_wait_seconds"
            told = eventually(lambda: read.get(of_type).json["data"])
            assert told["fwd_wait_seconds"][0]["type"] == "histogram"

            # What Tocsin itself shows is scraped and federated like any other target's.
            eventually(lambda: read.query(f'tocsin_engine_up{{job="of-tocsin",{of}}}'))
            federated = eventually(lambda: read.query(f'node_load1{{job="node",{of}}}'))
            assert len(federated) == 1

            alive.close()  # the application ends; so do its forwarded series
            eventually(lambda: read.query(f'up{{job="forwarded",{of}}} == 0'))
            eventually(lambda: not read.query(f"fwd_orders_total{{{of}}}"))
            assert read.query(f"last_over_time(fwd_orders_total{{{of}}}[1h])") != {}


def test_opentelemetrys_remote_write_exporter_keeps_its_unusual_histograms(
    guarded: Guarded,
) -> None:
    """Its buckets have no `_bucket`, and are not cumulative: they are kept as they come."""
    exporters = pytest.importorskip(
        "opentelemetry.exporter.prometheus_remote_write",
        reason="the exporter is not installed; it asks for a protobuf older than ours, but runs: "
        "pip install --no-deps opentelemetry-exporter-prometheus-remote-write python-snappy",
    )
    run = uuid.uuid4().hex[:8]
    exporter = Telling(
        exporters.PrometheusRemoteWriteMetricsExporter(
            endpoint=f"{guarded.product.http}/api/v1/write",
            headers={"Authorization": f"Bearer {guarded.ingest_key}"},
        )
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=_NEVER_MS)
    provider = MeterProvider([reader], resource=Resource({"service.name": "old", "run": run}))
    meter = provider.get_meter("old")
    meter.create_counter("old_orders").add(5, {"zone": "eu", "a.dotted": "1"})
    meter.create_up_down_counter("old_nothing").add(0)
    waits = meter.create_histogram("old_wait", explicit_bucket_boundaries_advisory=[0.1, 0.5])
    for value in (0.05, 0.2, 0.3, 1.5):
        waits.record(value)
    provider.force_flush()
    assert [result.name for result in exporter.results] == ["SUCCESS"]
    provider.shutdown()

    common = {"run": run, "service_name": "old"}
    found = guarded.read.query(f'{{__name__=~"old_.*",run="{run}"}}')
    assert {key: value for key, value in found.items() if "le" not in dict(key)} == {
        labels(name="old_orders", zone="eu", a_dotted="1", **common): 5.0,
        labels(name="old_nothing", **common): 0.0,
        labels(name="old_wait_sum", **common): 2.05,
        labels(name="old_wait_count", **common): 4.0,
    }
    assert guarded.read.values(f'old_wait{{run="{run}"}}', "le") == {
        "0.1": 1.0,
        "0.5": 2.0,
        "+Inf": 1.0,
    }


def test_vmagent_forwards_what_it_scrapes_and_shows_its_key(
    guarded: Guarded, tmp_path: Path
) -> None:
    program = path_of("vmagent")
    run = f"r-{uuid.uuid4().hex[:6]}"
    with _app() as target:
        (tmp_path / "scrape.yml").write_text(
            "scrape_configs: [{job_name: by-vmagent, scrape_interval: 1s, "
            f"static_configs: [{{targets: ['{target}'], labels: {{run: {run}}}}}]}}]\n"
        )
        command = [program, f"-promscrape.config={tmp_path / 'scrape.yml'}"]
        command += [f"-remoteWrite.url={guarded.product.http}/api/v1/write"]
        command += [f"-remoteWrite.bearerToken={guarded.ingest_key}"]
        command += [f"-remoteWrite.tmpDataPath={tmp_path / 'queue'}"]
        with beside([*command, "-httpListenAddr=127.0.0.1:0"], tmp_path):
            then = guarded.read.when(f'fwd_orders_total{{run="{run}"}} == 3')
            found = then.values(f'fwd_wait_seconds_bucket{{run="{run}"}}', "le")
    assert {le: found[le] for le in ("0.5", "+Inf")} == {"0.5": 0.0, "+Inf": 1.0}
