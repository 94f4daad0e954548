"""A plan becomes samples: schedule, report series, staleness, relabelling, reasons."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from tests.scrape.managing import plan, scrape
from tests.scrape.servers import Kept, Page, serve
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound
from tocsin.kit.yaml import loads
from tocsin.model.labels import from_mapping
from tocsin.scrape.builtin import host_job, itself_job
from tocsin.scrape.config import ScrapePlan, read_plan
from tocsin.scrape.loop import next_due
from tocsin.scrape.manager import ScrapeManager


async def test_a_scrape_gives_samples_and_report_series(
    manager: ScrapeManager, kept: Kept, clock: FakeClock
) -> None:
    page = Page(b'# TYPE a counter\na{x="1"} 5\na{x="2"} 6\n')
    async with serve(page) as address:
        await manager.apply(plan(address))
        state = await scrape(manager)
    labels = {"job": "app", "instance": address}
    found = kept.all()
    assert found[from_mapping({"__name__": "a", "x": "1", **labels})] == [(clock.now_ms(), 5.0)]
    assert found[from_mapping({"__name__": "up", **labels})] == [(clock.now_ms(), 1.0)]
    assert kept.values("scrape_samples_scraped") == [2.0]
    assert kept.values("scrape_samples_post_metric_relabeling") == [2.0]
    assert kept.values("scrape_series_added") == [2.0]
    assert len(kept.values("scrape_duration_seconds")) == 1
    assert (state.health, state.error, state.samples_scraped) == ("up", "", 2)
    assert [m.metric for batch in kept.batches for m in batch.metadata] == ["a"]


async def test_a_scrape_asks_as_prometheus_does(manager: ScrapeManager) -> None:
    page = Page(b"a 1\n")
    async with serve(page) as address:
        await manager.apply(plan(address, "    params: {x: ['1', '2'], y: [z]}"))
        await scrape(manager)
    request = page.asked[0]
    assert isinstance(request, web.BaseRequest)
    assert request.path_qs == "/metrics?x=1&x=2&y=z"
    accept = request.headers["Accept"]
    assert accept.startswith("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8")
    assert "text/plain;version=0.0.4" in accept
    assert "protobuf" not in accept
    assert request.headers["X-Prometheus-Scrape-Timeout-Seconds"] == "10"
    assert request.headers["User-Agent"].startswith("Tocsin/")
    assert request.headers["Accept-Encoding"] == "gzip"


async def test_targets_are_scraped_once_an_interval(
    manager: ScrapeManager, kept: Kept, clock: FakeClock
) -> None:
    page = Page(b"a 1\n")
    async with serve(page) as address:
        await manager.apply(plan(address))
        for _ in range(3):
            await clock.advance(15)
            await kept.more()
    times = [ts for ts, _ in next(iter(kept.all().values()))]
    assert [later - earlier for earlier, later in pairwise(times)] == [15000] * 2
    assert manager.targets()[0].missed == 0


def test_due_times_lie_at_the_phase_of_the_wall_clock() -> None:
    assert next_due(100.0, 15.0, 0.0) == 105.0
    assert next_due(105.0, 15.0, 0.0) == 120.0
    assert next_due(100.0, 15.0, 0.2) == 108.0
    assert next_due(107.0, 15.0, 0.2) == 108.0


async def test_a_series_that_is_gone_is_marked_stale(manager: ScrapeManager, kept: Kept) -> None:
    page = Page(b"a 1\nb 2\n")
    async with serve(page) as address:
        await manager.apply(plan(address))
        await scrape(manager)
        page.body = b"a 3\n"
        await scrape(manager)
        page.body = b"a 4\nb 5\n"
        await scrape(manager)
    assert kept.values("a") == [1.0, 3.0, 4.0]
    assert kept.values("b") == [2.0, "stale", 5.0]


async def test_a_failed_scrape_ends_all_series_but_its_own(
    manager: ScrapeManager, kept: Kept
) -> None:
    page = Page(b"a 1\n")
    async with serve(page) as address:
        await manager.apply(plan(address))
        await scrape(manager)
        page.status = 503
        state = await scrape(manager)
        assert (state.health, state.error) == ("down", "server returned HTTP status 503")
        await scrape(manager)
    assert kept.values("a") == [1.0, "stale"]
    assert kept.values("up") == [1.0, 0.0, 0.0]


async def test_explicit_timestamps_are_not_tracked_unless_asked_for(
    manager: ScrapeManager, kept: Kept
) -> None:
    page = Page(b"a 1 1000\nb 1\n")
    async with serve(page) as address:
        await manager.apply(plan(address))
        await scrape(manager)
        page.body = b""
        await scrape(manager)
        assert kept.values("a") == [1.0]
        assert kept.values("b") == [1.0, "stale"]
        await manager.apply(plan(address, "    track_timestamps_staleness: true"))
        page.body = b"a 1 1000\n"
        await scrape(manager)
        page.body = b""
        await scrape(manager)
        assert kept.values("a") == [1.0, 1.0, "stale"]
        await manager.apply(plan(address, "    honor_timestamps: false"))
        page.body = b"a 1 1000\n"
        await scrape(manager)
        assert kept.all()[_series("a", address)][-1][0] > 1000


def _series(metric: str, address: str, **more: str) -> tuple[tuple[str, str], ...]:
    return from_mapping({"__name__": metric, "job": "app", "instance": address, **more})


async def test_a_target_that_goes_ends_with_all_its_series(
    manager: ScrapeManager, kept: Kept
) -> None:
    async with serve(Page(b"a 1\n")) as address:
        await manager.apply(plan(address))
        await scrape(manager)
        await manager.apply(ScrapePlan())
    assert kept.last("a") == "stale"
    assert kept.last("up") == "stale"
    assert manager.targets() == []


async def test_a_reload_leaves_unchanged_targets_alone(manager: ScrapeManager, kept: Kept) -> None:
    async with serve(Page(b"a 1\n")) as address:
        await manager.apply(plan(address))
        state = await scrape(manager)
        await manager.apply(plan(address))
        assert manager.targets()[0] is state
        await manager.apply(plan(address, "    scrape_timeout: 3s\n    sample_limit: 10"))
        assert (await scrape(manager)).scrapes == 2
    assert kept.values("a") == [1.0, 1.0]


async def test_a_restart_does_not_end_series(manager: ScrapeManager, kept: Kept) -> None:
    async with serve(Page(b"a 1\n")) as address:
        await manager.apply(plan(address))
        await scrape(manager)
        await manager.stop()
    assert kept.values("a") == [1.0]


@pytest.mark.parametrize(
    ("honor", "expected"),
    [
        ("false", {"job": "app", "exported_job": "mine", "x": "1"}),
        ("true", {"job": "mine", "x": "1"}),
    ],
)
async def test_honor_labels_decides_a_conflict(
    manager: ScrapeManager, kept: Kept, honor: str, expected: dict[str, str]
) -> None:
    async with serve(Page(b'a{job="mine",x="1"} 1\n')) as address:
        await manager.apply(plan(address, f"    honor_labels: {honor}"))
        await scrape(manager)
        assert from_mapping({"__name__": "a", "instance": address, **expected}) in kept.all()


async def test_metrics_are_relabelled_and_dropped(manager: ScrapeManager, kept: Kept) -> None:
    extra = """
    metric_relabel_configs:
      - {source_labels: [__name__], regex: 'noise_.*', action: drop}
      - {source_labels: [path], regex: '/api/(\\w+).*', target_label: section}
