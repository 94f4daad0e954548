"""What goes by age and by budget, and what the pages are told."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Size
from tocsin.model.samples import SAMPLE
from tocsin.store.client import Store
from tocsin.store.config import LogRetention, RetentionConfig
from tocsin.store.migrate import migrate
from tocsin.store.retention import Retention, line_days
from tocsin.store.usage import Partition, usage

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
TODAY = 1_700_000_000_000
RANDOM = np.random.default_rng(1)


async def _write_days(store: Store, days: int) -> None:
    for day in range(days):
        rows = np.zeros(5000, SAMPLE)
        rows["id"] = np.arange(len(rows))
        rows["ts"] = TODAY - day * DAY_MS
        rows["value"] = RANDOM.random(len(rows))
        await store.insert("samples", ("id", "ts", "value"), rows.tobytes())


async def _days(store: Store) -> list[bytes]:
    sql = "SELECT DISTINCT toDate(fromUnixTimestamp64Milli(ts, 'UTC')) AS d FROM samples ORDER BY d"
    return (await store.fetch_bytes(sql, fmt="TSV")).split()


async def test_the_oldest_day_goes_first_beyond_the_budget(store: Store) -> None:
    await _write_days(store, 4)
    (samples,) = [each for each in await usage(store) if each.table == "samples"]
    budget = RetentionConfig(max_disk_bytes=Size(samples.bytes_on_disk * 6 // 10))
    told: list[None] = []
    clock = FakeClock(TODAY / 1000)
    retention = Retention(store, budget, clock, deleted=lambda: told.append(None))
    dropped = await retention.enforce_budget()
    assert told
    assert [each.table for each in dropped] == ["samples", "samples"]
    assert [str(each.first_day) for each in dropped] == ["2023-11-11", "2023-11-12"]
    assert dropped == list(retention.dropped)
    assert await _days(store) == [b"2023-11-13", b"2023-11-14"]
    assert await retention.enforce_budget() == []


async def test_today_is_never_dropped(store: Store) -> None:
    await _write_days(store, 2)
    tiny = Retention(store, RetentionConfig(max_disk_bytes=Size(1)), FakeClock(TODAY / 1000))
    await tiny.enforce_budget()
    assert await _days(store) == [b"2023-11-14"]


async def test_without_a_budget_nothing_is_dropped(store: Store) -> None:
    await _write_days(store, 2)
    assert await Retention(store, RetentionConfig(), FakeClock()).enforce_budget() == []
    assert len(await _days(store)) == 2


async def test_changed_days_change_the_tables(empty_store: Store) -> None:
    await migrate(empty_store)
    assert await Retention(empty_store, RetentionConfig(), FakeClock()).apply() == []
    config = RetentionConfig(raw_days=7, events_days=400)
    changed = await Retention(empty_store, config, FakeClock()).apply()
    assert sorted(changed) == ["events", "samples"]
    assert await Retention(empty_store, config, FakeClock()).apply() == []
    rollups_last = RetentionConfig(raw_days=7, events_days=400, rollup_days=730)
    changed = await Retention(empty_store, rollups_last, FakeClock()).apply()
    assert sorted(changed) == ["samples_5m", "series"]


async def test_another_configuration_holds_at_once(empty_store: Store) -> None:
    await migrate(empty_store)
    retention = Retention(empty_store, RetentionConfig(), FakeClock())
    await retention.configure(RetentionConfig(raw_days=3))
    assert retention.config.raw_days == 3
    shown = await empty_store.fetch_bytes("SHOW CREATE TABLE samples", fmt="TSVRaw")
    assert b"toIntervalDay(3)" in shown


async def test_usage_tells_rows_bytes_and_days(store: Store) -> None:
    await _write_days(store, 3)
    (samples,) = [each for each in await usage(store) if each.table == "samples"]
    assert samples.rows == 15_000
    assert 0 < samples.bytes_on_disk < samples.bytes_uncompressed == 15_000 * 24
    assert (samples.oldest, samples.newest) == (dt.date(2023, 11, 12), dt.date(2023, 11, 14))


@pytest.mark.parametrize(
    ("partition", "first", "last"),
    [
        pytest.param("20240229", dt.date(2024, 2, 29), dt.date(2024, 2, 29), id="a day"),
        pytest.param("202402", dt.date(2024, 2, 1), dt.date(2024, 2, 29), id="a month"),
        pytest.param("all", None, None, id="no partitions"),
    ],
)
async def test_a_partition_knows_its_days(
    partition: str, first: dt.date | None, last: dt.date | None
) -> None:
    one = Partition("samples", partition, 1, 1, 1, 0)
    assert (one.first_day, one.last_day) == (first, last)


async def _write_lines(store: Store, now_ms: int) -> None:
    """One line of each level, service and age in days."""
    now = now_ms // 1000
    rows = [
        f"(toDateTime64({now - age * 86_400}, 9), '{service}', {level}, '{service} {level} {age}')"
        for age in (1, 5, 40)
        for service in ("shop", "audit-log")
        for level in (0, 5, 9, 17)
    ]
    await store.command(f"INSERT INTO logs (ts, service, level, body) VALUES {', '.join(rows)}")


async def test_lines_go_after_the_days_of_their_service_and_level(empty_store: Store) -> None:
    await migrate(empty_store)
    now_ms = int(dt.datetime.now(dt.UTC).timestamp() * 1000)  # the engine's own clock expires them
    rules = (LogRetention(service="audit*", days=90), LogRetention(level="info", days=3))
    retention = Retention(empty_store, RetentionConfig(logs=rules), FakeClock())
    assert sorted(await retention.apply()) == ["logs", "logs_1m"]
    assert await retention.apply() == []
    await _write_lines(empty_store, now_ms)
    await empty_store.command("OPTIMIZE TABLE logs FINAL")
    kept = await empty_store.fetch_bytes("SELECT body FROM logs", fmt="TSV")
    assert sorted(kept.decode().split("\n")[:-1]) == sorted(
        [f"audit-log {level} {age}" for age in (1, 5, 40) for level in (0, 5, 9, 17)]
        + [f"shop {level} 1" for level in (0, 5, 9, 17)]
        + ["shop 0 5", "shop 17 5"]
    )
    usual = Retention(empty_store, RetentionConfig(), FakeClock())
    assert sorted(await usual.apply()) == ["logs", "logs_1m"]
    assert await usual.apply() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"days": 3}, "name a service or a level", id="nothing named"),
        pytest.param({"days": 3, "level": "loud"}, "no level 'loud'", id="unknown level"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        LogRetention(**given)  # type: ignore[arg-type]  # the table's own


def test_a_name_of_a_service_is_no_sql() -> None:
    rule = LogRetention(service="o'b\\r%_*", days=3)
    assert line_days(RetentionConfig(logs=(rule,))) == (
        "multiIf(service LIKE 'o\\'b\\\\\\\\r\\\\%\\\\_%', 3, 30)"
    )
