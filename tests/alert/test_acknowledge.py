from __future__ import annotations

import asyncio

import pytest

from tests.alert.memory import AckShelf
from tocsin.alert.attention.acknowledge import AckChange, Acknowledgement, Acknowledgements
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected

HOUR = 3_600_000
ONE = "00000000000000aa"


def ack(now: int, **changed: object) -> Acknowledgement:
    values: dict[str, object] = {
        "fingerprint": ONE,
        "labels": (("alertname", "Down"),),
        "by": "ann",
        "at_ms": now,
        "source": "page",
    }
    return Acknowledgement(**{**values, **changed})  # type: ignore[arg-type]  # a table of changes


def made(clock: FakeClock, shelf: AckShelf | None = None) -> Acknowledgements:
    own = AckShelf()
    return Acknowledgements(own if shelf is None else shelf, clock)


async def test_an_alert_stays_acknowledged_until_its_end_or_until_it_is_given_back(
    clock: FakeClock,
) -> None:
    acks, now = made(clock), clock.now_ms()
    await acks.put(ack(now))
    await acks.put(ack(now, fingerprint="b", until_ms=now + HOUR))
    assert acks.of(ONE, now + 1000 * HOUR) is not None
    assert acks.of("b", now + HOUR - 1) is not None
    assert acks.of("b", now + HOUR) is None
    await acks.clear(ONE, "bo")
    assert acks.of(ONE, now) is None
    with pytest.raises(NotFound):
        await acks.clear(ONE, "bo")


async def test_acknowledgements_survive_a_restart_and_end_with_the_alert(clock: FakeClock) -> None:
    shelf = AckShelf()
    await made(clock, shelf).put(ack(clock.now_ms(), note="on it"))
    after = made(clock, shelf)
    await after.load()
    found = after.of(ONE, clock.now_ms())
    assert found is not None
    assert found.note == "on it"
    await after.forget([ONE, "unknown"])
    assert after.of(ONE, clock.now_ms()) is None
    assert not shelf.things


async def test_listeners_hear_each_change_in_order_and_one_that_fails_stops_nobody(
    clock: FakeClock,
) -> None:
    acks, now = made(clock), clock.now_ms()
    heard: list[tuple[str, bool]] = []

    async def broken(change: AckChange) -> None:
        raise RuntimeError("a bug")

    async def listener(change: AckChange) -> None:
        heard.append((change.by, change.is_set))

    acks.subscribe(broken)
    acks.subscribe(listener)
    task = asyncio.create_task(acks.run())
    await acks.put(ack(now))
    await acks.put(ack(now + 5, source="slack"))
    await acks.put(ack(now, by="bo"))
    await acks.clear(ONE, "cy")
    await acks.put(ack(now))
    await acks.forget([ONE])
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    assert heard == [("ann", True), ("bo", True), ("cy", False), ("ann", True)], (
        "the same again is no change, and an end is told as such"
    )


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"by": " "}, id="whose is it?"),
        pytest.param({"source": "fax"}, id="where was it said?"),
        pytest.param({"until_ms": 1}, id="over already"),
        pytest.param({"note": "x" * 1001}, id="a novel"),
    ],
)
async def test_one_that_makes_no_sense_is_refused(
    clock: FakeClock, changed: dict[str, object]
) -> None:
    with pytest.raises(Rejected):
        await made(clock).put(ack(clock.now_ms(), **changed))


async def test_what_is_over_is_forgotten(clock: FakeClock) -> None:
    shelf = AckShelf()
    acks = made(clock, shelf)
    await acks.put(ack(clock.now_ms(), until_ms=clock.now_ms() + HOUR))
    await clock.advance(3600)
    await acks.tidy()
    assert not shelf.things
