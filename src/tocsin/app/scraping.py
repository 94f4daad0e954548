"""What is scraped: the `prometheus.yml` that is named, and what Tocsin watches by itself."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.app.config import Loaded
from tocsin.app.settings_tree import Config
from tocsin.kit.secret import Secret
from tocsin.scrape.builtin import host_job, itself_job, nearby_jobs
from tocsin.scrape.config import Job, ScrapePlan, read_plan
from tocsin.scrape.nearby import Nearby
from tocsin.uptime.heartbeats.watching import heartbeat_jobs
from tocsin.uptime.jobs import monitor_jobs


def scrape_configuration(loaded: Loaded) -> ScrapePlan:
    """The jobs of the `prometheus.yml`; raises ConfigError with the place of a mistake."""
    return read_plan(loaded.prometheus, loaded.prometheus_folder)


def built_in_jobs(config: Config, address: str, key: Secret, nearby: Sequence[Nearby]) -> list[Job]:
    """What is watched beside the `prometheus.yml`; `address` is Tocsin's own `host:port`, `key`
    what its own metrics ask for."""
    every = float(config.scrape.interval)
    jobs = [
        *nearby_jobs(every, nearby),
        *monitor_jobs(config.monitors),
        *heartbeat_jobs(config.heartbeats),
    ]
    if config.scrape.host:
        jobs.append(host_job(every, instance=address))
    if config.scrape.itself:
        jobs.append(itself_job(every, address=address, token=key))
    return jobs
