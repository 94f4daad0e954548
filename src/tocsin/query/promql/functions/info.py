"""info(): labels of the metrics that describe a target, joined to its series.

An info series belongs to a series with the same `instance` and `job`. Where several of one metric
do, the one with the newest sample counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.model.labels import NAME, Labels, Matcher, get, metric_name
from tocsin.query.promql.faults import EvalError
from tocsin.query.promql.function import Function, Site
from tocsin.query.promql.matrix import Bools, Grid, Ints, merged, only, replaced, stack
from tocsin.query.promql.matrix import empty as empty_grid
from tocsin.query.promql.plan import info_matchers, info_steps
from tocsin.query.promql.window import latest, taken

_IDENTIFYING = ("instance", "job")


@dataclass(frozen=True, slots=True)
class _Infos:
    """The info series, and which of them is the newest of its metric and target at each step."""

    labels: Sequence[Labels]
    newest: dict[tuple[str, Labels], Ints]
    """(metric, identifying labels) → row for each step, -1 where there is none"""


def _info(site: Site) -> Grid:
    base = site.grid(0).filled()
    matchers = info_matchers(site.node)
    named = [matcher for matcher in matchers if matcher.name == NAME]
    wanted = [matcher for matcher in matchers if matcher.name != NAME]
    if site.count == 1:
        wanted = []
    infos = _read(site, base, named)
    grids = []
    for row in range(base.count):
        one = base.rows(np.array([row]))
        name = metric_name(one.labels[0])
        if all(matcher.matches(name) for matcher in named):
            grids.append(one)
        else:
            grids.extend(_enriched(one, infos, wanted))
    return merged(stack(grids)) if grids else empty_grid(site.steps.count)


def _read(site: Site, base: Grid, named: list[Matcher]) -> _Infos:
    values = _identities(base, named)
    if not values:
        return _Infos((), {})
    times = info_steps(site.node.args[0], site.steps)
    lookback = site.host.lookback_ms
    samples = site.host.samples(info_matchers(site.node), times, lookback)
    index, there = latest(samples, times, lookback)
    ts = np.where(there, taken(samples.ts, index), np.iinfo(np.int64).min)
    groups: dict[tuple[str, Labels], list[int]] = {}
    for row, labels in enumerate(samples.labels):
        if all(get(labels, name) in known for name, known in values.items()):
            key = metric_name(labels), only(labels, _IDENTIFYING)
            groups.setdefault(key, []).append(row)
    newest = {
        key: np.broadcast_to(_newest(samples.labels, ts, there, rows), (site.steps.count,))
        for key, rows in groups.items()
    }
    return _Infos(samples.labels, newest)


def _identities(base: Grid, named: list[Matcher]) -> dict[str, set[str]]:
    """Values of the identifying labels among the series that are to be enriched."""
    values: dict[str, set[str]] = {}
    for labels in base.labels:
        if all(matcher.matches(metric_name(labels)) for matcher in named):
            continue
        for name in _IDENTIFYING:
            if value := get(labels, name):
                values.setdefault(name, set()).add(value)
    return values


def _newest(labels: Sequence[Labels], ts: Ints, there: Bools, rows: list[int]) -> Ints:
    mine, present = ts[rows], there[rows]
    best = mine.max(axis=0)
    tied = (mine == best) & present
    if bool((tied.sum(axis=0) > 1).any()):
        step = int(np.argmax(tied.sum(axis=0) > 1))
        first, second = (rows[i] for i in np.flatnonzero(tied[:, step])[:2].tolist())
        at = int(best[step])
        raise EvalError(
            f"found duplicate series for info metric: existing {_text(labels[first])} @ {at}, "
            f"new {_text(labels[second])} @ {at}"
        )
    chosen = np.array(rows, np.int64)[np.argmax(tied, axis=0)]
    return np.where(present.any(axis=0), chosen, -1)


def _text(labels: Labels) -> str:
    inner = ", ".join(f'{name}="{value}"' for name, value in labels)
    return f"{{{inner}}}"


def _enriched(one: Grid, infos: _Infos, wanted: list[Matcher]) -> list[Grid]:
    """The series with its info labels: one for each combination of info series over time."""
    identity = only(one.labels[0], _IDENTIFYING)
    choices = [rows for (_, key), rows in infos.newest.items() if key == identity]
    steps = one.present.shape[1]
    chosen = np.stack(choices) if choices else np.full((1, steps), -1, np.int64)
    combinations, of_step = np.unique(chosen, axis=1, return_inverse=True)
    grids = []
    for number in range(combinations.shape[1]):
        rows = [row for row in combinations[:, number].tolist() if row >= 0]
        if not rows and not all(matcher.matches("") for matcher in wanted):
            continue
        here = one.present & (of_step.ravel() == number)
        if bool(here.any()):
            labels = _with_data(one.labels[0], [infos.labels[row] for row in rows], wanted)
            grids.append(Grid([labels], one.values, here, one.drops))
    return grids


def _with_data(base: Labels, sources: list[Labels], wanted: list[Matcher]) -> Labels:
    names = {matcher.name for matcher in wanted}
    data: dict[str, str] = {}
    for source in sources:
        for name, value in source:
            if name == NAME or (names and name not in names):
                continue
            if data.setdefault(name, value) != value:
                raise EvalError(f"conflicting label: {name}")
    for name, value in data.items():
        if not get(base, name):
            base = replaced(base, name, value)
    return base


FUNCTIONS = (Function("info", _info, experimental=True),)
