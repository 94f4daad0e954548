"""What is let go, and when? By age (the tables' TTL), and the oldest first beyond a byte budget."""

from __future__ import annotations

import collections
import datetime as dt
import re
from collections.abc import Callable

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.store.client import Store, quoted
from tocsin.store.clock_trust import ClockTrust
from tocsin.store.config import LogRetention, RetentionConfig
from tocsin.store.literal import literal
from tocsin.store.usage import Partition, partitions

_EVERY_SECONDS = 60.0
_LOOK_SECONDS = 1.0
"""A clock that leaps is to be noticed before the engine's next merges, which come seconds later."""

_REMEMBERED = 200
_COUNTS_DAYS = 90
"""Days that the counts of spans by minute are kept at least: they are small."""
_TTL = re.compile(r" TTL (.+?) \+ toIntervalDay\((\d+)\)")
_log = log.get("retention")
_bytes = gauge.gauge("store_bytes", "Bytes on disk.", ("table",))
_held = gauge.gauge("store_rows", "Rows held.", ("table",))
_dropped = gauge.counter("store_dropped_bytes", "Bytes dropped over the byte budget.", ("table",))


class Dropped(msgspec.Struct, frozen=True):
    """A partition that went because all telemetry together took more than `max_disk_bytes`."""

    at_ms: int
    table: str
    first_day: dt.date
    last_day: dt.date
    rows: int
    bytes_on_disk: int


class _Table(msgspec.Struct, frozen=True):
    name: str
    create_table_query: str
    comment: str


_LINES = {"logs": "toDateTime(ts)", "logs_1m": "minute"}
"""The tables about log lines, and when a row of each was."""


