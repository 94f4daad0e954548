"""Log lines, wired: what takes them in, keeps them, and shows them as they come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tocsin.app.keeping import log_folder
from tocsin.app.log_patterns import PatternKeeping
from tocsin.app.settings_tree import Config
from tocsin.ingest.logs.intake import LogIntake
from tocsin.ingest.logs.patterns import PatternMiner
from tocsin.ingest.logs.syslog import Syslog
from tocsin.ingest.logs.tail import TailBus
from tocsin.kit.clock import Clock
from tocsin.query.logs.search import LogSearch
from tocsin.store.client import Store
from tocsin.store.disk import DiskWatch
from tocsin.store.log_patterns import LogPatternTable
from tocsin.store.log_writer import LogWriter
from tocsin.store.wal_flush import FlushConfig
from tocsin.store.wal_journal import Journal

_FLUSH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class LogKeeping:
    """The parts that lines go through."""

    writer: LogWriter
    intake: LogIntake
    tail: TailBus
    syslog: Syslog
    search: LogSearch
    patterns: PatternKeeping


def log_keeping(config: Config, store: Store, clock: Clock) -> LogKeeping:
    """Nothing is opened and nothing runs yet: `writer.open` first, then `writer.run`."""
    disk = DiskWatch(Path(config.data), int(config.store.min_free_bytes), clock)
    journal = Journal(
        store,
        log_folder(config) / "lines",
        clock,
        FlushConfig(seconds=config.store.flush_seconds, rows=_FLUSH_ROWS),
        fsync=config.store.fsync,
        check_room=disk.check,
    )
    writer, tail = LogWriter(store, clock, journal), TailBus()
    miner = PatternMiner()
    intake = LogIntake(
        writer,
        clock,
        config.logs,
        retention_seconds=config.retention.logs_days * 86_400.0,
        steps=(miner,),
        tail=tail,
    )
    patterns = PatternKeeping(miner, LogPatternTable(store, clock), clock)
    syslog = Syslog(intake, config.logs.syslog, clock)
    return LogKeeping(writer, intake, tail, syslog, LogSearch(store, writer, clock), patterns)
