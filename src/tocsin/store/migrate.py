"""Which tables are there? Numbered SQL files, applied once and in order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import msgspec

from tocsin.kit import log
from tocsin.kit.fault import Permanent
from tocsin.store.client import Store, quoted

_log = log.get("migrate")
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations {on_cluster}
(
    number UInt32,
    name String,
    checksum String,
    applied DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = {replicated}ReplacingMergeTree(applied)
ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. Each of its statements may run twice and be the same as once."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Of the file as it is shipped."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def statements(self, cluster: str | None) -> list[str]:
        """Its statements for a single server, or for a cluster."""
        text = _filled(_COMMENT.sub("", self.text), cluster)
        return [part.strip() for part in text.split(";\n") if part.strip(" \n;")]


class _Applied(msgspec.Struct, frozen=True):
    number: int
    name: str
    checksum: str


def shipped() -> list[Migration]:
    """The files of `schema/`, in order."""
    folder = resources.files("tocsin.store") / "schema"
    found = []
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None:
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    return sorted(found, key=lambda each: each.number)


async def migrate(
    store: Store, *, cluster: str | None = None, migrations: Sequence[Migration] | None = None
) -> list[str]:
    """Apply what is missing; returns the names of what was applied.

    Raises Permanent when an applied file has changed since, or when the database was written by a
    newer Tocsin. An interrupted run is simply repeated.
    """
    wanted = shipped() if migrations is None else list(migrations)
    await store.command(_filled(_TABLE, cluster))
    applied = {
        row.number: row
        for row in await store.fetch_rows(
            "SELECT number, name, checksum FROM schema_migrations FINAL ORDER BY number",
            None,
            _Applied,
            lane="short",
        )
    }
    _check(store.database, wanted, applied)
    done = []
    for migration in wanted:
        if migration.number in applied:
            continue
        for statement in migration.statements(cluster):
            await store.command(statement)
        row = _Applied(migration.number, migration.name, migration.checksum)
        columns = ("number", "name", "checksum")
        await store.insert("schema_migrations", columns, msgspec.json.encode(row), "JSONEachRow")
        _log.info("schema_migrated", number=migration.number, name=migration.name)
        done.append(migration.name)
    return done


def _check(database: str, wanted: Sequence[Migration], applied: dict[int, _Applied]) -> None:
    known = {migration.number: migration for migration in wanted}
    for number, row in applied.items():
        migration = known.get(number)
        if migration is None:
            raise Permanent(
                f"database {database} has schema {number:04d}_{row.name}, which this Tocsin does "
                "not know; it was written by a newer version: install that one again"
            )
        if migration.checksum != row.checksum:
            raise Permanent(
                f"schema/{number:04d}_{row.name}.sql has changed since it was applied to "
                f"{database}; restore the file, and put the change into a new one"
            )


def _filled(text: str, cluster: str | None) -> str:
    on = f"ON CLUSTER {quoted(cluster)}" if cluster else ""
    return text.replace("{on_cluster}", on).replace("{replicated}", "Replicated" if cluster else "")
