"""Log lines, wired: what takes them in, keeps them, and shows them as they come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tocsin.app.keeping import signal_log
from tocsin.app.log_patterns import PatternKeeping
from tocsin.app.log_rules import LogRules, log_rules
from tocsin.app.log_usage import UsageKeeping
from tocsin.app.settings_tree import Config
from tocsin.ingest.intake import Intake
from tocsin.ingest.logs.intake import LogIntake
from tocsin.ingest.logs.patterns import PatternMiner
from tocsin.ingest.logs.syslog import Syslog
from tocsin.ingest.logs.tail import TailBus
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.kit.tasks import Tasks
from tocsin.query.logs.search import LogSearch
from tocsin.state.settings import Settings
from tocsin.store.client import Store
from tocsin.store.log_patterns import LogPatternTable
from tocsin.store.log_writer import LogWriter

_FLUSH_ROWS, _FLUSH_BYTES = 80_000, 32 << 20
"""Large inserts: indexing the words of 50,000 lines takes half of what ten times 5,000 take."""


@dataclass(frozen=True, slots=True)
class LogKeeping:
    """The parts that lines go through."""

    writer: LogWriter
    intake: LogIntake
    tail: TailBus
    syslog: Syslog
    search: LogSearch
    patterns: PatternKeeping
    rules: LogRules
    usage: UsageKeeping

    async def open(self) -> None:
        """Read what is kept. Raises Temporary when the store is away."""
        await self.writer.open()
        self.intake.know(await self.writer.names())
        await self.patterns.open()
        await self.rules.open()
        await self.usage.load()

    def start(self, tasks: Tasks, samples: Intake) -> None:
        """Run everything but the ports."""
        tasks.start("log_writer", self.writer.run)
        tasks.start("log_patterns", self.patterns.run)
        tasks.start("log_usage", self.usage.run)
        tasks.start("log_rules", lambda: self.rules.pipelines.run(samples, samples.guard))

    async def apply(self, old: Config, new: Config, folder: Path) -> None:
        """Put other limits, rules and ports of syslog in force, all or nothing. Raises Rejected for
        rules that do not go together, Permanent for a port that cannot be listened on."""
        self._configure(new)
        try:
            await self.syslog.apply(new.logs.syslog, folder)
        except Permanent:
            self._configure(old)
            raise

    def _configure(self, config: Config) -> None:
        self.rules.configure(config)
        self.intake.configure(config.logs, retention_seconds=_retention_seconds(config))


def _retention_seconds(config: Config) -> float:
    return config.retention.longest_logs_days * 86_400.0


def log_keeping(config: Config, store: Store, settings: Settings, clock: Clock) -> LogKeeping:
    """Nothing is opened and nothing runs yet: `open` first, then `start`."""
    journal = signal_log(config, store, clock, "lines", rows=_FLUSH_ROWS, size_bytes=_FLUSH_BYTES)
    writer, tail = LogWriter(store, clock, journal), TailBus()
    miner, rules = PatternMiner(), log_rules(config, store, settings, clock)
    intake = LogIntake(
        writer,
        clock,
        config.logs,
        retention_seconds=_retention_seconds(config),
        steps=(*rules.steps, miner),
        tail=tail,
    )
    patterns = PatternKeeping(miner, LogPatternTable(store, clock), clock)
    syslog = Syslog(intake, config.logs.syslog, clock)
    usage = UsageKeeping(intake.quota, settings, clock)
    return LogKeeping(
        writer, intake, tail, syslog, LogSearch(store, writer, clock), patterns, rules, usage
    )
