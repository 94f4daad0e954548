"""Programs say when they ran, and are missed when they do not; what is answered is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tests.state.fresh import state_file
from tests.uptime.test_prober import loaded
from tocsin.alert.rules.group_run import GroupRun
from tocsin.app.uptime import monitor_groups
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import NotFound, TooMuch
from tocsin.kit.typed import decode
from tocsin.kit.yaml import loads
from tocsin.model.labels import from_mapping
from tocsin.scrape.http_options import HttpOptions
from tocsin.state.settings import Settings
from tocsin.uptime.heartbeats.book import HeartbeatBook
from tocsin.uptime.heartbeats.config import HeartbeatConfig
from tocsin.uptime.heartbeats.pulse import Pulse, Signal, State, state_of

HOUR_MS = 3_600_000
DAILY = "{name: backup, every: 1d, grace: 1h}"


def config(text: str = DAILY) -> HeartbeatConfig:
    return decode(loads(text), HeartbeatConfig)


@pytest.mark.parametrize(
    ("heard", "after_h", "state"),
    [
        pytest.param([], 0, State.NEW, id="never heard of"),
        pytest.param([Signal.SUCCESS], 23.9, State.UP, id="it ran"),
        pytest.param([Signal.SUCCESS], 24.5, State.LATE, id="its grace goes on"),
        pytest.param([Signal.SUCCESS], 25, State.MISSING, id="its grace is over"),
        pytest.param([Signal.FAIL], 1, State.FAILED, id="it failed"),
        pytest.param([Signal.FAIL], 25, State.MISSING, id="it failed, and did not run again"),
        pytest.param([Signal.FAIL, Signal.SUCCESS], 1, State.UP, id="it ran well again"),
        pytest.param([Signal.SUCCESS, Signal.START], 0.9, State.RUNNING, id="it runs"),
        pytest.param([Signal.SUCCESS, Signal.START], 1.1, State.MISSING, id="it does not end"),
        pytest.param([Signal.START, Signal.SUCCESS], 2, State.UP, id="it began and ended"),
    ],
)
def test_states_follow_from_what_was_heard(
    heard: list[Signal], after_h: float, state: State
) -> None:
    pulse = Pulse()
    for signal in heard:
        pulse = pulse.heard(signal, 1_700_000_000_000)
    now = 1_700_000_000_000 + round(after_h * HOUR_MS) + len(heard)
    assert state_of(config(), pulse, now) is state


@pytest.mark.parametrize(
    ("ran", "due"),
    [
        pytest.param("2026-10-24T03:00:05+02:00", "2026-10-25T03:00:00+01:00", id="clocks go back"),
        pytest.param("2026-03-28T03:00:05+01:00", "2026-03-29T03:00:00+02:00", id="clocks go on"),
        pytest.param("2026-06-01T02:59:58+02:00", "2026-06-01T03:00:00+02:00", id="a little early"),
    ],
)
def test_a_schedule_is_that_of_cron_in_its_zone(ran: str, due: str) -> None:
    nightly = config("{name: a, cron: '0 3 * * *', timezone: Europe/Berlin}")
    told = nightly.due_after(round(datetime.fromisoformat(ran).timestamp() * 1000))
    assert told == datetime.fromisoformat(due).timestamp() * 1000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{name: a}", "none of them is given", id="no schedule"),
        pytest.param("{name: a, every: 1h, cron: '* * * * *'}", "both are given", id="two"),
        pytest.param("{name: a, cron: '61 * * * *'}", "Bad minute", id="no such minute"),
        pytest.param("{name: a, cron: '0 0 30 2 *'}", "cron schedule", id="it never comes"),
        pytest.param("{name: a, every: 1h, timezone: Mars}", "Europe/Berlin", id="no such zone"),
        pytest.param("{name: a, every: 1h, key: short}", "8 to 100", id="a key to be guessed"),
        pytest.param("{name: a, every: 1h, key: 'with/slash'}", "letters, digits", id="no key"),
    ],
)
def test_a_mistake_is_told(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(text)


def test_two_of_one_key_are_refused_with_their_place(tmp_path: Path) -> None:
    text = "heartbeats:\n" + "".join(
        f"  - {{name: {name}, every: 1h, key: secret-of-both}}\n" for name in "ab"
    )
    with pytest.raises(ConfigError, match=r"tocsin.yaml:3:.*another one has this key"):
        monitor_groups(loaded(tmp_path, text))


@pytest.fixture
async def settings(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Settings]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    yield Settings(database, clock)
    await database.close()


async def test_what_was_heard_is_known_after_a_restart(
    settings: Settings, clock: FakeClock
) -> None:
    book = HeartbeatBook(settings, clock)
    await book.configure([config()])
    (before,) = await book.all()
    await book.hear(before.key, Signal.START)
    await clock.advance(90)
    await book.hear(before.key, Signal.FAIL, exit_code=3, words="x" * 20_000 + "no space left")
    again = HeartbeatBook(settings, clock)
    await again.configure([config()])
    (after,) = await again.all()
    assert after.key == before.key
    assert (after.pulse.took_ms, after.pulse.exit_code, after.pulse.has_failed) == (90_000, 3, True)
    assert len(after.pulse.words) == 10_000
    assert after.pulse.words.endswith("no space left")


async def test_a_key_of_nobody_and_too_many_signals_are_refused(
    settings: Settings, clock: FakeClock
) -> None:
    book = HeartbeatBook(settings, clock)
    await book.configure([config("{name: a, every: 1h, key: secret-of-a}")])
    with pytest.raises(NotFound):
        await book.hear("secret-of-b", Signal.SUCCESS)
    for _ in range(60):
        await book.hear("secret-of-a", Signal.SUCCESS)
    with pytest.raises(TooMuch):
        await book.hear("secret-of-a", Signal.SUCCESS)
    await clock.advance(61)
    await book.hear("secret-of-a", Signal.SUCCESS)


async def test_how_they_are_is_told_as_series(settings: Settings, clock: FakeClock) -> None:
    book = HeartbeatBook(settings, clock)
    await book.configure([config("{name: 'a \"b\"', every: 1h, labels: {service: shop}}")])
    (one,) = await book.all()
    await book.hear(one.key, Signal.SUCCESS)
    await clock.advance(7201)
    answer = await book.get("", HttpOptions(), {}, timeout=1.0, limit_bytes=1)
    lines = answer.body.decode().splitlines()
    assert 'heartbeat_missing{service="shop",heartbeat="a \\"b\\""} 1.0' in lines
    assert 'heartbeat_failed{service="shop",heartbeat="a \\"b\\""} 0.0' in lines


@pytest.mark.parametrize(
    ("metric", "alert"),
    [("heartbeat_missing", "HeartbeatMissing"), ("heartbeat_failed", "HeartbeatFailed")],
)
async def test_who_is_missing_or_failed_alerts(tmp_path: Path, metric: str, alert: str) -> None:
    world = RuleWorld(tmp_path)
    (made,) = monitor_groups(loaded(tmp_path, f"heartbeats: [{DAILY}]"))
    group = GroupRun(made, world.around, restore=False)
    about = {"job": "heartbeats", "heartbeat": "backup"}
    for name, value in ((metric, 1.0), ("heartbeat_last_success_timestamp_seconds", 1.7e9)):
        series = from_mapping({"__name__": name, **about})
        world.memory.put(series, {world.now_ms: value})
    await group.evaluate(world.now_ms)
    (told,) = world.told.alerts
    assert dict(told.labels)["alertname"] == alert
    assert dict(told.labels)["severity"] == "high"
    said = dict(told.annotations)
    assert said["summary"].startswith("backup ")
    if alert == "HeartbeatMissing":
        assert "it ran well last at 2023-11-14 22:13:20" in said["description"]
