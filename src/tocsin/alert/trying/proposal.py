"""Which `for`, recovery and `keep_firing_for` would the series' own noise ask for?

Every excursion is looked at: those that most of their neighbourhood agrees with are breaches, the
rest is noise. Proposed is what makes the fewest alerts without missing a breach or telling of one
later than a given delay, and what each `for` alone would save.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tocsin.alert.trying.tuning import Excursions, Tuning, is_recovered, simulated, sustained
from tocsin.kit.quantity import Duration
from tocsin.query.promql import ast
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text
from tocsin.query.promql.tree import unwrap

_KEPT_STEPS = (0, 2, 4, 8, 16)
_SIGMAS = (1.0, 2.0, 3.0, 4.0)
_HOLDS_S = (0, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600)
_DELAYS_S = (120, 300, 600)
_MOST_SERIES = 300
_RECOVERS_OFTEN = 0.25
"""The share of quiet samples beyond a recovery threshold, below which an alert might never end."""
_WORTH = 0.8
"""A longer delay is proposed when it leaves at most this share of the alerts."""
_FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule compares with a number: `query op threshold`."""

    query: str
    op: str
    threshold: float

    @property
    def is_upper(self) -> bool:
        """Whether large values are bad."""
        return self.op in (">", ">=")

    def recovery(self, threshold: float) -> str:
        """The expression that holds once the value is well on the other side."""
        return f"{self.query} {'<' if self.is_upper else '>'} {threshold:g}"

    def is_bad(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Where the rule finds something; a value that is not there is not bad."""
        with np.errstate(invalid="ignore"):
            match self.op:
                case ">":
                    return np.asarray(values > self.threshold)
                case ">=":
                    return np.asarray(values >= self.threshold)
                case "<":
                    return np.asarray(values < self.threshold)
                case _:
                    return np.asarray(values <= self.threshold)


class HoldSaving(msgspec.Struct, frozen=True, kw_only=True):
    """What a `for` of so many seconds would do by itself: `saved` of `of` alerts would not fire,
    the others so much later."""

    hold: float
    saved: int
    of: int
    longest_saved: float


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Values that fit the noise; in seconds. `alerts` would fire instead of `alerts_before`, each
    breach later by `delay` at the most. Empty `recover` means none."""

    hold: float
    keep_firing: float
    recover: str = ""
    alerts_before: int
    alerts: int
    breaches: int
    delay: float
    words: str


class Proposals(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of a rule's noise; `noise` is its standard deviation where it is known."""

    holds: list[HoldSaving] = []
    proposals: list[Proposal] = []
    noise: float | None = None
    why_not: str = ""


def subject_of(expr: str) -> Subject | None:
    """What is compared with a number; None when the expression is of another form."""
    node = unwrap(parse(expr))
    if not isinstance(node, ast.Binary) or node.op not in _FLIPPED or node.return_bool:
        return None
    left, right = unwrap(node.left), unwrap(node.right)
    below, above = number_of(left), number_of(right)
    if above is not None and below is None:
        return Subject(to_text(node.left), node.op, above)
    if below is not None and above is None:
        return Subject(to_text(node.right), _FLIPPED[node.op], below)
    return None


def number_of(expr: ast.Expr) -> float | None:
    """The value of a number, also of one in parentheses or with a sign; None for all else."""
    match unwrap(expr):
        case ast.NumberLiteral(value=value):
            return value
        case ast.Unary() as signed:
            below = number_of(signed.expr)
            return below if below is None or signed.op != "-" else -below
        case _:
            return None


def proposals(
    bad: NDArray[np.bool_],
    values: NDArray[np.float64] | None,
    subject: Subject | None,
    *,
    every_s: float,
    now: Tuning,
    wait_s: float = 0.0,
) -> Proposals:
    """From rows of rounds, `every_s` apart: where the rule found something, and the values that it
    compared where these are known. `now` is how the rule is set now, `wait_s` how long the routes
    wait before they tell. Takes seconds for many series.
    """
    order = np.argsort(-np.abs(np.diff(bad, axis=1)).sum(axis=1) if bad.size else np.zeros(0))
    rows = [row for row in order[:_MOST_SERIES].tolist() if bad[row].any()]
    if not rows:
        return Proposals(why_not="nothing was found in that time: there is no noise to learn from")
    series = [Excursions.of(bad[row]) for row in rows]
    noise = None
    recoveries: list[float] = []
    if values is not None and subject is not None:
        noise = _noise([values[row] for row in rows])
        recoveries = list(_recoveries(subject, [values[row] for row in rows], noise))
    chosen = [values[row] for row in rows] if values is not None else None
    ground = _Ground(series, chosen, subject, math.ceil(wait_s / every_s))
    return Proposals(
        holds=_holds(series, every_s),
        proposals=_searched(ground, recoveries, every_s, now),
        noise=noise,
    )


@dataclass(frozen=True, slots=True)
class _Count:
    """Alerts, those of them that last long enough to be told, breaches missed, and by how many
    rounds the latest is told after it began."""

    alerts: int
    told: int
    missed: int
    latest: int

    @property
    def effort(self) -> int:
        """What it asks of people: a flap on a page counts too, half of one that is told."""
        return self.told + self.alerts


@dataclass(frozen=True, slots=True)
class _Ground:
    series: Sequence[Excursions]
    values: Sequence[NDArray[np.float64]] | None
    subject: Subject | None
    wait: int
    """Rounds that the routes wait before they tell: what is over by then is not told."""

    def count(self, tuning: Tuning, breaches: Sequence[NDArray[np.int64]]) -> _Count:
        """What comes of that tuning."""
        alerts = told = missed = latest = 0
        for row, excursions in enumerate(self.series):
            recovered = None
            if tuning.recover is not None and self.values is not None and self.subject is not None:
                recovered = is_recovered(
                    self.values[row], tuning.recover, is_upper=self.subject.is_upper
                )
            begins, ends = simulated(excursions, tuning, recovered)
            alerts += len(begins)
            told += int(np.count_nonzero(ends - begins > self.wait))
            for begin, end in breaches[row].tolist():
                during = np.flatnonzero((begins < end) & (ends > begin))
                if not len(during):
                    missed += 1
                else:
                    latest = max(latest, int(begins[during[0]]) - begin)
        return _Count(alerts, told, missed, latest)


def _searched(
    ground: _Ground, recoveries: Sequence[float], every_s: float, now: Tuning
) -> list[Proposal]:
    breaches = [sustained(one) for one in ground.series]
    lasting = sum(map(len, breaches))
    before = left = ground.count(now, breaches)
    found: list[Proposal] = []
    for delay_s in (every_s, *(one for one in _DELAYS_S if one > every_s)):
        best: tuple[tuple[float, ...], Tuning, _Count] | None = None
        for tuning in _grid(recoveries, max(1, round(delay_s / every_s))):
            count = ground.count(tuning, breaches)
            later = (count.latest - before.latest) * every_s
            if count.missed > before.missed or count.told > before.told or later > delay_s:
                continue
            # Of those that are as quiet, the one that changes least.
            depth = recoveries.index(tuning.recover) + 1 if tuning.recover is not None else 0
            rank = (count.told, count.alerts, tuning.hold, tuning.keep, depth)
            if best is None or rank < best[0]:
                best = rank, tuning, count
        if best is not None and best[2].effort <= _WORTH * left.effort:
            left = best[2]
            found.append(_proposal(ground, best[1], (before, left), lasting, every_s))
    return found


def _grid(recoveries: Sequence[float], most_hold: int) -> Iterator[Tuning]:
    for hold in sorted({0, 1, 2, most_hold // 2, most_hold}):
        if hold > most_hold:
            continue
        for keep in _KEPT_STEPS:
            for recover in (None, *recoveries):
                yield Tuning(hold, keep, recover)


def _proposal(
    ground: _Ground, tuning: Tuning, counts: tuple[_Count, _Count], breaches: int, every_s: float
) -> Proposal:
    before, after = counts
    recover = ""
    if tuning.recover is not None and ground.subject is not None:
        recover = ground.subject.recovery(tuning.recover)
    delay_s = max(0, after.latest - before.latest) * every_s
    later = f"{Duration(delay_s)} later at the most" if delay_s else "no later"
    lasting = f"{breaches} breach{'' if breaches == 1 else 'es'} that lasted told {later}"
    return Proposal(
        hold=tuning.hold * every_s,
        keep_firing=tuning.keep * every_s,
        recover=recover,
        alerts_before=before.alerts,
        alerts=after.alerts,
        breaches=breaches,
        delay=delay_s,
        words=f"{before.alerts - after.alerts} of {before.alerts} alerts fewer; {lasting}",
    )


def _holds(series: Sequence[Excursions], every_s: float) -> list[HoldSaving]:
    """What each `for` alone saves. An excursion of n rounds fires with a `for` below n rounds."""
    rounds = np.concatenate([one.lengths for one in series])
    found: list[HoldSaving] = []
    for hold_s in _HOLDS_S:
        need = math.ceil(hold_s / every_s)
        short = rounds[rounds <= need] if need else rounds[:0]
        if found and len(short) == found[-1].saved:
            continue
        longest = (int(short.max()) - 1) * every_s if len(short) else 0.0
        found.append(
            HoldSaving(hold=hold_s, saved=len(short), of=len(rounds), longest_saved=longest)
        )
    return found


def _noise(rows: Sequence[NDArray[np.float64]]) -> float | None:
    """The standard deviation of what changes from one round to the next, robustly."""
    steps = np.concatenate([np.diff(row) for row in rows])
    steps = steps[np.isfinite(steps)]
    if len(steps) < 8:
        return None
    spread = float(np.median(np.abs(steps - np.median(steps))))
    return 1.4826 * spread / math.sqrt(2) or None


def _recoveries(
    subject: Subject, rows: Sequence[NDArray[np.float64]], noise: float | None
) -> Iterator[float]:
    """Thresholds on the good side, one to four deviations away, that are reached often enough."""
    if noise is None:
        return
    every = np.concatenate(rows)
    quiet = every[np.isfinite(every) & ~subject.is_bad(every)]
    if not len(quiet):
        return
    seen: set[float] = set()
    for sigmas in _SIGMAS:
        away = -sigmas * noise if subject.is_upper else sigmas * noise
        bound = _rounded(subject.threshold + away, noise)
        reached = float(np.mean(quiet < bound if subject.is_upper else quiet > bound))
        if reached >= _RECOVERS_OFTEN and bound not in seen and bound != subject.threshold:
            seen.add(bound)
            yield bound


def _rounded(value: float, noise: float) -> float:
    """To as many digits as the noise leaves meaning to."""
    digits = 1 - math.floor(math.log10(noise)) if noise > 0 else 6
    return round(value, max(-6, min(12, digits)))
