from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.notify.servers import Taken, http_receiver
from tests.state.fresh import state_file
from tocsin.alert.attention.acknowledge import Acknowledgement
from tocsin.alert.attention.maintenance_config import kept_matchers
from tocsin.alert.attention.silence import Silence, Silences
from tocsin.alert.attention.window import Window
from tocsin.app.alerting import KeptSilences
from tocsin.app.attention import Attention, HttpCaller
from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.kit.fault import Permanent, Temporary
from tocsin.scrape.fetch import Fetcher
from tocsin.state.database import Database

HOUR = 3_600_000


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = state_file(tmp_path / "state.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def caller() -> AsyncIterator[HttpCaller]:
    fetcher = Fetcher(SystemClock(), Path(), connections=2)
    yield HttpCaller(fetcher)
    await fetcher.close()


async def test_what_people_said_survives_a_restart(database: Database, clock: FakeClock) -> None:
    before, now = Attention(database, clock), clock.now_ms()
    ack = Acknowledgement(
        fingerprint="a" * 16,
        labels=(("alertname", "Down"),),
        by="ann",
        at_ms=now,
        note="on it",
        source="page",
    )
    await before.acknowledgements.put(ack)
    window = await before.maintenance.put(
        Window(
            name="work",
            matchers=kept_matchers(["a=b"]),
            starts_ms=now,
            ends_ms=now + HOUR,
            time_zone="Europe/Berlin",
            rule="FREQ=DAILY",
        )
    )
    after = Attention(database, clock)
    await after.load()
    assert after.acknowledgements.of("a" * 16, now) == ack
    assert after.maintenance.get(window.id).window == window
    await after.acknowledgements.forget(["a" * 16])
    await after.maintenance.remove(window.id)
    last = Attention(database, clock)
    await last.load()
    assert last.acknowledgements.all(now) == []
    assert last.maintenance.all() == []


async def test_a_heartbeat_posts_its_reason(caller: HttpCaller) -> None:
    with http_receiver() as taken:
        await caller.call("POST", f"{taken.url}/ping/secret/fail", b"rules stand still", 5.0)
        ((path, body),) = taken.requests
    assert (path, body) == ("/ping/secret/fail", b"rules stand still")


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Temporary), (429, Temporary), (404, Permanent), (302, Permanent)]
)
async def test_an_address_that_does_not_take_it_is_never_told(
    caller: HttpCaller, status: int, kind: type[Exception]
) -> None:
    with http_receiver() as taken:
        taken.answers = [(status, {}, b"secret")]
        with pytest.raises(kind) as error:
            await caller.call("POST", f"{taken.url}/ping/secret", b"", 5.0)
    assert "secret" not in str(error.value)
    assert str(status) in str(error.value)


async def test_nobody_there_is_told_without_the_path(caller: HttpCaller) -> None:
    free = Taken(port=9)
    with pytest.raises(Temporary) as error:
        await caller.call("GET", f"{free.url}/ping/secret", b"", 2.0)
    assert "secret" not in str(error.value)


async def test_what_one_node_is_told_counts_on_the_other(
    database: Database, clock: FakeClock
) -> None:
    here, there, now = Attention(database, clock), Attention(database, clock), clock.now_ms()
    await there.load()
    ack = Acknowledgement(
        fingerprint="a" * 16, labels=(("alertname", "Down"),), by="ann", at_ms=now, source="page"
    )
    await here.acknowledgements.put(ack)
    window = await here.maintenance.put(
        Window(name="work", matchers=kept_matchers(["a=b"]), starts_ms=now, ends_ms=now + HOUR)
    )
    await there.acknowledgements.take_over()
    await there.maintenance.take_over()
    assert there.acknowledgements.of("a" * 16, now) == ack
    assert there.maintenance.covering((("a", "b"),), now) == ["work"]
    clock.jump(1.0)
    await there.acknowledgements.clear("a" * 16, "bob")
    await there.maintenance.remove(window.id)
    await here.acknowledgements.take_over()
    await here.maintenance.take_over()
    assert here.acknowledgements.of("a" * 16, now) is None
    assert here.maintenance.covering((("a", "b"),), now) == ()


async def test_a_silence_of_one_node_holds_back_on_the_other(
    database: Database, clock: FakeClock
) -> None:
    here, there = (Silences(KeptSilences(database), clock) for _ in range(2))
    now, labels = clock.now_ms(), (("a", "b"),)
    made = await here.set(
        Silence(matchers=kept_matchers(["a=b"]), starts_ms=now, ends_ms=now + HOUR)
    )
    await there.take_over()
    assert there.silenced_by(labels, now) == [made.id]
    clock.jump(1.0)
    await there.expire(made.id)
    await here.take_over()
    assert here.silenced_by(labels, clock.now_ms()) == []
