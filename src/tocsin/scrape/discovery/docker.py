"""Targets that are containers of one Docker daemon: `docker_sd_configs`.

Source: Docker Engine API (`/containers/json`, `/networks`); the labels are Prometheus's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from tocsin.kit.fault import Rejected, Temporary
from tocsin.kit.quantity import Duration
from tocsin.scrape.discovery.group import TargetGroup
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.http_options import HttpOptions

_LARGEST_BYTES = 32 << 20
_META = "__meta_docker_"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")

T = TypeVar("T")


class DockerFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A filter of the daemon's list of containers."""

    name: str
    values: tuple[str, ...]


class DockerConfig(HttpOptions, frozen=True, kw_only=True):
    """One entry of `docker_sd_configs`; `host` is `unix:///path`, `tcp://…`, `http(s)://…`."""

    host: str
    port: int = 80
    filters: tuple[DockerFilter, ...] = ()
    host_networking_host: str = "localhost"
    match_first_network: bool = True
    refresh_interval: Duration = Duration(60)

    def __post_init__(self) -> None:
        super().__post_init__()
        if urlsplit(self.host).scheme not in ("unix", "tcp", "http", "https"):
            raise Rejected(
                f"host must start with unix://, tcp://, http:// or https://: {self.host}"
            )


class _Endpoint(msgspec.Struct, frozen=True, rename="pascal"):
    i_p_address: str = msgspec.field(default="", name="IPAddress")
    network_id: str = msgspec.field(default="", name="NetworkID")


class _Port(msgspec.Struct, frozen=True, rename="pascal"):
    private_port: int = 0
    public_port: int = 0
    type: str = "tcp"
    ip: str = msgspec.field(default="", name="IP")


class _HostConfig(msgspec.Struct, frozen=True, rename="pascal"):
    network_mode: str = ""


class _NetworkSettings(msgspec.Struct, frozen=True, rename="pascal"):
    networks: dict[str, _Endpoint | None] | None = None


class _Container(msgspec.Struct, frozen=True, rename="pascal"):
    id: str
    names: list[str] | None = None
    labels: dict[str, str] | None = None
    ports: list[_Port] | None = None
    host_config: _HostConfig = _HostConfig()
    network_settings: _NetworkSettings | None = None

    @property
    def networks(self) -> dict[str, _Endpoint | None]:
        return (self.network_settings and self.network_settings.networks) or {}


class _Network(msgspec.Struct, frozen=True, rename="pascal"):
    id: str
    name: str = ""
    scope: str = ""
    internal: bool = False
    ingress: bool = False
    labels: dict[str, str] | None = None

    @property
    def meta(self) -> dict[str, str]:
        return {
            f"{_META}network_id": self.id,
            f"{_META}network_name": self.name,
            f"{_META}network_scope": self.scope,
            f"{_META}network_internal": str(self.internal).lower(),
            f"{_META}network_ingress": str(self.ingress).lower(),
            **_prefixed("network_label_", self.labels),
        }


class DockerDiscovery:
    """Lists the running containers; one target a TCP port, or one at the configured port."""

    problem = ""

    def __init__(self, name: str, config: DockerConfig, fetcher: Fetcher) -> None:
        self.name = name
        self.refresh_seconds = float(config.refresh_interval)
        self._config = config
        self._fetcher = fetcher
        parts = urlsplit(config.host)
        self._socket = parts.path if parts.scheme == "unix" else ""
        scheme = "https" if parts.scheme == "https" else "http"
        self._base = "http://docker" if self._socket else f"{scheme}://{parts.netloc}"

    async def discover(self) -> Sequence[TargetGroup]:
        """One group with all containers."""
        wanted = {f.name: list(f.values) for f in self._config.filters}
        query = f"?filters={quote(msgspec.json.encode(wanted).decode())}" if wanted else ""
        containers = await self._list(f"/containers/json{query}", list[_Container])
        networks = {n.id: n.meta for n in await self._list("/networks", list[_Network])}
        by_id = {container.id: container for container in containers}
        targets = [
            target
            for container in containers
            if container.names
            for target in self._targets(container, by_id, networks)
        ]
        return [TargetGroup("Docker", tuple(targets))]

    async def _list(self, path: str, kind: type[list[T]]) -> list[T]:
        url = self._base + path
        answer = await self._fetcher.get(
            url,
            self._config,
            {"Accept": "application/json"},
            timeout=min(30.0, self.refresh_seconds or 30.0),
            limit_bytes=_LARGEST_BYTES,
            socket=self._socket,
        )
        if answer.status != 200:
            raise Temporary(f"{self._config.host}{path} answers HTTP status {answer.status}")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.MsgspecError as error:
            raise Rejected(f"{self._config.host} is no Docker daemon: {error}") from error

    def _targets(
        self,
        container: _Container,
        by_id: Mapping[str, _Container],
        networks: Mapping[str, Mapping[str, str]],
    ) -> Iterator[dict[str, str]]:
        common = {
            f"{_META}container_id": container.id,
            f"{_META}container_name": (container.names or [""])[0],
            f"{_META}container_network_mode": container.host_config.network_mode,
            **_prefixed("container_label_", container.labels),
        }
        for endpoint in self._endpoints(container, by_id):
            of_network = networks.get(endpoint.network_id, {})
            labels = {**common, **of_network, f"{_META}network_ip": endpoint.i_p_address}
            ports = [port for port in container.ports or () if port.type == "tcp"]
            for port in ports:
                yield {**labels, **_of_port(port, endpoint.i_p_address)}
            if not ports:
                at_host = container.host_config.network_mode == "host"
                address = _joined(endpoint.i_p_address, self._config.port)
                yield {
                    **labels,
                    "__address__": self._config.host_networking_host if at_host else address,
                }

    def _endpoints(self, container: _Container, by_id: Mapping[str, _Container]) -> list[_Endpoint]:
        """The container's networks; those of another one if it shares its (`container:<id>`)."""
        seen = {container.id}
        shown = container
        while not shown.networks and shown.host_config.network_mode.startswith("container:"):
            other = by_id.get(shown.host_config.network_mode.removeprefix("container:"))
            if other is None or other.id in seen:
                break
            seen.add(other.id)
            shown = other
        found = [endpoint for _, endpoint in sorted(shown.networks.items()) if endpoint is not None]
        return found[:1] if self._config.match_first_network else found


def _of_port(port: _Port, ip: str) -> dict[str, str]:
    labels = {
        "__address__": _joined(ip, port.private_port),
        f"{_META}port_private": str(port.private_port),
    }
    if port.public_port:
        labels[f"{_META}port_public"] = str(port.public_port)
        labels[f"{_META}port_public_ip"] = port.ip
    return labels


def _joined(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _prefixed(prefix: str, labels: Mapping[str, str] | None) -> dict[str, str]:
    return {
        f"{_META}{prefix}{_NOT_IN_NAMES.sub('_', name)}": value
        for name, value in (labels or {}).items()
    }
