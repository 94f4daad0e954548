"""StatsD and DogStatsD: datagrams in, samples at every flush."""

from __future__ import annotations

import asyncio
import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import site
from tests.waiting import until
from tocsin.ingest.background import Background
from tocsin.ingest.config import IngestConfig, StatsdConfig
from tocsin.ingest.protocols import statsd
from tocsin.ingest.statsd import Gathered, Statsd
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Rejected
from tocsin.kit.tasks import Tasks
from tocsin.model.labels import Labels
from tocsin.model.samples import Interner


def gather(*datagrams: bytes, config: StatsdConfig | None = None) -> tuple[Gathered, Interner]:
    series = Interner()
    gathered = Gathered(series, config or StatsdConfig(), FakeClock())
    for datagram in datagrams:
        gathered.take(datagram)
    return gathered, series


def flushed(gathered: Gathered, series: Interner) -> dict[str, float]:
    batch = gathered.flush()
    columns = zip(batch.refs.tolist(), batch.values.tolist(), strict=True)
    return {text(series.labels[ref]): value for ref, value in columns}


def text(labels: Labels) -> str:
    pairs = dict(labels)
    name = pairs.pop("__name__")
    inner = ", ".join(f"{key}={value}" for key, value in pairs.items())
    return f"{name}{{{inner}}}" if inner else name


def test_counters_rise_and_count_what_was_sampled_away() -> None:
    gathered, series = gather(b"web.hits:1|c\nweb.hits:2|c|@0.5\n", b"web.hits:1|c|#env:prod,blue")
    assert flushed(gathered, series) == {"web_hits": 5.0, "web_hits{env=prod, tag=blue}": 1.0}
    gathered.take(b"web.hits:1|c")
    assert flushed(gathered, series)["web_hits"] == 6.0


def test_gauges_are_set_and_moved() -> None:
    gathered, series = gather(b"g:10|g", b"g:+5|g", b"g:-2|g")
    assert flushed(gathered, series) == {"g": 13.0}


def test_timers_give_counts_sums_and_the_intervals_quantiles() -> None:
    gathered, series = gather(b"t:1:2:3|ms", b"t:4|h|@0.5", b"t:5|d")
    assert flushed(gathered, series) == {
        "t_count": 6.0,
        "t_sum": 19.0,
        "t{quantile=0.5}": 3.0,
        "t{quantile=0.95}": pytest.approx(4.8),
        "t{quantile=0.99}": pytest.approx(4.96),
    }
    assert flushed(gathered, series) == {"t_count": 6.0, "t_sum": 19.0}


def test_sets_count_members_of_the_interval() -> None:
    gathered, series = gather(b"s:a|s\ns:b|s\ns:a|s")
    assert flushed(gathered, series) == {"s": 2.0}
    assert flushed(gathered, series) == {"s": 0.0}


def test_events_and_service_checks_are_passed_over() -> None:
    gathered, series = gather(b"_e{5,4}:title|text", b"_sc|name|0", b"c:1|c|#a:b|c:abc|T1700000000")
    assert flushed(gathered, series) == {"c{a=b}": 1.0}


def test_bad_lines_and_too_many_series_are_refused_and_the_rest_kept() -> None:
    gathered, _ = gather(b"bad\nok:1|c\nmore:1|c", config=StatsdConfig(max_series=1))
    batch = gathered.flush()
    assert len(batch) == 1
    assert sorted(batch.refused.values()) == [1, 1]


@pytest.mark.parametrize(
    "line",
    [b"", b"a", b"a:1", b":1|c", b"a:|c", b"a:x|c", b"a:1|q", b"a:1|c|@0", b"a:nan|g", b"\xff:1|c"],
)
def test_what_is_no_reading_is_rejected(line: bytes) -> None:
    with pytest.raises(Rejected):
        statsd.parse(line)


@given(line=st.binary(max_size=60) | st.from_regex(rb"[a-z.]{0,4}:[0-9:.+-]{0,6}\|[cghdms]{0,2}"))
def test_any_line_is_read_or_rejected(line: bytes) -> None:
    gathered, series = gather(line)
    values = flushed(gathered, series)
    assert not any(math.isinf(value) for value in values.values())


async def test_datagrams_of_the_network_become_samples_and_the_rest_is_written_at_the_end() -> None:
    here = site()
    server = Statsd(here.intake, IngestConfig().statsd, here.clock)
    port = await server.start("127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
    )
    transport.sendto(b"hits:3|c")
    transport.close()

    async def has_come() -> bool:
        server.drain(10)
        await server.flush()
        return bool(here.values())

    await until(has_come)
    await server.stop()
    assert here.values() == {"hits": 3.0}


async def test_background_work_starts_and_stops_with_the_product() -> None:
    here = site()
    tasks = Tasks(here.clock)
    background = Background(here.intake, IngestConfig(), here.clock)
    port = await background.start(tasks, statsd_address="127.0.0.1:0")
    assert port > 0
    await here.call("PUT", "/metrics/job/j", b"x 1\n")
    await here.clock.advance(31)
    assert len(here.samples()['x{job="j"}']) == 2
    await background.stop()
    await tasks.stop_all()
    others = Tasks(here.clock)
    with pytest.raises(Permanent):
        await background.start(others, statsd_address="127.0.0.1")
    await others.stop_all()


@pytest.mark.parametrize("line", [b"x:0|c|@1e-320", b"x:1|c|@1e-10", b"x:1e300|g", b"x:-1e200|ms"])
def test_no_line_can_spoil_a_series_for_ever(line: bytes) -> None:
    gathered, series = gather(line, b"y:1|c")
    assert flushed(gathered, series) == {"y": 1.0}


def test_a_set_remembers_little_of_long_members() -> None:
    lines = [f"s:{number}{'x' * 5000}|s".encode() for number in range(200)]
    gathered, series = gather(*lines, *lines)
    tracemalloc.start()
    for number in range(200):
        gathered.take(f"s:again{number}{'x' * 5000}|s".encode())
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert flushed(gathered, series) == {"s": 400.0}
    assert kept < 200_000
