"""One job: what its discoveries find becomes loops, and loops end when targets go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tocsin.kit.tasks import Tasks
from tocsin.scrape.config import Job
from tocsin.scrape.discovery.dns import DnsConfig, DnsDiscovery
from tocsin.scrape.discovery.docker import DockerConfig, DockerDiscovery
from tocsin.scrape.discovery.file import FileConfig, FileDiscovery
from tocsin.scrape.discovery.group import Discovery, DiscoveryState, watch
from tocsin.scrape.discovery.http import HttpConfig, HttpDiscovery
from tocsin.scrape.discovery.static import StaticConfig, StaticDiscovery
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.loop import ScrapeLoop, Surroundings
from tocsin.scrape.relabel import Relabeling
from tocsin.scrape.target import DroppedTarget, Target, make_target

MOST_DROPPED_KEPT = 10_000
"""How many dropped targets of a job are remembered where keep_dropped_targets sets no limit."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """A configured discovery and the folder of its files."""

    entry: tuple[StaticConfig, ...] | FileConfig | HttpConfig | DnsConfig | DockerConfig
    folder: Path


@dataclass(slots=True)
class _Watched:
    """A discovery that is asked again and again; `made_from` tells whether it must be replaced."""

    made_from: _Origin
    state: DiscoveryState
    task: str


class Pool:
    """The targets of one job."""

    def __init__(self, job: Job, around: Surroundings, fetcher: Fetcher, tasks: Tasks) -> None:
        self.job = job
        self.dropped: list[DroppedTarget] = []
        self.dropped_count = 0
        self._limit_error = ""
        self._around = around
        self._fetcher = fetcher
        self._tasks = tasks
        self._relabeling = Relabeling(job.config.relabel_configs)
        self._loops: dict[str, ScrapeLoop] = {}
        self._watched: dict[str, _Watched] = {}
        self._changed = asyncio.Event()
        self._syncing = asyncio.Lock()

    @property
    def loops(self) -> dict[str, ScrapeLoop]:
        """The running loops by target id."""
        return self._loops

    @property
    def discoveries(self) -> list[DiscoveryState]:
        """How each of the job's discoveries fares."""
        return [watched.state for watched in self._watched.values()]

    async def start(self) -> None:
        """Begin to discover and scrape; static targets are there when it returns."""
        await self._watch()
        await self.sync()
        self._tasks.start(f"pool {self.job.name}", self._run)

    async def change(self, job: Job, around: Surroundings) -> None:
        """Go on with other settings; what is the same in both is not interrupted."""
        self.job, self._around = job, around
        self._relabeling = Relabeling(job.config.relabel_configs)
        await self._watch()
        await self.sync()

    async def stop(self, *, gone: bool) -> None:
        """Stop everything. `gone` means that the job is no more: its series end."""
        await self._tasks.stop(f"pool {self.job.name}")
        for watched in self._watched.values():
            await self._tasks.stop(watched.task)
        for loop in list(self._loops.values()):
            await self._stop_loop(loop, gone=gone)

    async def sync(self) -> None:
        """Make the loops match what is discovered now."""
        async with self._syncing:
            wanted = self._targets()
            pending = any(not s.refreshed_ms and not s.error for s in self.discoveries)
            for ident, loop in list(self._loops.items()):
                if ident not in wanted and not pending:
                    await self._stop_loop(loop, gone=True)
            for ident, target in wanted.items():
                await self._ensure(ident, target)

    async def _ensure(self, ident: str, target: Target) -> None:
        """Run a loop for the target. Beyond target_limit it reports failure, as Prometheus's do:
        `up` is 0, so that an alert can tell."""
        before = self._loops.get(ident)
        if before is not None:
            same = before.target.interval == target.interval
            if before.job == self.job and same and before.target.timeout == target.timeout:
                before.target = before.state.target = target
                before.forced_error = self._limit_error
                return
            await self._stop_loop(before, gone=False)
        loop = ScrapeLoop(self.job, target, self._around)
        loop.forced_error = self._limit_error
        if before is not None:
            loop.inherit(before)
        self._loops[ident] = loop
        self._tasks.start(f"scrape {self.job.name} {ident}", loop.run)

    async def _stop_loop(self, loop: ScrapeLoop, *, gone: bool) -> None:
        await self._tasks.stop(f"scrape {self.job.name} {loop.target.id}")
        self._loops.pop(loop.target.id, None)
        if gone:
            loop.end()

    def _targets(self) -> dict[str, Target]:
        found: dict[str, Target] = {}
        dropped: list[DroppedTarget] = []
        for labels in self._discovered():
            target = make_target(self.job, labels, self._relabeling)
            if isinstance(target, Target) and target.id in found:
                target = DroppedTarget(
                    self.job.name, target.discovered, f"duplicate of {target.url}"
                )
            if isinstance(target, DroppedTarget):
                dropped.append(target)
            else:
                found[target.id] = target
        self._limit_error = ""
        limit = self.job.target_limit
        if limit and len(found) > limit:
            self._limit_error = f"target_limit exceeded: {len(found)} targets, limit {limit}"
            kept = dict(list(found.items())[:limit])
            dropped += [
                DroppedTarget(target.job, target.discovered, self._limit_error)
                for ident, target in found.items()
                if ident not in kept
            ]
            found = kept
        self.dropped_count = len(dropped)
        self.dropped = dropped[: self.job.keep_dropped_targets or MOST_DROPPED_KEPT]
        return found

    def _discovered(self) -> Iterator[dict[str, str]]:
        for state in self.discoveries:
            for group in state.groups:
                yield from (dict(labels) for labels in group.targets)

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.sync()

    async def _watch(self) -> None:
        """Start and stop discoveries until they are those of the job."""
        wanted = dict(self._configs())
        for name, watched in list(self._watched.items()):
            if wanted.get(name) != watched.made_from:
                await self._tasks.stop(watched.task)
                del self._watched[name]
        for name, made_from in wanted.items():
            if name not in self._watched:
                await self._start_watching(name, made_from)

    async def _start_watching(self, name: str, made_from: _Origin) -> None:
        discovery = self._discovery(name, made_from)
        state = DiscoveryState(name)
        task = f"discovery {name}"
        self._watched[name] = _Watched(made_from, state, task)
        clock = self._around.clock
        if isinstance(discovery, StaticDiscovery):
            state.groups, state.refreshed_ms = await discovery.discover(), clock.now_ms()
            return
        self._tasks.start(task, lambda: watch(discovery, state, clock, self._changed.set))

    def _configs(self) -> Iterator[tuple[str, _Origin]]:
        config, folder = self.job.config, self._fetcher.folder
        if config.static_configs:
            yield f"{self.job.name}/static", _Origin(config.static_configs, folder)
        for number, file in enumerate(config.file_sd_configs):
            yield f"{self.job.name}/file/{number}", _Origin(file, folder)
        for number, http in enumerate(config.http_sd_configs):
            yield f"{self.job.name}/http/{number}", _Origin(http, folder)
        for number, dns in enumerate(config.dns_sd_configs):
            yield f"{self.job.name}/dns/{number}", _Origin(dns, folder)
        for number, docker in enumerate(config.docker_sd_configs):
            yield f"{self.job.name}/docker/{number}", _Origin(docker, folder)

    def _discovery(self, name: str, origin: _Origin) -> Discovery:
        match origin.entry:
            case FileConfig() as file:
                return FileDiscovery(name, file, origin.folder)
            case HttpConfig() as http:
                return HttpDiscovery(name, http, self._fetcher)
            case DnsConfig() as dns:
                return DnsDiscovery(name, dns)
            case DockerConfig() as docker:
                return DockerDiscovery(name, docker, self._fetcher)
            case _ as groups:
                return StaticDiscovery(name, groups)
