"""Messages as they are recorded: in a real database, sent by real senders to a real receiver."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import msgspec

from tests.app.test_alerting import Process, loaded
from tests.notify.servers import Taken, http_receiver
from tests.state.fresh import state_file
from tests.waiting import until
from tocsin.alert.delivering.history import (
    FAILED,
    SENDING,
    SENT,
    UNKNOWN,
    Record,
    Wanted,
    record_of,
)
from tocsin.alert.routing.fallback import Channel
from tocsin.app.notifications import KeptHistory
from tocsin.kit.clock import FakeClock
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping
from tocsin.model.notices import Notice, NoticeAlert, fingerprint

PAGER = """
alertmanager:
  route: {{receiver: team, group_wait: 0s, group_interval: 1s, group_by: [alertname]}}
  receivers:
    - name: team
      pagerduty_configs: [{{routing_key: very-secret-key, url: '{url}/v2/hidden-path'}}]
"""
STORM = """
alertmanager:
  route: {{receiver: team, group_wait: 1s, group_interval: 1s, group_by: [alertname]}}
  receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]
"""


def notice(name: str = "Down") -> Notice:
    labels = from_mapping({"alertname": name})
    alert = NoticeAlert(labels=labels, starts_ms=1, fingerprint=fingerprint(labels))
    return Notice(
        receiver="team", group_key=f"{{}}:{{{name}}}", group_labels=labels, alerts=(alert,), at_ms=1
    )


def record(clock: FakeClock, name: str = "Down") -> tuple[Record, tuple[str, ...]]:
    return record_of(notice(name), Channel("team", "slack[0]"), clock.now_ms())


async def test_a_message_is_kept_found_and_after_a_crash_unknown(
    clock: FakeClock, tmp_path: Path
) -> None:
    database = state_file(tmp_path / "state.db")
    await database.open()
    history = KeptHistory(database, clock)
    await history.load()
    writing = asyncio.create_task(history.run())
    first = await history.begin(*record(clock, "One"))
    second = await history.begin(*record(clock, "Two"))
    assert (first.id, second.id) == (1, 2)
    assert (await history.get(1)).state == SENDING
    history.update(msgspec.structs.replace(first, state=SENT))
    await history.flush()
    writing.cancel()
    after = KeptHistory(database, clock)
    assert [channel for channel, _ in await after.load()] == [Channel("team", "slack[0]")]
    assert [(one.id, one.state) for one in await after.find(Wanted())] == [(2, UNKNOWN), (1, SENT)]
    assert [one.id for one in await after.find(Wanted(name="tw"))] == [2]
    by_print = Wanted(fingerprint=notice("One").alerts[0].fingerprint)
    assert [one.id for one in await after.find(by_print)] == [1]
    assert await after.find(Wanted(states=(FAILED,))) == []
    await database.close()


async def test_a_database_that_is_away_stops_no_message(clock: FakeClock, tmp_path: Path) -> None:
    database = state_file(tmp_path / "state.db")
    await database.open()
    history = KeptHistory(database, clock)
    async with database.transaction():  # nobody else may write for as long as this is open
        writing = asyncio.create_task(history.run())
        async with asyncio.timeout(60):
            found = await history.begin(*record(clock))
    assert found.id == 1
    await history.flush()
    assert (await history.get(1)).names == "Down"
    writing.cancel()
    await database.close()


async def test_what_was_sent_and_answered_is_kept_without_secrets(tmp_path: Path) -> None:
    with http_receiver() as taken:
        taken.answers = [
            (503, {}, b"very-secret-key is busy"),
            (202, {}, b'{"status":"success"}'),
        ]
        process = Process(tmp_path, loaded(tmp_path, PAGER.format(url=taken.url)))
        await process.start()
        try:
            await process.alerting.dispatcher.put([process.alert()])
            await until(lambda: len(taken.requests) == 2)
            history = process.alerting.notifications.history
            found = await until(lambda: history.find(Wanted(states=(SENT,))))
        finally:
            await process.kill()
    [one] = found
    assert [bool(attempt.error) for attempt in one.attempts] == [True, False]
    assert one.answer == '202 {"status":"success"}'
    assert '"routing_key":"<secret>"' in one.body
    kept = msgspec.json.encode(one)
    assert b"very-secret" not in kept
    assert b"hidden-path" not in kept


async def test_a_storm_becomes_few_messages_and_loses_no_alert(tmp_path: Path) -> None:
    count, groups = 3000, 6
    with http_receiver() as taken:
        process = Process(tmp_path, loaded(tmp_path, STORM.format(url=taken.url)))
        await process.start()
        try:
            now = process.clock.now_ms()
            alerts = [
                Alert(
                    labels=from_mapping({"alertname": f"S{n % groups}", "instance": f"i{n}"}),
                    starts_ms=now,
                    source="api",
                )
                for n in range(count)
            ]
            await process.alerting.dispatcher.put(alerts)
            await until(lambda: len(taken.requests) >= groups)
        finally:
            await process.kill()
    told = _told(taken)
    assert len(taken.requests) == groups
    assert len(told) == count
    expected = sorted(alert.fingerprint for alert in alerts)
    assert _hash(sorted(told)) == _hash(expected)


def _told(taken: Taken) -> list[str]:
    return [one["fingerprint"] for _, body in taken.requests for one in json.loads(body)["alerts"]]


def _hash(prints: list[str]) -> str:
    return hashlib.sha256("".join(prints).encode()).hexdigest()
