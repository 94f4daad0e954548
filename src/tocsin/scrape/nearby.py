"""Which exporters run on their usual ports of this machine?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from tocsin.ingest.exposition import ExpositionReader, format_of
from tocsin.kit.fault import Fault
from tocsin.model.samples import Interner
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.http_options import HttpOptions

USUAL_PORTS: Final = {
    8080: "cadvisor",
    9090: "prometheus",
    9091: "pushgateway",
    9093: "alertmanager",
    9100: "node",
    9104: "mysqld",
    9113: "nginx",
    9114: "elasticsearch",
    9115: "blackbox",
    9117: "apache",
    9121: "redis",
    9127: "pgbouncer",
    9150: "memcached",
    9187: "postgres",
    9216: "mongodb",
    9253: "php-fpm",
    9256: "process",
    9308: "kafka",
    9419: "rabbitmq",
    15692: "rabbitmq",
}
"""Ports by the wiki page "Default port allocations" of Prometheus."""

_LARGEST_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Nearby:
    """An exporter that answered."""

    job: str
    address: str
    path: str = "/metrics"


async def find(
    fetcher: Fetcher, ports: dict[int, str] | None = None, *, timeout: float = 2.0
) -> list[Nearby]:
    """Ask each port of loopback once; those that answer with an exposition are returned."""
    wanted = USUAL_PORTS if ports is None else ports
    asked = [_ask(fetcher, port, job, timeout) for port, job in wanted.items()]
    found = await asyncio.gather(*asked)
    return [exporter for exporter in found if exporter is not None]


async def _ask(fetcher: Fetcher, port: int, job: str, timeout: float) -> Nearby | None:
    exporter = Nearby(job, f"127.0.0.1:{port}")
    try:
        answer = await fetcher.get(
            f"http://{exporter.address}{exporter.path}",
            HttpOptions(follow_redirects=False),
            {"Accept": "text/plain;version=0.0.4"},
            timeout=timeout,
            limit_bytes=_LARGEST_BYTES,
        )
        style = format_of(answer.content_type)
        exposed = ExpositionReader(Interner()).read(answer.body, style, 0)
    except Fault:  # nobody there, or somebody else: not an exporter
        return None
    return exporter if answer.status == 200 and exposed.scraped else None
