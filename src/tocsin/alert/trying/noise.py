"""Read what a rule looked at round by round, so that its noise can be learnt from."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tocsin.alert.routing.route import matching
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.ports import Surroundings
from tocsin.alert.rules.rule_file import Rule
from tocsin.alert.trying.backtest import Past, Progress, Trial
from tocsin.alert.trying.proposal import Proposals, proposals, subject_of
from tocsin.alert.trying.replay_engine import ReplayEngine
from tocsin.alert.trying.tuning import Tuning
from tocsin.kit.clock import FakeClock
from tocsin.model import labels as model
from tocsin.model.labels import Labels
from tocsin.query.promql.result import Result

_CELLS = 10_000_000
_STEPS = 5_000
_LEAST_ROUNDS = 60

Rows = dict[Labels, NDArray[np.float64]]


async def propose(trial: Trial, past: Past, progress: Progress | None = None) -> Proposals:
    """Values that fit the noise of that time, of a rule that is set as the trial's.

    Raises Rejected for what cannot be tried and what the engine raises.
    """
    group = trial.checked().group
    rule = group.rules[0]
    subject = subject_of(rule.expr)
    query = subject.query if subject else rule.expr
    if not ReplayEngine.can_replay(query):
        return Proposals(why_not="the expression depends on the ends of the question")
    every = group.interval_ms
    around = Surroundings(
        FakeClock(0), past.engine, past.source, past.intake, past.results, options=past.options
    )
    last_ms = GroupRun(group, around, restore=False).slot_ms(trial.until_ms)
    rounds = max(1, (last_ms - trial.since_ms) // every + 1)
    if rounds < _LEAST_ROUNDS:
        return Proposals(why_not=f"{rounds} rounds are too few to learn from")
    first_ms = last_ms - (rounds - 1) * every
    options = replace(past.options, source=past.source)
    rows: Rows = {}
    for done in range(0, rounds, _STEPS):
        start_ms = first_ms + done * every
        end_ms = first_ms + (min(done + _STEPS, rounds) - 1) * every
        read = await past.engine.range(query, start_ms, end_ms, every, options)
        if not _added(rows, read, done, rounds):
            return Proposals(
                why_not=f"more than {_CELLS // rounds} series are too many to learn from"
            )
        if progress is not None:
            await progress((done + 1) / rounds)
    if not rows:
        return Proposals(why_not="there are no samples in that time")
    values = np.vstack(list(rows.values()))
    bad = subject.is_bad(values) if subject else ~np.isnan(values)
    now = Tuning(-(-rule.hold_ms // every), -(-rule.keep_firing_ms // every))
    return await asyncio.to_thread(
        proposals,
        bad,
        values if subject else None,
        subject,
        every_s=every / 1000,
        now=now,
        wait_s=_wait_ms(rule, past) / 1000,
    )


def _wait_ms(rule: Rule, past: Past) -> int:
    """How long the routes wait before they tell of such an alert."""
    if past.plan is None:
        return 0
    own = {name: text for name, text in rule.labels if "{{" not in text}
    labels = {**dict(past.world.external_labels), **own, "alertname": rule.name}
    routes = matching(past.plan.root, model.from_mapping(labels))
    return min((route.group_wait_ms for route in routes), default=0)


def _added(rows: Rows, read: Result, start: int, rounds: int) -> bool:
    """Put a piece's values into the rows; False when these would be too many."""
    for row, labels in enumerate(read.labels):
        known = rows.get(labels)
        if known is None:
            if (len(rows) + 1) * rounds > _CELLS:
                return False
            known = rows[labels] = np.full(rounds, np.nan)
        there = read.present[row]
        known[start : start + len(there)][there] = read.values[row][there]
    return True
