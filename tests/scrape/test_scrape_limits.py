"""What is too much: limits of samples, labels, targets and series, and full queues."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scrape.managing import plan, scrape
from tests.scrape.servers import Kept, Page, serve
from tocsin.kit.clock import FakeClock
from tocsin.kit.yaml import loads
from tocsin.model.labels import Labels
from tocsin.model.samples import REFUSED, SampleBatch
from tocsin.scrape.config import read_plan
from tocsin.scrape.manager import ScrapeManager

LIMITS = [
    pytest.param("sample_limit: 1", "sample_limit exceeded: 2 samples, limit 1", id="samples"),
    pytest.param("label_limit: 3", "label_limit exceeded", id="labels"),
    pytest.param("label_name_length_limit: 10", "label_name_length_limit", id="label names"),
    pytest.param("label_value_length_limit: 30", "label_value_length_limit", id="label values"),
    pytest.param("body_size_limit: 20B", "larger than", id="body"),
    pytest.param("metric_name_validation_scheme: legacy", "invalid metric name", id="names"),
]


@pytest.mark.parametrize(("limit", "words"), LIMITS)
async def test_a_limit_fails_the_scrape_and_says_so(
    manager: ScrapeManager, kept: Kept, limit: str, words: str
) -> None:
    body = b'{"a.b",a_long_label_name="a long label value, really long"} 1\nb 1\n'
    async with serve(Page(body)) as address:
        await manager.apply(plan(address, f"    {limit}"))
        state = await scrape(manager)
    assert words in state.error
    assert kept.values("up") == [0.0]
    assert kept.values("b") == []


async def test_a_limit_may_come_from_global_and_extra_metrics_tell_it(
    manager: ScrapeManager, kept: Kept
) -> None:
    top = "global: {sample_limit: 1, extra_scrape_metrics: true}"
    async with serve(Page(b"a 1\n")) as address:
        await manager.apply(plan(address, top=top))
        await scrape(manager)
    assert kept.values("scrape_sample_limit") == [1.0]
    assert kept.values("scrape_timeout_seconds") == [10.0]
    assert kept.values("scrape_body_size_bytes") == [4.0]


async def test_beyond_the_target_limit_all_targets_fail_until_there_are_fewer(
    manager: ScrapeManager, kept: Kept
) -> None:
    page = Page(b"a 1\n")
    async with serve(page) as first, serve(page) as second:
        both = f"['{first}', '{second}']"
        text = "scrape_configs: [{job_name: x, target_limit: 1, static_configs: [{targets: %s}]}]"
        await manager.apply(read_plan(loads(text % both), Path()))
        assert (await scrape(manager)).error == "target_limit exceeded: 2 targets, limit 1"
        await manager.apply(read_plan(loads(text % f"['{first}']"), Path()))
        assert (await scrape(manager)).error == ""
    assert kept.values("up") == [0.0, 1.0]


async def test_a_full_queue_is_shown_not_hidden(clock: FakeClock, kept: Kept) -> None:
    class Full:
        def submit(self, batch: SampleBatch) -> bool:
            return False

    manager = ScrapeManager(Full(), kept, clock)
    async with serve(Page(b"a 1\n")) as address:
        await manager.apply(plan(address))
        assert "not stored" in (await scrape(manager)).error
    await manager.stop()


class Guard(Kept):
    """Takes no series of metrics that are called `big`; its epoch can be changed."""

    epoch = 0

    def ref(self, labels: Labels) -> int:
        return REFUSED if ("__name__", "big") in labels and not self.epoch else super().ref(labels)

    def why(self, labels: Labels) -> str:
        return "limit of series of one metric (2) reached"


async def test_an_exceeded_limit_loses_only_the_excess_and_the_target_lists_it(
    clock: FakeClock,
) -> None:
    guard = Guard()
    manager = ScrapeManager(guard, guard, clock)
    async with serve(Page(b'a 1\nbig{x="1"} 1\nbig{x="2"} 1\n')) as address:
        await manager.apply(plan(address))
        state = await scrape(manager)
        assert state.health == "up"
        assert state.notices == ("2 series not taken: limit of series of one metric (2) reached",)
        assert guard.values("a") == [1.0]
        guard.epoch = 1
        assert (await scrape(manager)).notices == ()
        assert guard.values("big") == [1.0, 1.0]
    await manager.stop()


async def test_a_series_that_stands_in_the_body_twice_is_said(manager: ScrapeManager) -> None:
    async with serve(Page(b"a 1\na 2\nb 1\n")) as address:
        await manager.apply(plan(address))
        state = await scrape(manager)
    assert (state.health, len(state.notices)) == ("up", 1)
    assert "twice" in state.notices[0]
