"""Which targets are scraped now? The pull side as the rest of Tocsin sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound
from tocsin.kit.tasks import Tasks
from tocsin.model.samples import SeriesIntake
from tocsin.scrape.config import Job, ScrapePlan
from tocsin.scrape.discovery.group import DiscoveryState
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.host import HOST, HostGetter
from tocsin.scrape.loop import Getter, SampleSink, ScrapeLoop, Surroundings, TargetState
from tocsin.scrape.pool import Pool
from tocsin.scrape.target import BUILT_IN, DroppedTarget

_log = log.get("scrape")
_targets = gauge.gauge("scrape_targets", "Targets by health.", ("health",))


class ScrapeManager:
    """Scrapes what a plan says. All methods belong to one event loop."""

    def __init__(
        self,
        sink: SampleSink,
        intake: SeriesIntake,
        clock: Clock,
        *,
        max_concurrent: int = 256,
        getters: Mapping[str, Getter] | None = None,
    ) -> None:
        """`getters` answer for targets within this process, by what stands before the colon in
        their label `target.BUILT_IN`."""
        self._clock = clock
        self._getters: dict[str, Getter] = {HOST: HostGetter(), **(getters or {})}
        self._tasks = Tasks(clock)
        self._fetcher = Fetcher(clock, Path(), connections=2 * max_concurrent)
        gate = asyncio.Semaphore(max_concurrent)
        self._around = Surroundings(clock, self._fetcher, intake, sink, gate)
        self._pools: dict[str, Pool] = {}
        self._changing = asyncio.Lock()
        self._plan = ScrapePlan()
        for health in ("up", "down", "unknown"):
            _targets.labels(health).set_function(partial(self._count, health))

    @property
    def plan(self) -> ScrapePlan:
        """What is in force."""
        return self._plan

    async def apply(self, plan: ScrapePlan, built_in: Sequence[Job] = ()) -> None:
        """Scrape what the plan says and nothing else; targets that are in both go on unharmed.

        `built_in` are jobs of Tocsin's own (see `built_in`); one whose name the plan uses is left
        out. A plan was checked when it was read, so applying it does not fail.
        """
        async with self._changing:
            jobs = {job.name: job for job in plan.jobs}
            for job in built_in:
                jobs.setdefault(job.name, job)
            moved = plan.folder != self._fetcher.folder
            self._fetcher.folder = plan.folder
            for name in [name for name in self._pools if name not in jobs]:
                await self._pools.pop(name).stop(gone=True)
            for name, job in jobs.items():
                await self._apply_job(name, job, moved=moved)
            self._plan = replace(plan, jobs=tuple(jobs.values()))
            _log.info("scrape_plan_applied", jobs=len(jobs), targets=len(self.targets()))

    async def _apply_job(self, name: str, job: Job, *, moved: bool) -> None:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = Pool(job, self._of(job), self._fetcher, self._tasks)
            await pool.start()
        elif pool.job != job or moved:
            await pool.change(job, self._of(job))

    def _of(self, job: Job) -> Surroundings:
        for group in job.config.static_configs:
            getter = self._getters.get(group.labels.get(BUILT_IN, "").partition(":")[0])
            if getter is not None:
                return replace(self._around, getter=getter)
        return self._around

    async def stop(self) -> None:
        """Stop scraping. Series are not marked as ended: a restart goes on with them."""
        async with self._changing:
            for pool in self._pools.values():
                await pool.stop(gone=False)
            self._pools.clear()
            await self._tasks.stop_all()
            await self._fetcher.close()

    def targets(self) -> list[TargetState]:
        """All targets by job and address."""
        states = [loop.state for pool in self._pools.values() for loop in pool.loops.values()]
        return sorted(states, key=lambda state: (state.target.job, state.target.url))

    def dropped(self) -> list[DroppedTarget]:
        """Discovered targets that are not scraped, each with its reason."""
        return [target for pool in self._pools.values() for target in pool.dropped]

    def discoveries(self) -> list[DiscoveryState]:
        """How each discovery fares; an error keeps the targets that were known."""
        return [state for pool in self._pools.values() for state in pool.discoveries]

    async def scrape_now(self, target_id: str) -> TargetState:
        """Scrape one target at once, beside its schedule; raises NotFound."""
        loop = self._loop(target_id)
        await loop.scrape(self._clock.now_ms())
        return loop.state

    def _count(self, health: str) -> float:
        loops = (loop for pool in self._pools.values() for loop in pool.loops.values())
        return float(sum(loop.state.health == health for loop in loops))

    def _loop(self, target_id: str) -> ScrapeLoop:
        for pool in self._pools.values():
            loop = pool.loops.get(target_id)
            if loop is not None:
                return loop
        raise NotFound(f"there is no target {target_id!r}; it may have gone meanwhile")