"""
    async with serve(Page(b'noise_a 1\na{path="/api/shop/1"} 1\n')) as address:
        await manager.apply(plan(address, extra))
        await scrape(manager)
        await scrape(manager)
        assert _series("a", address, path="/api/shop/1", section="shop") in kept.all()
    assert kept.values("noise_a") == []
    assert kept.values("scrape_samples_post_metric_relabeling") == [1.0, 1.0]


async def test_targets_that_are_not_scraped_have_one_reason(manager: ScrapeManager) -> None:
    text = """
scrape_configs:
  - job_name: app
    static_configs: [{targets: ['a:1', 'b:1', 'a:1', 'c:1']}]
    relabel_configs:
      - {source_labels: [__address__], regex: 'b:.*', action: drop}
      - {source_labels: [__address__], regex: 'c:.*', target_label: __scheme__, replacement: ftp}
  - job_name: many
    target_limit: 1
    static_configs: [{targets: ['a:1', 'b:1']}]
"""
    await manager.apply(read_plan(loads(text), Path()))
    active = [(state.target.job, state.target.url) for state in manager.targets()]
    assert active == [("app", "http://a:1/metrics"), ("many", "http://a:1/metrics")]
    reasons = [(dict(d.discovered)["__address__"], d.reason) for d in manager.dropped()]
    assert reasons == [
        (
            "b:1",
            "dropped by relabel_configs rule 1 (action drop, source_labels [__address__], "
            "regex 'b:.*')",
        ),
        ("a:1", "duplicate of http://a:1/metrics"),
        ("c:1", "__scheme__ must be http or https, not 'ftp'"),
        ("b:1", "target_limit exceeded: 2 targets, limit 1"),
    ]


async def test_discovered_labels_change_path_scheme_interval_and_instance(
    manager: ScrapeManager,
) -> None:
    text = """
