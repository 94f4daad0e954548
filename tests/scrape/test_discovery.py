"""Targets are found in files, over HTTP, in DNS and in Docker; a failure keeps what is known."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest
from aiohttp import web

from tests.scrape.servers import Kept, Page, serve
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected, Temporary
from tocsin.kit.yaml import loads
from tocsin.scrape.config import read_plan
from tocsin.scrape.discovery.dns import DnsConfig, DnsDiscovery
from tocsin.scrape.discovery.docker import DockerConfig, DockerDiscovery, DockerFilter
from tocsin.scrape.discovery.file import FileConfig, FileDiscovery
from tocsin.scrape.discovery.group import TargetGroup
from tocsin.scrape.discovery.http import HttpConfig, HttpDiscovery
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.manager import ScrapeManager


@pytest.fixture
async def fetcher(clock: FakeClock, tmp_path: Path) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(clock, tmp_path)
    yield fetcher
    await fetcher.close()


def addresses(groups: Sequence[TargetGroup]) -> list[str]:
    return [target["__address__"] for group in groups for target in group.targets]


async def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"targets": ["h:1"], "labels": {"env": "x"}}]')
    (tmp_path / "b.yml").write_text("- targets: [h:2, h:3]\n")
    found = FileDiscovery("f", FileConfig(files=("*.json", "b.yml", "none-*.yaml")), tmp_path)
    groups = await found.discover()
    assert addresses(groups) == ["h:1", "h:2", "h:3"]
    assert groups[0].targets[0] == {
        "__address__": "h:1",
        "env": "x",
        "__meta_filepath": str(tmp_path / "a.json"),
    }
    (tmp_path / "b.yml").write_text("- targets: [h:4]\n")
    assert addresses(await found.discover()) == ["h:1", "h:4"]
    (tmp_path / "b.yml").write_text("- targts: [h:5]\n")
    assert addresses(await found.discover()) == ["h:1", "h:4"]
    assert "targets" in found.problem
    (tmp_path / "a.json").unlink()
    assert addresses(await found.discover()) == ["h:4"]
    (tmp_path / "b.yml").write_text("- targets: [h:6]\n")
    assert addresses(await found.discover()) == ["h:6"]
    assert found.problem == ""


async def test_http_lists_targets_and_is_checked(fetcher: Fetcher) -> None:
    body = json.dumps([{"targets": ["h:1", "h:2"], "labels": {"env": "x"}}, {"targets": ["h:3"]}])
    page = Page(body.encode(), "application/json; charset=utf-8")
    async with serve(page) as address:
        url = f"http://{address}/list"
        found = HttpDiscovery("h", HttpConfig(url=url), fetcher)
        groups = await found.discover()
        assert addresses(groups) == ["h:1", "h:2", "h:3"]
        assert groups[0].targets[0]["__meta_url"] == url
        assert page.asked[0].headers["X-Prometheus-Refresh-Interval-Seconds"] == "60"
        page.content_type = "text/html"
        with pytest.raises(Rejected, match="application/json"):
            await found.discover()
        page.content_type, page.body = "application/json", b'{"targets": 1}'
        with pytest.raises(Rejected, match="not a list of target groups"):
            await found.discover()
        page.status = 500
        with pytest.raises(Temporary, match="500"):
            await found.discover()


class FakeDns(asyncio.DatagramProtocol):
    """A name server that knows a few names."""

    RECORDS: dict[tuple[str, str], list[str]] = {  # noqa: RUF012 - never changed
        ("_web._tcp.example.", "SRV"): ["0 0 8080 a.example.", "0 0 8081 b.example."],
        ("web.example.", "A"): ["10.0.0.2", "10.0.0.1"],
        ("web.example.", "AAAA"): ["fd00::1"],
        ("example.", "MX"): ["10 mail.example."],
    }

    def connection_made(self, transport: Any) -> None:  # Any: the type of asyncio's own stub
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query)
        if records := self.RECORDS.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *records))
        elif name.startswith("broken"):
            answer.set_rcode(dns.rcode.SERVFAIL)
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def resolver() -> AsyncIterator[dns.asyncresolver.Resolver]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(FakeDns, local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    resolver.lifetime = 2.0
    yield resolver
    transport.close()


DNS = [
    pytest.param(DnsConfig(names=("_web._tcp.example",)), ["a.example:8080", "b.example:8081"],
                 {"__meta_dns_srv_record_target": "a.example.",
                  "__meta_dns_srv_record_port": "8080"}, id="SRV"),
    pytest.param(DnsConfig(names=("web.example",), type="A", port=9), ["10.0.0.1:9", "10.0.0.2:9"],
                 {"__meta_dns_name": "web.example"}, id="A"),
    pytest.param(DnsConfig(names=("web.example",), type="AAAA", port=9), ["[fd00::1]:9"], {},
                 id="AAAA"),
    pytest.param(DnsConfig(names=("example",), type="MX", port=25), ["mail.example:25"],
                 {"__meta_dns_mx_record_target": "mail.example."}, id="MX"),
    pytest.param(DnsConfig(names=("gone.example",), type="A", port=1), [], {}, id="NXDOMAIN"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "expected", "labels"), DNS)
async def test_dns_names_stand_for_targets(
    resolver: dns.asyncresolver.Resolver,
    config: DnsConfig,
    expected: list[str],
    labels: dict[str, str],
) -> None:
    groups = await DnsDiscovery("d", config, resolver).discover()
    assert addresses(groups) == expected
    if expected:
        assert labels.items() <= groups[0].targets[0].items()


async def test_a_name_server_that_fails_is_no_empty_answer(
    resolver: dns.asyncresolver.Resolver,
) -> None:
    config = DnsConfig(names=("broken.example",), type="A", port=1)
    with pytest.raises(Temporary, match=r"broken\.example"):
        await DnsDiscovery("d", config, resolver).discover()


CONTAINERS = [
    {
        "Id": "c1",
        "Names": ["/web"],
        "Labels": {"com.example/team": "shop"},
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 53, "Type": "udp"},
            {"PrivatePort": 9100, "Type": "tcp"},
        ],
        "HostConfig": {"NetworkMode": "bridge"},
        "NetworkSettings": {
            "Networks": {
                "zoo": {"IPAddress": "172.18.0.9", "NetworkID": "n2"},
                "bridge": {"IPAddress": "172.17.0.2", "NetworkID": "n1"},
            }
        },
    },
    {
        "Id": "c2",
        "Names": ["/sidecar"],
        "Ports": [],
        "HostConfig": {"NetworkMode": "container:c1"},
        "NetworkSettings": {"Networks": {}},
    },
    {
        "Id": "c3",
        "Names": ["/agent"],
        "Ports": [],
        "HostConfig": {"NetworkMode": "host"},
        "NetworkSettings": {"Networks": {"host": {"IPAddress": "", "NetworkID": "n3"}}},
    },
]
NETWORKS = [{"Id": "n1", "Name": "bridge", "Scope": "local", "Labels": {"a.b": "c"}}]


async def docker(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/networks":
        return web.json_response(NETWORKS)
    assert request.path == "/containers/json"
    return web.json_response(CONTAINERS)


async def test_docker_containers_are_targets_with_prometheus_labels(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    page = Page(answer=docker)
    async with serve(page, str(tmp_path / "docker.sock")) as path:
        config = DockerConfig(
            host=f"unix://{path}", filters=(DockerFilter(name="status", values=("running",)),)
        )
        groups = await DockerDiscovery("d", config, fetcher).discover()
    assert page.asked[0].query["filters"] == '{"status":["running"]}'
    assert addresses(groups) == ["172.17.0.2:80", "172.17.0.2:9100", "172.17.0.2:80", "localhost"]
    assert groups[0].targets[0] == {
        "__address__": "172.17.0.2:80",
        "__meta_docker_container_id": "c1",
        "__meta_docker_container_name": "/web",
        "__meta_docker_container_network_mode": "bridge",
        "__meta_docker_container_label_com_example_team": "shop",
        "__meta_docker_network_id": "n1",
        "__meta_docker_network_name": "bridge",
        "__meta_docker_network_scope": "local",
        "__meta_docker_network_internal": "false",
        "__meta_docker_network_ingress": "false",
        "__meta_docker_network_label_a_b": "c",
        "__meta_docker_network_ip": "172.17.0.2",
        "__meta_docker_port_private": "80",
        "__meta_docker_port_public": "8080",
        "__meta_docker_port_public_ip": "0.0.0.0",
    }


async def test_all_networks_are_used_on_demand_and_tcp_hosts_work(fetcher: Fetcher) -> None:
    async with serve(Page(answer=docker)) as address:
        config = DockerConfig(host=f"tcp://{address}", match_first_network=False)
        groups = await DockerDiscovery("d", config, fetcher).discover()
    assert "172.18.0.9:9100" in addresses(groups)


async def test_a_docker_that_is_not_there_is_said(fetcher: Fetcher, tmp_path: Path) -> None:
    config = DockerConfig(host=f"unix://{tmp_path}/none.sock")
    with pytest.raises(Temporary, match=r"none\.sock"):
        await DockerDiscovery("d", config, fetcher).discover()


async def test_targets_come_and_go_with_their_file(
    clock: FakeClock, tmp_path: Path, kept_loop: tuple[Kept, ScrapeManager]
) -> None:
    kept, manager = kept_loop
    async with serve(Page(b"a 1\n")) as address:
        file = tmp_path / "targets.json"
        file.write_text(json.dumps([{"targets": [address, "127.0.0.1:1"]}]))
        text = f"scrape_configs: [{{job_name: app, file_sd_configs: [{{files: ['{file}']}}]}}]"
        await manager.apply(read_plan(loads(text), tmp_path))
        await _until_targets(clock, manager, 2)
        at = next(s.target.id for s in manager.targets() if address in s.target.url)
        await manager.scrape_now(at)
        file.write_text("this is no list")
        os.utime(file, ns=(1, 1))
        await _until_error(clock, manager)
        assert len(manager.targets()) == 2
        file.write_text("[]")
        await _until_targets(clock, manager, 0)
    *values, end = kept.values("a")
    # The file is looked at in passing time, in which targets are scraped, too.
    assert (set(values), end) == ({1.0}, "stale")


@pytest.fixture
async def kept_loop(clock: FakeClock) -> AsyncIterator[tuple[Kept, ScrapeManager]]:
    kept = Kept()
    manager = ScrapeManager(kept, kept, clock)
    yield kept, manager
    await manager.stop()


async def _until_targets(clock: FakeClock, manager: ScrapeManager, count: int) -> None:
    async with asyncio.timeout(60):
        while len(manager.targets()) != count:
            await clock.advance(0.5)
            await asyncio.to_thread(lambda: None)  # lets the reading thread finish


async def _until_error(clock: FakeClock, manager: ScrapeManager) -> None:
    async with asyncio.timeout(60):
        while not manager.discoveries()[0].error:
            await clock.advance(0.5)
            await asyncio.to_thread(lambda: None)
