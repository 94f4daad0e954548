"""How long does PromQL evaluation take? Prints milliseconds for the shapes that dashboards ask.

Samples lie in memory, so that reading costs nothing: `.venv/bin/python bench/promql_eval.py`.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

import numpy as np

from tocsin.kit.clock import SystemClock
from tocsin.model.labels import Matcher, from_mapping
from tocsin.model.series import SeriesData, Unlisted
from tocsin.query.promql.engine import Engine, QueryOptions

HOUR_MS = 3_600_000
STEP_MS = 60_000
SCRAPE_MS = 15_000


class Recorded(Unlisted):
    """A SeriesSource over a few metrics in memory; only `select` is of use."""

    def __init__(self, metrics: dict[str, SeriesData]) -> None:
        self._metrics = metrics

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        """The whole metric that the first matcher on the name asks for."""
        name = next(matcher.value for matcher in matchers if matcher.name == "__name__")
        return self._metrics[name]


def recorded(
    name: str, series: Sequence[dict[str, str]], hours: int, *, counter: bool
) -> SeriesData:
    """Series scraped every 15 s, each at its own moment; a counter restarts now and then."""
    random = np.random.default_rng(len(series))
    count = hours * HOUR_MS // SCRAPE_MS
    jitter = random.integers(0, SCRAPE_MS, (len(series), 1))
    ts = (np.arange(count) * SCRAPE_MS)[None, :] + jitter
    values = random.gamma(2.0, 5.0, (len(series), count))
    if counter:
        values = np.cumsum(np.round(values), axis=1)
        for row in range(0, len(series), 10):
            values[row, count // 2 :] -= values[row, count // 2]
    offsets = np.arange(len(series) + 1, dtype=np.int64) * count
    labels = [from_mapping({"__name__": name, **one}) for one in series]
    return SeriesData(labels, offsets, ts.ravel().astype(np.int64), values.ravel(), "recent")


def source(hours: int) -> Recorded:
    """1,000 series twice, one series, 200 histograms of 12 buckets, 10,000 short series."""
    pods = [{"pod": f"pod-{i}", "job": f"job-{i % 20}", "zone": f"z{i % 3}"} for i in range(1000)]
    bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
    buckets = [{"pod": f"pod-{i}", "le": le} for i in range(200) for le in bounds]
    histogram = recorded("latency_bucket", buckets, hours, counter=True)
    shaped = histogram.values.reshape(200, 12, -1)
    cumulative = np.cumsum(shaped, axis=1).ravel()
    return Recorded(
        {
            "requests_total": recorded("requests_total", pods, hours, counter=True),
            "errors_total": recorded("errors_total", pods, hours, counter=True),
            "temperature": recorded("temperature", pods, hours, counter=False),
            "single_total": recorded("single_total", [{"job": "api"}], hours, counter=True),
            "latency_bucket": SeriesData(
                histogram.labels, histogram.offsets, histogram.ts, cumulative, "recent"
            ),
        }
    )


QUERIES = (
    ("sum(rate)", "sum(rate(requests_total[5m]))"),
    ("rate", "rate(requests_total[5m])"),
    ("sum by", "sum by (job) (rate(requests_total[5m]))"),
    ("topk", "topk(10, rate(requests_total[5m]))"),
    ("quantile", "quantile(0.9, rate(requests_total[5m]))"),
    ("max_over_time", "max_over_time(temperature[5m])"),
    ("max_over_time 1h", "max_over_time(temperature[1h])"),
    ("avg_over_time", "avg_over_time(temperature[5m])"),
    ("sum_over_time", "sum_over_time(temperature[5m])"),
    ("stddev_over_time", "stddev_over_time(temperature[5m])"),
    ("quantile_over_time", "quantile_over_time(0.9, temperature[5m])"),
    ("deriv", "deriv(temperature[5m])"),
    ("selector", "sum(temperature)"),
    ("join", "rate(errors_total[5m]) / on (pod) rate(requests_total[5m])"),
    ("group_left", "errors_total * on (pod) group_left (zone) requests_total"),
    ("and", "errors_total and on (pod) requests_total"),
    ("histogram_quantile", "histogram_quantile(0.9, rate(latency_bucket[5m]))"),
    ("histogram by le", "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[5m])))"),
    ("one series", "rate(single_total[5m])"),
    ("subquery", "max_over_time(rate(single_total[5m])[1h:1m])"),
)


async def measure(hours: int, rounds: int) -> None:
    """Print the best of some rounds for each query."""
    engine = Engine(source(hours), SystemClock())
    start, end = HOUR_MS // 6, hours * HOUR_MS
    print(f"{'query':22}{'evaluate ms':>12}{'series':>8}")
    for name, text in QUERIES:
        best, series = float("inf"), 0
        for _ in range(rounds):
            result = await engine.range(text, start, end, STEP_MS)
            best = min(best, result.stats.eval_seconds)
            series = len(result.labels)
        print(f"{name:22}{best * 1000:12.2f}{series:8}")
    best = float("inf")
    clock = SystemClock()
    for _ in range(200):
        began = clock.monotonic()
        await engine.instant("rate(single_total[5m])", end, QueryOptions())
        best = min(best, clock.monotonic() - began)
    print(f"{'instant, one series':22}{best * 1000:12.2f}{1:8}  (all phases)")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    asyncio.run(measure(options.hours, options.rounds))


if __name__ == "__main__":
    main()
