"""How does a monitor become something that is scraped?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tocsin.kit.quantity import Duration
from tocsin.scrape.config import GlobalConfig, Job, ScrapeConfig, job_of
from tocsin.scrape.discovery.static import StaticConfig
from tocsin.scrape.target import BUILT_IN as STANDS_FOR
from tocsin.uptime.config import MonitorConfig
from tocsin.uptime.prober import BUILT_IN

JOB: Final = "uptime"
"""The label `job` of all series of monitors."""


def monitor_jobs(monitors: Iterable[MonitorConfig]) -> list[Job]:
    """One job a monitor: each has an interval of its own."""
    return [_job(one) for one in monitors]


def _job(monitor: MonitorConfig) -> Job:
    labels = {
        **monitor.labels,
        STANDS_FOR: f"{BUILT_IN}:{monitor.name}",
        "job": JOB,
        "instance": monitor.target,
        "monitor": monitor.name,
    }
    config = ScrapeConfig(
        job_name=f"{JOB}: {monitor.name}",
        scrape_interval=monitor.every,
        # The prober has limits of its own, for each attempt; this is all of them together.
        scrape_timeout=Duration(monitor.every),
        static_configs=(StaticConfig(targets=(monitor.name,), labels=labels),),
    )
    return job_of(config, GlobalConfig())
