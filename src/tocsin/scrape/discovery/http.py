"""Targets that an HTTP server lists: `http_sd_configs`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from tocsin.kit.fault import Rejected, Temporary
from tocsin.kit.quantity import Duration
from tocsin.scrape.discovery.group import TargetGroup
from tocsin.scrape.discovery.static import StaticConfig
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.http_options import HttpOptions

_LARGEST_BYTES = 32 << 20


class HttpConfig(HttpOptions, frozen=True, kw_only=True):
    """One entry of `http_sd_configs`."""

    url: str
    refresh_interval: Duration = Duration(60)

    def __post_init__(self) -> None:
        super().__post_init__()
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Rejected(f"url must start with http:// or https:// and name a host: {self.url!r}")


class HttpDiscovery:
    """Asks the server; the answer must be 200, JSON by its Content-Type, and whole."""

    problem = ""

    def __init__(self, name: str, config: HttpConfig, fetcher: Fetcher) -> None:
        self.name = name
        self.refresh_seconds = float(config.refresh_interval)
        self._config = config
        self._fetcher = fetcher

    async def discover(self) -> Sequence[TargetGroup]:
        """One group an entry of the list."""
        url = self._config.url
        headers = {
            "Accept": "application/json",
            "X-Prometheus-Refresh-Interval-Seconds": f"{self.refresh_seconds:g}",
        }
        answer = await self._fetcher.get(
            url, self._config, headers, timeout=self.refresh_seconds, limit_bytes=_LARGEST_BYTES
        )
        if answer.status != 200:
            raise Temporary(f"{url} answers HTTP status {answer.status}")
        if answer.content_type.partition(";")[0].strip().lower() != "application/json":
            raise Rejected(f"{url}: expected application/json, got {answer.content_type!r}")
        try:
            configs = msgspec.json.decode(answer.body, type=list[StaticConfig])
        except msgspec.MsgspecError as error:
            raise Rejected(f"{url}: not a list of target groups: {error}") from error
        meta = {"__meta_url": url}
        return [config.group(f"{url}:{i}", meta) for i, config in enumerate(configs)]
