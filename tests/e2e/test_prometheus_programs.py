"""Prometheus's own programs against Tocsin: promtool asks, node exporter is scraped."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.e2e.client import Client, labels
from tests.e2e.conftest import Guarded
from tests.e2e.product import Product
from tests.e2e.programs import address_in, beside, output_of, path_of
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def own_up(tocsin: Product) -> str:
    """A series that is surely there: Tocsin watches itself."""
    series = 'up{job="tocsin"}'
    eventually(lambda: tocsin.client.query(series))
    return series


def test_promtool_asks_at_an_instant(tocsin: Product, own_up: str) -> None:
    said = output_of([path_of("promtool"), "query", "instant", tocsin.http, own_up])
    assert re.match(r'up\{.*job="tocsin"\} => 1 @\[\d+', said), said


def test_promtool_asks_over_a_range(tocsin: Product, own_up: str) -> None:
    now = int(time.time())
    span = [f"--start={now - 60}", f"--end={now + 2}", "--step=1s"]
    said = output_of([path_of("promtool"), "query", "range", *span, tocsin.http, f"{own_up} * 2"])
    assert re.search(r"=>\n2 @\[\d+", said), said


def test_promtool_lists_series_and_label_values(tocsin: Product, own_up: str) -> None:
    program = path_of("promtool")
    said = output_of([program, "query", "series", f"--match={own_up}", tocsin.http])
    assert '__name__="up"' in said
    assert "tocsin" in output_of([program, "query", "labels", tocsin.http, "job"]).split()


def test_promtool_shows_a_reading_key_as_the_password_of_the_address(guarded: Guarded) -> None:
    """Newer versions also read it from `--http.config.file`."""
    program, host = path_of("promtool"), guarded.product.http.removeprefix("http://")
    said = output_of([program, "query", "instant", f"http://x:{guarded.read_key}@{host}", "1"])
    assert said.startswith("scalar: 1 @")


def test_promtool_tells_a_mistake_in_prometheuss_words(tocsin: Product) -> None:
    with pytest.raises(AssertionError, match="1:5: parse error: unclosed left parenthesis"):
        output_of([path_of("promtool"), "query", "instant", tocsin.http, "sum("])


def test_promtool_finds_nothing_wrong_with_our_own_metrics(guarded: Guarded) -> None:
    program = path_of("promtool")
    answer = guarded.read.get("/metrics")
    assert answer.status == 200
    assert output_of([program, "check", "metrics"], stdin=answer.text) == ""


def test_node_exporter_is_scraped_whole(tocsin: Product, tmp_path: Path) -> None:
    program = path_of("prometheus-node-exporter", "node_exporter")
    with beside([program, "--web.listen-address=127.0.0.1:0"], tmp_path) as log:
        address = eventually(lambda: address_in(log))
        tocsin.scrape(address)
        of = f'instance="{address}"'
        client = tocsin.client.when(f"scrape_samples_scraped{{{of}}} > 200")
        (scraped,) = client.query(f"scrape_samples_scraped{{{of}}}").values()
        read = client.query(f'count({{{of},__name__!~"up|scrape_.*"}})')
        assert read == {frozenset(): scraped}
        used = "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
        ((labels, share),) = client.query(f"({used}) * on(instance) up{{{of}}}").items()
        assert ("instance", address) in labels
        assert 0 < share < 1
    tocsin.scrape()


def test_the_real_prometheus_reads_what_tocsin_holds(guarded: Guarded, tmp_path: Path) -> None:
    name = "remotely_read"
    for value in range(5):
        at = int(time.time() * 1000) - (5 - value) * 1000
        sent = {"name": name, "value": value, "timestamp": at, "tags": {"zone": "größe"}}
        assert guarded.ingest.post_json("/api/metrics", sent).status == 200
    config = tmp_path / "p.yml"
    config.write_text(
        f"remote_read: [{{url: '{guarded.product.http}/api/v1/read', read_recent: true, "
        f"authorization: {{credentials: '{guarded.read_key}'}}}}]\n"
    )
    command = [path_of("prometheus"), "--web.listen-address=127.0.0.1:0"]
    command += [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'd'}"]
    with beside(command, tmp_path) as log:
        there = Client(f"http://{eventually(lambda: address_in(log))}")
        eventually(lambda: there.get("/-/ready").status == 200)
        query = f"sum_over_time({name}[1m])"
        assert there.query(query) == guarded.read.query(query) == {labels(zone="größe"): 10.0}
        assert there.samples(name) == guarded.read.samples(name)
