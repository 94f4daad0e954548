"""Values that fit a rule's noise: fewer alerts, no breach missed, none told much later."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.rule_file import RuleGroup
from tocsin.alert.trying import backtest
from tocsin.alert.trying.backtest import Past, Trial
from tocsin.alert.trying.noise import propose
from tocsin.alert.trying.proposal import Proposal, subject_of
from tocsin.alert.trying.trial_report import Outcome
from tocsin.alert.trying.tuning import Excursions, Tuning, simulated, sustained
from tocsin.model.labels import NAME, from_mapping

STEPS = 5760
EVERY_S = 15
BREACHES = ((900, 1000), (2400, 2440), (4000, 4400))


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        pytest.param("x > 80", ("x", ">", 80.0), id="a number on the right"),
        pytest.param("(80 < (x))", ("(x)", ">", 80.0), id="a number on the left is turned round"),
        pytest.param("x <= -1.5", ("x", "<=", -1.5), id="a signed number"),
        pytest.param("x > y", None, id="two vectors"),
        pytest.param("x == 0", None, id="an equation has no other side"),
        pytest.param("x > bool 1", None, id="a truth value"),
        pytest.param("x > 1 and y > 2", None, id="two conditions"),
    ],
)
def test_what_is_compared_with_a_number(expr: str, found: tuple[str, str, float] | None) -> None:
    subject = subject_of(expr)
    assert found == (None if subject is None else (subject.query, subject.op, subject.threshold))


def rounds(text: str) -> Excursions:
    return Excursions.of(np.array([one == "#" for one in text]))


@pytest.mark.parametrize(
    ("bad", "tuning", "free", "fires"),
    [
        pytest.param("..#.##..", Tuning(), "", [(2, 3), (4, 6)], id="each excursion"),
        pytest.param("..#.##..", Tuning(hold=1), "", [(5, 6)], id="what lasts two rounds"),
        pytest.param("#.#....#", Tuning(keep=3), "", [(0, 6), (7, 8)], id="kept firing"),
        pytest.param("#..#....", Tuning(), ".....#..", [(0, 5)], id="until it recovers"),
        pytest.param("#...####", Tuning(), "", [(0, 1), (4, 8)], id="until the end"),
        pytest.param("#.......", Tuning(), "........", [(0, 8)], id="it never recovers"),
    ],
)
def test_alerts_are_counted_without_running_the_rule(
    bad: str, tuning: Tuning, free: str, fires: list[tuple[int, int]]
) -> None:
    recovered = np.array([one == "#" for one in free]) if free else None
    begins, ends = simulated(rounds(bad), tuning, recovered)
    assert list(zip(begins.tolist(), ends.tolist(), strict=True)) == fires


def test_a_breach_is_what_most_rounds_around_agree_with() -> None:
    text = "." * 20 + "#" + "." * 20 + "#" * 8 + "." + "#" * 12 + "." * 20
    ((begin, end),) = sustained(rounds(text)).tolist()
    assert abs(begin - 41) <= 1
    assert abs(end - 62) <= 4


NOISES = {
    "white noise below the threshold": (76.0, 2.0, 0.0, 95.0),
    "noise that wanders about the threshold": (78.5, 1.0, 0.8, 96.0),
    "breaches that are as noisy as the rest": (74.0, 3.0, 0.3, 92.0),
}


@pytest.mark.parametrize("kind", NOISES)
async def test_a_proposal_saves_four_fifths_and_tells_of_breaches_within_one_round(
    tmp_path: Path, kind: str
) -> None:
    world = RuleWorld(tmp_path)
    begin_ms = world.now_ms
    fill(world, *NOISES[kind])
    before = await tried(world, rule(world), begin_ms)
    trial = Trial("t", rule(world), begin_ms, begin_ms + STEPS * EVERY_S * 1000)
    found = await propose(trial, Past(world.around.engine, world.memory))
    first = found.proposals[0]
    assert first.delay <= EVERY_S
    after = await tried(world, rule(world, first), begin_ms)
    assert after.firing_count <= 0.2 * before.firing_count
    for start, stop in BREACHES:
        assert told(after, begin_ms, start, stop) - told(before, begin_ms, start, stop) <= EVERY_S


def rule(world: RuleWorld, chosen: Proposal | None = None) -> RuleGroup:
    hold, keep, recover = (0.0, 0.0, "") if chosen is None else (
        chosen.hold, chosen.keep_firing, chosen.recover
    )  # fmt: skip
    said = f", annotations: {{tocsin_recover: '{recover}'}}" if recover else ""
    (group,) = world.groups(
        f"groups: [{{name: g, interval: {EVERY_S}s, rules: [{{alert: Hot, expr: temp > 80,"
        f" for: {hold:.0f}s, keep_firing_for: {keep:.0f}s{said}}}]}}]"
    )
    return group


def fill(world: RuleWorld, base: float, noise: float, memory: float, peak: float) -> None:
    """A day of samples; in the breaches the level is `peak`."""
    chance = random.Random(7)
    wander, points = 0.0, {}
    for step in range(STEPS):
        wander = memory * wander + chance.gauss(0, noise)
        level = peak if any(start <= step < stop for start, stop in BREACHES) else base
        points[world.now_ms + step * EVERY_S * 1000] = level + wander
    world.memory.put(from_mapping({NAME: "temp"}), points)


async def tried(world: RuleWorld, group: RuleGroup, begin_ms: int) -> Outcome:
    trial = Trial("t", group, begin_ms, begin_ms + STEPS * EVERY_S * 1000)
    return await backtest.run(trial, Past(world.around.engine, world.memory))


def told(outcome: Outcome, begin_ms: int, start: int, stop: int) -> float:
    """When somebody first knew of a breach: seconds after it began, 0 when already before."""
    begin, end = (begin_ms / 1000 + step * EVERY_S for step in (start, stop))
    known = [
        max(0.0, one.fired - begin)
        for one in outcome.firings
        if one.fired < end and (one.ended or end) > begin
    ]
    assert known, "a breach was missed"
    return min(known)
