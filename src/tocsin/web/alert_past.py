"""When did an alert fire before? From the series ALERTS, as far back as samples are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.alert.rules.fired_before import stretches
from tocsin.alert.rules.rule_run import ALERTS
from tocsin.kit.fault import Fault
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp, from_mapping
from tocsin.model.notices import fingerprint

if TYPE_CHECKING:
    from tocsin.web.services import Services

WEEK_MS = 7 * 86_400_000
_DAY_MS = 86_400_000
_MOST_DAYS = 400
_WEEKS = 12
_LISTED = 20
_MOST_SAMPLES = 2_000_000
_MOST_SERIES = 50_000
_LIMIT_SECONDS = 5.0
_OF_ALERTS = (
    Matcher(NAME, MatchOp.EQUAL, ALERTS),
    Matcher("alertstate", MatchOp.EQUAL, "firing"),
)


@dataclass(frozen=True, slots=True)
class Fired:
    """One time that it fired; `ended_s` 0 while it goes on."""

    began_s: float
    ended_s: float

    def seconds(self, now_s: float) -> float:
        """How long."""
        return max(0.0, (self.ended_s or now_s) - self.began_s)


@dataclass(frozen=True, slots=True)
class Week:
    """How often it began in the seven days up to `until_s`; `share` of the worst week, 0 to 1."""

    until_s: float
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Past:
    """The times that an alert fired, the latest first. `problem` says why they are not known."""

    days: int
    times: Sequence[Fired] = ()
    count: int = 0
    weeks: Sequence[Week] = ()
    problem: str = ""

    @property
    def per_week(self) -> float:
        """How often a week on average."""
        return self.count * 7 / max(1, self.days)


async def past_of(given: Services, labels: Labels) -> Past:
    """The past of the alert with these labels, those that routing adds included."""
    now, days = given.clock.now_ms(), min(_MOST_DAYS, given.retention.config.raw_days)
    own = of_rule(given, labels)
    matchers = [*_OF_ALERTS, *(Matcher(name, MatchOp.EQUAL, value) for name, value in own)]
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            data = await given.source.select(
                matchers, now - days * _DAY_MS, now, limit_samples=_MOST_SAMPLES
            )
    except (Fault, TimeoutError) as error:
        return Past(days, problem=str(error) or "the answer took too long")
    rows = [row for row, one in enumerate(data.labels) if _plain(one) == own]
    found = sorted(pair for row in rows for pair in stretches(data, row))
    return _told(found, days, now)


def _told(found: Sequence[tuple[int, int]], days: int, now_ms: int) -> Past:
    times = [
        Fired(begin / 1000, 0.0 if end >= now_ms else end / 1000) for begin, end in reversed(found)
    ]
    weeks = min(_WEEKS, max(1, -(-days // 7)))
    counts = [
        sum(now_ms - (back + 1) * WEEK_MS < begin <= now_ms - back * WEEK_MS for begin, _ in found)
        for back in range(weeks - 1, -1, -1)
    ]
    most = max(1, *counts)
    return Past(
        days=days,
        times=times[:_LISTED],
        count=len(found),
        weeks=[
            Week((now_ms - (weeks - 1 - place) * WEEK_MS) / 1000, count, count / most)
            for place, count in enumerate(counts)
        ],
    )


def of_rule(given: Services, labels: Labels) -> Labels:
    """The labels as rules write them: without those that all alerts of this place are given."""
    external: set[tuple[str, str]] = set()
    for group in given.rules.groups:
        external |= set(group.around.world.external_labels)
    return tuple(pair for pair in labels if pair not in external)


def _plain(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in (NAME, "alertstate"))


async def labels_named(given: Services, name: str) -> Labels:
    """The labels of an alert that fired once, by its fingerprint; empty when none is found."""
    now, days = given.clock.now_ms(), min(_MOST_DAYS, given.retention.config.raw_days)
    external: dict[str, str] = {}
    for group in given.rules.groups:
        external |= dict(group.around.world.external_labels)
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            series = await given.source.series(
                [list(_OF_ALERTS)], now - days * _DAY_MS, now, _MOST_SERIES
            )
    except (Fault, TimeoutError):
        return ()  # the page then says that nothing is known of it
    return await asyncio.to_thread(_named, series, external, name)


def _named(series: Sequence[Labels], external: dict[str, str], name: str) -> Labels:
    for one in series:
        labels = from_mapping({**external, **dict(_plain(one))})
        if fingerprint(labels) == name:
            return labels
    return ()
