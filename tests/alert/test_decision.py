from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from tests.alert.decided import Deciding
from tocsin.alert.deciding.decision import Outcome
from tocsin.alert.deciding.holding import Acked
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.notices import fingerprint

NAMES, SERVICES, SEVERITIES = ("Db", "Api", "Web"), ("a", "b"), ("critical", "warning")
INTERVALS = {
    "never": [{"times": [{"start_time": "03:00", "end_time": "03:01"}]}],
    "always": [{"weekdays": ["sunday:saturday"]}],
    "evening": [{"times": [{"start_time": "22:00", "end_time": "24:00"}], "location": "UTC"}],
}


@asynccontextmanager
async def running(world: Deciding) -> AsyncIterator[Deciding]:
    await world.start()
    task = asyncio.create_task(world.dispatcher.run())
    try:
        yield world
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def _conditions(rng: Random) -> list[str]:
    texts = [f'alertname="{rng.choice(NAMES)}"', f'service=~"{rng.choice(SERVICES)}|z"',
             f'severity!="{rng.choice(SEVERITIES)}"']  # fmt: skip
    return rng.sample(texts, rng.randint(1, 2))


def _route(rng: Random, depth: int) -> dict[str, object]:
    route: dict[str, object] = {
        "receiver": rng.choice(("team", "other")),
        "group_by": rng.choice(([], ["alertname"], ["service"], ["..."])),
        "group_wait": rng.choice(("0s", "30s")),
        "group_interval": rng.choice(("1m", "5m")),
        "repeat_interval": rng.choice(("3m", "4h")),
    }
    if depth:
        route["matchers"] = _conditions(rng)
        route["continue"] = rng.random() < 0.4
        if rng.random() < 0.3:
            key = rng.choice(("mute_time_intervals", "active_time_intervals"))
            route[key] = [rng.choice(tuple(INTERVALS))]
    if depth < 2:
        route["routes"] = [_route(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return route


def _routing(rng: Random) -> str:
    rules = [
        {"source_matchers": _conditions(rng), "target_matchers": _conditions(rng),
         "equal": rng.choice(([], ["service"]))}
        for _ in range(rng.randint(0, 2))
    ]  # fmt: skip
    intervals = [{"name": name, "time_intervals": one} for name, one in INTERVALS.items()]
    receivers = [{"name": "team"}, {"name": "other"}]
    return json.dumps(
        {"route": _route(rng, 0), "inhibit_rules": rules, "time_intervals": intervals,
         "receivers": receivers}
    )  # fmt: skip


def _alerting(rng: Random) -> str:
    dependencies = [
        {"when": _conditions(rng), "suppress": _conditions(rng),
         "equal": rng.choice(([], ["service"]))}
        for _ in range(rng.choice((0, 0, 1, 3)))
    ]  # fmt: skip
    flapping = {"enabled": rng.random() < 0.4, "changes": 3, "within": "1h", "quiet": "4m"}
    return json.dumps(
        {"tell_resolved_under_silence": rng.random() < 0.7, "dependencies": dependencies,
         "flapping": flapping}
    )  # fmt: skip


async def _something_happens(world: Deciding, rng: Random) -> None:
    now = world.clock.now_ms()
    match rng.randrange(8):
        case 0:
            await world.silence(*rng.choice((("service", "a"), ("alertname", "Db"))), 400)
        case 1:
            world.windows.services ^= {rng.choice(SERVICES)}
        case 2:
            for state in world.dispatcher.states():
                if rng.random() < 0.7:
                    world.acks.known[fingerprint(state.alert.labels)] = Acked(by="me", at_ms=now)
        case 3:
            world.team.faults = [Temporary("busy", 1000.0)]
        case _:
            await world.tell(
                ends=rng.random() < 0.4,
                alertname=rng.choice(NAMES),
                service=rng.choice(SERVICES),
                severity=rng.choice(SEVERITIES),
            )


def _routes_of_groups(world: Deciding) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for receipt in world.receipts.all():
        if receipt.inputs.place is not None:
            found.setdefault(receipt.inputs.place.group_key, set()).add(receipt.inputs.place.route)
    return found


def _check_against_what_was_sent(world: Deciding) -> int:
    """Each receipt tells whom it says, and nobody else, at that moment."""
    sent: dict[tuple[str, str, int], set[str]] = {}
    for way, integration in world.integrations.items():
        for notice in integration.asked:
            for alert in notice.alerts:
                key = (notice.group_key, alert.fingerprint, notice.at_ms)
                sent.setdefault(key, set()).add(way)
    known, routes = set(), _routes_of_groups(world)
    for receipt in world.receipts.all():
        place = receipt.inputs.place
        assert place is not None
        if len(routes[place.group_key]) > 1:
            known.add((place.group_key, receipt.fingerprint))
            continue  # of two routes with equal conditions a message does not tell which it was
        key = (place.group_key, receipt.fingerprint, receipt.at_ms)
        decision = receipt.decision
        assert {f"{decision.receiver}/{one}" for one in decision.told} == sent.get(key, set())
        known.add(key[:2])
    assert {key[:2] for key in sent} <= known, "what is told has a receipt"
    return len(sent)


async def _random_worlds(seeds: range) -> tuple[int, int, set[Outcome]]:
    receipts, told, outcomes = 0, 0, set()
    for seed in seeds:
        rng = Random(seed)
        deaf = frozenset({"team/test[1]"} if rng.random() < 0.3 else ())
        world = Deciding(FakeClock(), _routing(rng), _alerting(rng), ways=2, deaf=deaf)
        async with running(world):
            for _ in range(rng.randint(1, 5)):
                await _something_happens(world, rng)
                await world.clock.advance(rng.choice((1, 31, 70, 310)))
        receipts += world.receipts.check()
        told += _check_against_what_was_sent(world)
        outcomes |= {one.decision.outcome for one in world.receipts.all()}
    return receipts, told, outcomes


EVERY_OUTCOME = {
    Outcome.TOLD, Outcome.REPEATED, Outcome.HELD, Outcome.KNOWN, Outcome.UNHEARD,
}  # fmt: skip


async def test_two_routes_of_equal_conditions_have_receipts_of_their_own() -> None:
    route = {"receiver": "team", "matchers": ["alertname=Db"], "continue": True}
    routing = {"route": {"receiver": "other", "routes": [route, {**route, "receiver": "other"}]},
               "receivers": [{"name": "team"}, {"name": "other"}]}  # fmt: skip
    world = Deciding(FakeClock(), json.dumps(routing))
    async with running(world):
        await world.tell(alertname="Db")
        await world.clock.advance(3600)
    told = [(one.decision.receiver, one.decision.outcome) for one in world.receipts.all()]
    assert sorted(told) == [("other", Outcome.TOLD), ("team", Outcome.TOLD)]


async def test_a_receipt_gives_the_decision_of_the_router() -> None:
    receipts, told, _ = await _random_worlds(range(100))
    assert receipts > told > 50


@pytest.mark.slow
async def test_ten_thousand_random_configurations_and_alerts_give_the_same_from_the_receipt() -> (
    None
):
    receipts, told, outcomes = await _random_worlds(range(10_000))
    assert receipts >= 10_000
    assert told > 5_000
    assert outcomes >= EVERY_OUTCOME
