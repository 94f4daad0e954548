"""Where telemetry is kept, how much memory that may take, and for how long."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tocsin.kit.fault import Permanent

MIB = 1 << 20


class StoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine. Without `url`, Tocsin starts its own in a child process.

    `url` is a ClickHouse HTTP address (`https://clickhouse.example:8443`). `cluster` is the name of
    a ClickHouse cluster: tables are then created on it and replicated. `memory_limit` (bytes)
    bounds the embedded engine, `query_memory_limit` one query; `query_seconds` is how long a query
    may take unless its caller says otherwise. `fsync` also survives a power cut, for slower writes.
    """

    url: str | None = None
    user: str = "default"
    password: str | None = None
    password_file: str | None = None
    database: str = "tocsin"
    cluster: str | None = None
    memory_limit: int = 1024 * MIB
    query_memory_limit: int = 512 * MIB
    query_seconds: float = 30.0
    query_threads: int = 2
    min_free_bytes: int = 512 * MIB
    fsync: bool = False

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


class RetentionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each kind of telemetry is kept, in days, and how many bytes all of it may take.

    When `max_disk_bytes` is exceeded, the oldest day of samples (or month of anything else) goes
    first, whatever its age.
    """

    raw_days: int = 30
    rollup_days: int = 365
    events_days: int = 90
    exemplars_days: int = 14
    max_disk_bytes: int | None = None
