"""What does Tocsin watch without being told? Itself, its machine, and exporters found nearby."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.kit.quantity import Duration
from tocsin.kit.secret import Secret
from tocsin.scrape.config import GlobalConfig, Job, ScrapeConfig, job_of
from tocsin.scrape.discovery.static import StaticConfig
from tocsin.scrape.host import HOST, HOST_JOB
from tocsin.scrape.http_options import Authorization
from tocsin.scrape.nearby import Nearby
from tocsin.scrape.target import BUILT_IN


def host_job(interval: float, *, instance: str) -> Job:
    """The machine's own metrics as job "node", named as node_exporter has them."""
    labels = {BUILT_IN: HOST}
    group = StaticConfig(targets=(instance,), labels=labels)
    return _job(ScrapeConfig(job_name=HOST_JOB, static_configs=(group,)), interval)


def itself_job(interval: float, *, address: str, token: Secret | None = None) -> Job:
    """Tocsin's own /metrics at `host:port` as job "tocsin"; `token` if it must show one."""
    authorization = None if token is None else Authorization(credentials=token)
    group = StaticConfig(targets=(address,))
    config = ScrapeConfig(job_name="tocsin", static_configs=(group,), authorization=authorization)
    return _job(config, interval)


def nearby_jobs(interval: float, found: Sequence[Nearby]) -> list[Job]:
    """One job an exporter that `nearby.find` found."""
    return [
        _job(
            ScrapeConfig(
                job_name=exporter.job,
                metrics_path=exporter.path,
                static_configs=(StaticConfig(targets=(exporter.address,)),),
            ),
            interval,
        )
        for exporter in found
    ]


def _job(config: ScrapeConfig, interval: float) -> Job:
    return job_of(config, GlobalConfig(scrape_interval=Duration(interval)))
