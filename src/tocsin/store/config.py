"""Where telemetry is kept, how much memory that may take, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from tocsin.kit.fault import Permanent, Rejected
from tocsin.kit.quantity import Size
from tocsin.model.logs import level_of

MIB = 1 << 20


class StoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine that holds telemetry. May be written short: `store: URL`."""

    url: str | None = None
    """Address of a ClickHouse, e.g. `https://clickhouse.example.com:8443`. Without one, Tocsin
    starts an engine of its own in a child process."""
    user: str = "default"
    """The ClickHouse's user."""
    password: str | None = None
    """Its password; better kept in a file."""
    password_file: str | None = None
    """File that holds the password."""
    database: str = "tocsin"
    """The database that the tables are in; it is made when it is not there."""
    cluster: str | None = None
    """Name of a ClickHouse cluster: tables are then made on all of it and replicated."""
    memory_limit: Size = Size(1024 * MIB)
    """Memory of Tocsin's own engine."""
    query_memory_limit: Size = Size(512 * MIB)
    """Memory of one query."""
    query_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """How long a query may take unless its caller says otherwise."""
    query_threads: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 2
    """Threads of one query."""
    sample_cache: Size = Size(96 * MIB)
    """Memory for samples that queries have read, so that the next one need not; 0 keeps none. Only
    with an engine of Tocsin's own: what others write to a ClickHouse is not seen here."""
    min_free_bytes: Size = Size(512 * MIB)
    """Writes are refused while less than this is free on the disk; queries go on."""
    flush_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 2.0
    """How long samples may wait in the log before they are inserted, many at once. Queries see them
    before, and a killed process loses none."""
    fsync: bool = False
    """Also survive a power cut, for slower writes. A killed process loses nothing either way."""

    @classmethod
    def from_config(cls, text: str) -> StoreConfig:
        """The short form, a URL."""
        return cls(url=text)

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("http://", "https://")):
            raise Rejected(f"url must start with http:// or https://, got {self.url!r}")

    def read_password(self) -> str:
        """The password, from `password_file` if that is given; empty when there is none."""
        if self.password_file is None:
            return self.password or ""
        try:
            return Path(self.password_file).read_text().strip()
        except OSError as error:
            raise Permanent(
                f"store.password_file {self.password_file} cannot be read: {error.strerror}; "
                "make the file readable for Tocsin's user or set store.password"
            ) from error


Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class LogRetention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines that are kept for another time than the others."""

    days: Days
    service: str = ""
    """Only of this service; `*` stands for any characters. Empty: of every service."""
    level: str = ""
    """Only of this level and what is less severe, such as `info`. Empty: of every level."""

    def __post_init__(self) -> None:
        if not self.service and not self.level:
            raise Rejected("retention.logs: name a service or a level; logs_days is for the rest")
        if self.level and not level_of(self.level):
            raise Rejected(
                f"retention.logs: there is no level {self.level[:40]!r}; known are "
                "trace, debug, info, warn, error, fatal"
            )

    @property
    def highest_level(self) -> int:
        """The most severe number (OpenTelemetry's) that it is about: the last of its level."""
        return (level_of(self.level) - 1) // 4 * 4 + 4 if self.level else 255


class RetentionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each kind of telemetry is kept, and how much disk all of it may take."""

    raw_days: Days = 30
    """Days that every sample of a metric is kept."""
    rollup_days: Days = 365
    """Days that metrics are kept in steps of 5 minutes."""
    events_days: Days = 90
    """Days that events are kept."""
    exemplars_days: Days = 14
    """Days that exemplars are kept."""
    logs_days: Days = 30
    """Days that log lines are kept."""
    traces_days: Days = 14
    """Days that spans are kept; their counts by minute are kept for 90 days at least."""
    errors_days: Days = 90
    """Days that errors are kept, and issues that were not seen again."""
    logs: tuple[LogRetention, ...] = ()
    """Other days for some of them, the first that fits counts: a list of `{level: debug, days: 3}`,
    `{service: audit, days: 365}`. Lines then go by themselves, not only a day at a time."""
    max_disk_bytes: Size | None = None
    """Beyond this the oldest day of samples (or month of anything else) goes first, whatever its
    age. Without a value only the days decide."""

    @property
    def longest_logs_days(self) -> int:
        """Days after which no line is kept."""
        return max((self.logs_days, *(one.days for one in self.logs)))