scrape_configs:
  - job_name: app
    static_configs:
      - targets: ['h:1']
        labels:
          __metrics_path__: /m
          __scheme__: https
          __scrape_interval__: 5s
          __scrape_timeout__: 2s
          __param_module: x y
          instance: one
          env: prod
"""
    await manager.apply(read_plan(loads(text), Path()))
    target = manager.targets()[0].target
    assert target.url == "https://h:1/m?module=x+y"
    assert target.labels == from_mapping({"env": "prod", "instance": "one", "job": "app"})
    assert (target.interval, target.timeout) == (5.0, 2.0)


async def test_others_run_while_many_new_series_are_parsed(
    manager: ScrapeManager, kept: Kept
) -> None:
    lines = "".join(f'a{{x="{i}"}} 1\n' for i in range(3000))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with serve(Page(lines.encode())) as address:
        await manager.apply(plan(address))
        counting = asyncio.create_task(count())
        await scrape(manager)
        counting.cancel()
    assert len(kept.values("a")) == 3000
    assert turns > 5


async def test_an_unknown_target_cannot_be_scraped(manager: ScrapeManager) -> None:
    with pytest.raises(NotFound):
        await manager.scrape_now("nonsense")


async def test_the_machine_is_a_target(manager: ScrapeManager, kept: Kept) -> None:
    own = itself_job(15, address="127.0.0.1:1")
    await manager.apply(ScrapePlan(), [host_job(15, instance="here"), own])
    host = next(state for state in manager.targets() if state.target.job == "node")
    assert host.target.url == "builtin:host"
    state = await manager.scrape_now(host.target.id)
    assert state.error == ""
    assert state.target.labels == (("instance", "here"), ("job", "node"))
    for metric in (
        "node_cpu_seconds_total",
        "node_memory_MemTotal_bytes",
        "node_memory_MemAvailable_bytes",
        "node_filesystem_avail_bytes",
        "node_filesystem_size_bytes",
        "node_load1",
        "node_network_receive_bytes_total",
        "node_boot_time_seconds",
    ):
        assert kept.values(metric), metric


async def test_a_job_of_the_plan_takes_the_place_of_a_built_in_one(
    manager: ScrapeManager, kept: Kept
) -> None:
    host = host_job(15, instance="here")
    async with serve(Page(b"a 1\n")) as address:
        text = f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['{address}']}}]}}]"
        for chosen, url in (
            (ScrapePlan(), "builtin:host"),
            (read_plan(loads(text), Path()), f"http://{address}/metrics"),
            (ScrapePlan(), "builtin:host"),
        ):
            await manager.apply(chosen, [host])
            state = await scrape(manager)
            assert (state.target.url, state.error) == (url, "")
    assert kept.last("a") == "stale"


async def test_exemplars_travel_with_the_samples(manager: ScrapeManager, kept: Kept) -> None:
    body = b'a_total 1 # {trace_id="x"} 0.5 1700000000\n# EOF\n'
    async with serve(Page(body, "application/openmetrics-text; version=1.0.0")) as address:
        await manager.apply(plan(address))
        await scrape(manager)
    (exemplar,) = kept.batches[0].exemplars
    assert dict(kept.labels[exemplar.ref])["__name__"] == "a_total"
    assert exemplar.labels == (("trace_id", "x"),)