class Retention:
    """Keeps the store within its days and bytes.

    `config` holds now; `dropped` tells what the budget cost, newest last; while `trust` doubts
    the clock nothing goes.
    """

    def __init__(
        self,
        store: Store,
        config: RetentionConfig,
        clock: Clock,
        *,
        cluster: str | None = None,
        deleted: Callable[[], None] = lambda: None,
    ) -> None:
        """`deleted` is told when rows went over the budget: copies of them no longer hold."""
        self._store = store
        self.config = config
        self._applied = False
        self.held = False
        self.trust = ClockTrust(clock)
        self._clock = clock
        self._deleted = deleted
        self._on_cluster = f" ON CLUSTER {quoted(cluster)}" if cluster else ""
        self.dropped: collections.deque[Dropped] = collections.deque(maxlen=_REMEMBERED)

    async def run(self) -> None:
        """Apply the days once, then hold the budget every minute, for ever."""
        due = float("-inf")
        while True:
            is_due = self._clock.monotonic() >= due
            try:
                if due < 0:
                    await self._compare_with_stored()
                if await self.hold(again=is_due) and is_due:
                    if not self._applied:
                        await self.apply()
                    await self.enforce_budget()
            except Temporary as fault:
                _log.warning("retention_waits", error=str(fault))
            if is_due:
                due = self._clock.monotonic() + _EVERY_SECONDS
            await self._clock.sleep(_LOOK_SECONDS)

    async def hold(self, *, again: bool = False) -> bool:
        """Let nothing expire while the clock is doubted; whether it is believed.

        The embedded engine goes by the same clock as we do; `again` tells it again, as one that
        was started anew has forgotten.
        """
        trusted = self.trust.holds()
        if self._store.endpoint.embedded and (trusted == self.held or (again and not trusted)):
            await self._store.command(f"SYSTEM {'START' if trusted else 'STOP'} TTL MERGES")
            self.held = not trusted
        return trusted

    async def _compare_with_stored(self) -> None:
        days = [part.last_day for part in await partitions(self._store) if part.rows]
        newest = max((day for day in days if day is not None), default=None)
        if newest is not None:
            midnight = dt.datetime.combine(newest, dt.time(), dt.UTC)
            self.trust.began_after(midnight.timestamp())

    async def apply(self) -> list[str]:
        """Change the TTL of tables whose days differ from the configuration; returns their names.

        The engine then drops whole days in the background, lines that have days of their own one
        by one; raising the days brings nothing back.
        """
        sql = (
            "SELECT name, create_table_query, comment FROM system.tables"
            " WHERE database = currentDatabase()"
        )
        changed = []
        for table in await self._store.fetch_rows(sql, None, _Table, lane="short"):
            if table.name in _LINES:
                is_changed = await self._apply_to_lines(table)
            else:
                is_changed = await self._apply_days(table)
            if is_changed:
                changed.append(table.name)
        self._applied = True
        return changed

    async def _apply_days(self, table: _Table) -> bool:
        found = _TTL.search(table.create_table_query)
        days = self._days(table.name)
        if found is None or days is None or int(found[2]) == days:
            return False
        await self._alter(table.name, f"MODIFY TTL {found[1]} + toIntervalDay({days})")
        _log.info("retention_changed", table=table.name, days_before=int(found[2]), days=days)
        return True

    async def _apply_to_lines(self, table: _Table) -> bool:
        """The comment says what is in force: the engine writes expressions in its own words."""
        wanted = f"{_LINES[table.name]} + toIntervalDay({line_days(self.config)})"
        if table.comment == wanted:
            return False
        found = _TTL.search(table.create_table_query)
        if table.comment or self.config.logs or found is None or not self._is_days(found[2]):
            # A day goes as one only when all of its lines go at once.
            together = int(not self.config.logs)
            await self._alter(table.name, f"MODIFY SETTING ttl_only_drop_parts = {together}")
            await self._alter(table.name, f"MODIFY TTL {wanted}")
            await self._alter(table.name, f"MODIFY COMMENT {literal(wanted)}")
            _log.info("retention_changed", table=table.name, rules=len(self.config.logs))
            return True
        return False

    def _is_days(self, text: str) -> bool:
        return int(text) == self.config.logs_days

    async def _alter(self, table: str, change: str) -> None:
        await self._store.command(f"ALTER TABLE {quoted(table)}{self._on_cluster} {change}")

    async def configure(self, config: RetentionConfig) -> None:
        """Hold to another configuration from now on; while the store is away, `run` tries again."""
        self.config = config
        self._applied = False
        try:
            await self.apply()
        except Temporary as fault:
            _log.warning("retention_waits", error=str(fault))

    async def enforce_budget(self) -> list[Dropped]:
        """Drop the oldest partitions while the tables take more than `max_disk_bytes`.

        What today's data is written to is never dropped. Returns what went.
        """
        held = await partitions(self._store)
        _measure(held)
        limit = self.config.max_disk_bytes
        if limit is None:
            return []
        total = sum(part.bytes_on_disk for part in held)
        today = dt.datetime.fromtimestamp(self._clock.now(), dt.UTC).date()
        gone = []
        for part in _oldest_first(held):
            if total <= limit or part.last_day is None or part.last_day >= today:
                break
            gone.append(await self._drop(part))
            total -= part.bytes_on_disk
        if total > limit:
            _log.warning("disk_budget_exceeded", bytes=total, max_disk_bytes=limit)
        return gone

    async def _drop(self, part: Partition) -> Dropped:
        first, last = part.first_day, part.last_day
        assert first is not None and last is not None  # noqa: PT018 - both or neither
        await self._store.command(
            f"ALTER TABLE {quoted(part.table)}{self._on_cluster} "
            f"DROP PARTITION ID '{part.partition}'"
        )
        self._deleted()
        dropped = Dropped(
            self._clock.now_ms(), part.table, first, last, part.rows, part.bytes_on_disk
        )
        self.dropped.append(dropped)
        _dropped.labels(part.table).inc(part.bytes_on_disk)
        _log.warning(
            "dropped_over_budget",
            table=part.table,
            first_day=str(first),
            last_day=str(last),
            rows=part.rows,
            bytes=part.bytes_on_disk,
            max_disk_bytes=self.config.max_disk_bytes,
        )
        return dropped

    def _days(self, table: str) -> int | None:
        config = self.config
        return {
            "samples": config.raw_days,
            "samples_5m": config.rollup_days,
            "series": max(config.raw_days, config.rollup_days) + 1,
            "exemplars": config.exemplars_days,
            "events": config.events_days,
            "errors": config.errors_days,
            "spans": config.traces_days,
            "traces": config.traces_days,
            "spans_1m": max(config.traces_days, _COUNTS_DAYS),
        }.get(table)


def line_days(config: RetentionConfig) -> str:
    """The days of a line as SQL: one number, or by its service and level."""
    if not config.logs:
        return str(config.logs_days)
    rules = [f"{_is_about(one)}, {one.days}" for one in config.logs]
    return f"multiIf({', '.join(rules)}, {config.logs_days})"


def _is_about(rule: LogRetention) -> str:
    tests = []
    if rule.service:
        pattern = re.sub(r"([\\%_])", r"\\\1", rule.service).replace("*", "%")
        is_plain = "*" not in rule.service
        test = f"= {literal(rule.service)}" if is_plain else f"LIKE {literal(pattern)}"
        tests.append(f"service {test}")
    if rule.level:
        tests.append(f"level BETWEEN 1 AND {rule.highest_level}")
    return " AND ".join(tests)


def _oldest_first(held: list[Partition]) -> list[Partition]:
    dated = [part for part in held if part.last_day is not None and part.rows]
    # A month goes with its last day: its newest rows would otherwise go before older ones.
    return sorted(dated, key=lambda part: (part.last_day, part.table))


def _measure(held: list[Partition]) -> None:
    for table in {part.table for part in held}:
        own = [part for part in held if part.table == table]
        _bytes.labels(table).set(sum(part.bytes_on_disk for part in own))
        _held.labels(table).set(sum(part.rows for part in own))
