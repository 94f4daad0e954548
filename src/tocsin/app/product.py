"""The whole of Tocsin, wired: how it starts, takes a new configuration, and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import psutil

from tocsin.alert.rules.made_rules import MadeRules
from tocsin.alert.rules.template import World
from tocsin.app.attention import Watch
from tocsin.app.backups import Backups
from tocsin.app.checked import checked
from tocsin.app.config import Loaded
from tocsin.app.made_rules import KeptMadeRules
from tocsin.app.parts import Parts
from tocsin.app.rule_advice import RuleAdvice
from tocsin.app.rules import RulePlan, rule_files, rule_plan
from tocsin.app.scraping import built_in_jobs
from tocsin.app.serving import Running, services_of
from tocsin.ingest.background import Background
from tocsin.ingest.otlp_grpc import OtlpGrpc
from tocsin.ingest.otlp_service import Sinks
from tocsin.kit import log
from tocsin.kit.fault import Temporary
from tocsin.kit.tasks import Tasks, ended
from tocsin.scrape.config import ScrapePlan
from tocsin.scrape.fetch import Fetcher
from tocsin.scrape.nearby import Nearby, find
from tocsin.state.users import OneTimePassword
from tocsin.store.load import load_recent, load_series
from tocsin.web.listener import Listener
from tocsin.web.pages.browse import DROP_RULES
from tocsin.web.server import create_app, create_otlp_app
from tocsin.web.services import ReloadOutcome, SystemStatus, WebConfig

_log = log.get("tocsin")
_FLUSH_SECONDS = 30.0
_LISTEN_SECONDS = 60.0
_STOP_SECONDS = 9.0
_DRAIN_SECONDS = 3.0
_LEAST_SECONDS = 0.1
_DAY_SECONDS = 86_400.0

Reload = Callable[[], Awaitable[ReloadOutcome]]
MakeWebConfig = Callable[[Loaded, Callable[[], Sequence[str]]], WebConfig]


class Tocsin:
    """One running product. `start`, then `apply` for each new configuration, then `stop`."""

    def __init__(
        self, loaded: Loaded, plan: ScrapePlan, parts: Parts, web_config: MakeWebConfig
    ) -> None:
        self.loaded = loaded
        self.parts = parts
        self.tasks = Tasks(parts.clock)
        self.one_time_password: OneTimePassword | None = None
        self._make_web_config = web_config
        self._web_config = web_config(loaded, self._warnings)
        self._plan = plan
        self._rule_plan = RulePlan()
        self._rule_advice = RuleAdvice(parts.registry, parts.clock)
        self._made_rules = MadeRules(KeptMadeRules(parts.settings), parts.rules, parts.clock)
        self._nearby: Sequence[Nearby] = ()
        self._note = ""
        self._config_applied = True
        self._config_applied_at = parts.clock.now()
        self._why_not_ready = "starting"
        self._reload: Reload | None = None
        self._started_at = parts.clock.now()
        self._backups = Backups(parts.kept, lambda: self.loaded, parts.clock, parts.flush)
        alerting = parts.alerting
        self._watch = Watch(
            alerting.attention, alerting.dispatcher, lambda: parts.rules.groups, parts.clock
        )
        self._services = services_of(
            parts,
            Running(
                config_in_force=lambda: self._web_config,
                status=self.status,
                reload=self._reloaded,
                backups=self._backups,
                made_rules=self._made_rules,
            ),
        )
        listen = loaded.config.listen
        web = (self._services, parts.people, parts.authenticator)
        self.http = Listener("http", create_app(*web), listen.http)
        self.otlp_http: Listener | None = None
        if listen.otlp_http:
            self.otlp_http = Listener("otlp_http", create_otlp_app(*web), listen.otlp_http)
        self._grpc = OtlpGrpc(
            Sinks(parts.intake, parts.logs.intake, parts.traces.intake),
            loaded.config.ingest.body,
            authorize=parts.authenticator.grpc_sender,
            room=self._services.body_room,
        )
        parts.errors.alerts.link_with(lambda: self._external_url)
        self._background = Background(parts.intake, loaded.config.ingest, parts.clock)
        self.otlp_grpc_url = ""

    async def start(self) -> None:
        """Read what is kept, open every port, and begin to scrape; returns when all answer."""
        parts, config = self.parts, self.loaded.config
        self.one_time_password = (
            None if config.auth.is_off else await parts.people.users.ensure_admin()
        )
        await parts.writer.open()
        await parts.logs.open()
        await parts.traces.open()
        await parts.errors.open()
        await load_series(parts.kept.store, parts.registry, since_day=self._oldest_day())
        await load_recent(parts.kept.store, parts.registry, parts.recent, parts.clock)
        for rule in await parts.settings.get(DROP_RULES, list[str], []):
            parts.guard.add_rule(rule)
        self.tasks.start("writer", parts.writer.run)
        parts.logs.start(self.tasks, parts.intake)
        parts.traces.start(self.tasks, parts.intake)
        parts.errors.start(self.tasks, parts.intake)
        for listener in self._listeners():
            self.tasks.start(f"listen_{listener.name}", listener.run)
        if config.listen.otlp_grpc:
            await self._start_grpc(config.listen.otlp_grpc)
        async with asyncio.timeout(_LISTEN_SECONDS):
            await asyncio.gather(*(listener.ready.wait() for listener in self._listeners()))
        if config.scrape.nearby:
            self._nearby = await self._find_nearby()
        await self._scrape()
        await self._watch.apply(config.alerting, self._external_url, self.loaded.folder)
        await parts.alerting.start(self.loaded, self._external_url, self.tasks)
        await parts.incidents.load()
        await parts.incidents.apply(self.loaded, self._external_url)
        self._rule_plan = await asyncio.to_thread(rule_plan, self.loaded)
        await self._made_rules.load()
        await self._evaluate()
        self._watch.start(self.tasks)
        parts.incidents.start(self.tasks)
        feed, book = self._services.incident_feed, parts.incidents.book
        self.tasks.start("incident_feed", lambda: feed.run(book, parts.clock))
        await self._background.start(self.tasks, statsd_address=config.listen.statsd)
        await parts.logs.syslog.start(self.tasks, self.loaded.folder)
        self._start_chores()
        self._why_not_ready = ""

    def _start_chores(self) -> None:
        """What is done now and then, whatever comes in."""
        for name, chore in (
            ("immediate", self.parts.immediate.run),
            ("retention", self.parts.retention.run),
            ("rollup", self.parts.rollup.run),
            ("forget_series", self._forget_series),
            ("flush", self._flush),
        ):
            self.tasks.start(name, chore)

    async def apply(self, loaded: Loaded) -> None:
        """Put a configuration in force, as far as that goes without a restart.

        Raises ConfigError or RuleFileError before anything has changed when its `prometheus.yml`
        or a rule file is wrong.
        """
        parts, config = self.parts, loaded.config
        found = await asyncio.to_thread(checked, loaded, parts.clock)
        await parts.logs.apply(self.loaded.config, config, loaded.folder)
        parts.intake.configure(
            config.ingest, retention_seconds=config.retention.raw_days * 86_400.0
        )
        parts.traces.configure(config)
        await parts.errors.configure(config)
        await parts.retention.configure(config.retention)
        await asyncio.to_thread(parts.dashboards.configure, loaded)
        self.loaded, self._plan, self._rule_plan = loaded, found.scrape, found.rules
        self._web_config = self._make_web_config(loaded, self._warnings)
        await self._scrape()
        await self._watch.apply(config.alerting, self._external_url, self.loaded.folder)
        await parts.alerting.apply(loaded, self._external_url)
        await parts.incidents.apply(loaded, self._external_url)
        await self._evaluate()

    async def stop(self) -> None:
        """Take nothing more, keep what was accepted, and end every process within 10 s.

        A part that fails or hangs keeps none of the others from ending.
        """
        self._why_not_ready = "stopping"
        parts = self.parts
        until = parts.clock.monotonic() + _STOP_SECONDS

        async def step(name: str, work: Awaitable[object], seconds: float) -> None:
            left = max(_LEAST_SECONDS, until - parts.clock.monotonic())
            await ended(name, work, limit_seconds=min(seconds, left))

        await step("reload", self.tasks.stop("reload"), 1.0)
        await step("rules", parts.rules.stop(), 1.0)
        await step("scrape", parts.scrape.stop(), 1.0)
        await step("backups", self._backups.stop(), 1.0)
        await step("listeners", self._stop_listening(), 5.0)
        await step("background", self._background.stop(), 1.0)
        await step("syslog", parts.logs.syslog.stop(), 2.0)
        await step("alerting", parts.alerting.stop(), 3.0)
        await step("span_metrics", parts.traces.count(parts.intake), 1.0)
        await step("error_counts", parts.errors.count(parts.intake), 1.5)
        await step("log_patterns", parts.logs.patterns.flush(), 1.0)
        await step("log_usage", parts.logs.usage.flush(), 1.0)
        await step("writer", self._drain(), _DRAIN_SECONDS + 0.5)
        await step("people", parts.people.flush(), 1.0)
        await step("tasks", self.tasks.stop_all(limit_seconds=0.5), 1.0)
        await step("incidents", parts.incidents.close(), 0.5)
        await step("senders", parts.alerting.close(), 0.5)
        await step("watch", self._watch.close(), 0.5)
        left = max(1.0, until - parts.clock.monotonic())
        await ended("stores", parts.kept.close(limit_seconds=left), limit_seconds=left + 0.5)

    async def _stop_listening(self) -> None:
        for listener in self._listeners():
            listener.stop()
        await self._grpc.stop(grace_seconds=2.0)
        for listener in self._listeners():
            await listener.stopped.wait()

    async def _drain(self) -> None:
        parts = self.parts
        drained = await asyncio.gather(
            parts.writer.drain(_DRAIN_SECONDS),
            parts.logs.writer.drain(_DRAIN_SECONDS),
            parts.traces.drain(_DRAIN_SECONDS),
            parts.errors.drain(_DRAIN_SECONDS),
        )
        if not all(drained):
            _log.error("not_everything_was_kept", why="the store did not answer in time")

    def reload_with(self, reload: Reload) -> None:
        """What `POST /-/reload` and the page's button call."""
        self._reload = reload

    @property
    def sources(self) -> list[Path]:
        """The files whose change means a reload."""
        more = [*self.parts.oncall.files, *self.parts.dashboards.sources]
        return [*self.loaded.sources, *self._plan.sources, *rule_files(self.loaded), *more]

    def note_reload(self, note: str, *, applied: bool) -> None:
        """What people should know of the last reload; empty when all is well."""
        self._note = note
        self._config_applied = applied
        if applied:
            self._config_applied_at = self.parts.clock.now()

    def status(self) -> SystemStatus:
        """How Tocsin is just now."""
        child = self.parts.kept.child
        pid = (child.pid if child else None) or 0
        free = _free_bytes(self.loaded.config.data)
        why = self._why_not_ready or ("" if pid or child is None else "the engine is restarting")
        if free is None:
            why = why or f"the data folder {self.loaded.config.data} is gone"
        memory = {"main": _resident(psutil.Process().pid)}
        if pid:
            memory["engine"] = _resident(pid)
        return SystemStatus(
            ready=not why,
            reason=why,
            started_at=self._started_at,
            engine_restarts=child.restarts if child else 0,
            engine_pid=pid,
            memory_bytes=memory,
            disk_free_bytes=free or 0,
            config_applied=self._config_applied,
            config_applied_at=self._config_applied_at,
        )

    def _listeners(self) -> list[Listener]:
        return [one for one in (self.http, self.otlp_http) if one is not None]

    def _warnings(self) -> Sequence[str]:
        note = (self._note,) if self._note else ()
        return (
            *self.loaded.warnings,
            *self._plan.warnings,
            *self.parts.alerting.warnings,
            *self.parts.oncall.warnings,
            *self.parts.response.warnings,
            *self.parts.dashboards.warnings,
            *self._rule_plan.warnings,
            *self._rule_advice.warnings(),
            *note,
        )

    async def _start_grpc(self, address: str) -> None:
        port = await self._grpc.start(address)
        host = address.rpartition(":")[0] or "0.0.0.0"
        self.otlp_grpc_url = f"http://{host}:{port}"

    async def _find_nearby(self) -> list[Nearby]:
        fetcher = Fetcher(self.parts.clock, Path(), connections=32)
        try:
            return await find(fetcher)
        finally:
            await fetcher.close()

    async def _scrape(self) -> None:
        own = self.http.url.removeprefix("http://")
        key = self.parts.authenticator.own_key
        config = self.loaded.config
        self.parts.prober.configure(config.monitors, self.loaded.folder)
        await self.parts.heartbeats.configure(config.heartbeats)
        jobs = built_in_jobs(config, own, key, self._nearby)
        await self.parts.scrape.apply(self._plan, jobs)

    async def _evaluate(self) -> None:
        url = self.loaded.config.listen.external_url or self.http.url
        world = World(self._rule_plan.external_labels, url.rstrip("/"))
        # First, so that what was known before a restart is taken over for these too.
        await self._made_rules.apply(self._rule_plan.interval_ms)
        await self.parts.rules.apply(self._rule_plan.groups, world, self._web_config.query)
        files = {str(file) for file in rule_files(self.loaded)}
        written = [group for group in self._rule_plan.groups if group.file in files]
        await self._rule_advice.apply(written, self.parts.alerting.dispatcher.plan)
        self.parts.immediate.configure(self.loaded.config.alerting.immediate, world.external_url)

    @property
    def _external_url(self) -> str:
        return (self.loaded.config.listen.external_url or self.http.url).rstrip("/")

    def _oldest_day(self) -> int:
        """The day since 1970 before which nothing is kept any more."""
        days = self.loaded.config.retention.rollup_days
        return max(0, int(self.parts.clock.now() // _DAY_SECONDS) - days)

    async def _forget_series(self) -> None:
        """Series whose last sample is gone leave the memory, once a day."""
        while True:
            await self.parts.clock.sleep(_DAY_SECONDS)
            if not self.parts.retention.trust.holds():
                continue
            forgotten = self.parts.registry.forget(self._oldest_day())
            _log.info("series_forgotten", series=forgotten)

    async def _flush(self) -> None:
        while True:
            await self.parts.clock.sleep(_FLUSH_SECONDS)
            try:
                await self.parts.people.flush()
            except Temporary as error:
                _log.warning("last_use_not_kept", error=str(error))

    async def _reloaded(self) -> ReloadOutcome:
        if self._reload is None:
            return ReloadOutcome(error="Tocsin is still starting")
        return await self._reload()


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _free_bytes(folder: str) -> int | None:
    """Where the folder lies; None when it cannot be reached."""
    try:
        return int(psutil.disk_usage(folder).free)
    except OSError:
        return None
