"""How do releases do? Sessions that began, and those that ended badly.

https://develop.sentry.dev/sdk/telemetry/sessions/
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from tocsin.errortracking.answers import ReleaseHealth
from tocsin.errortracking.series import ErrorSeries
from tocsin.errortracking.texts import dictionary, number, text
from tocsin.kit.clock import Clock
from tocsin.model.labels import Matcher, MatchOp, get
from tocsin.model.series import SeriesSource

SESSIONS = "tocsin_sessions_total"
_BAD = ("errored", "crashed", "abnormal")
_REMEMBERED = 50_000
_MOST_AGGREGATES = 1_000
_DAY_MS = 86_400_000
_SAMPLES = 5_000_000


class Sessions:
    """Counts sessions of projects; each outcome once a session."""

    def __init__(self, series: ErrorSeries) -> None:
        self._series = series
        self._known: OrderedDict[tuple[str, str], frozenset[str]] = OrderedDict()

    def one(self, project: str, raw: dict[str, Any]) -> None:  # Any: JSON of senders
        """A `session` item: it began, or how it goes."""
        outcomes = set()
        if raw.get("init") is True:
            outcomes.add("started")
        status = text(raw.get("status"), 20)
        if status == "crashed":
            outcomes |= {"crashed", "errored"}
        elif status.startswith("abnormal"):
            outcomes.add("abnormal")
        if number(raw.get("errors")) > 0:
            outcomes.add("errored")
        key = (project, text(raw.get("sid"), 64))
        known = self._known.get(key, frozenset()) if key[1] else frozenset()
        if key[1]:
            self._known[key] = known | outcomes
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        self._add(project, raw, dict.fromkeys(outcomes - known, 1))

    def several(self, project: str, raw: dict[str, Any]) -> None:  # Any: JSON of senders
        """A `sessions` item: counts of whole sessions by minute."""
        given = raw.get("aggregates")
        counted: dict[str, int] = {}
        for one in given[:_MOST_AGGREGATES] if isinstance(given, list) else ():
            each = dictionary(one)
            named = {name: number(each.get(name)) for name in ("exited", *_BAD)}
            counted["started"] = counted.get("started", 0) + sum(named.values())
            for name in _BAD:
                counted[name] = counted.get(name, 0) + named[name]
            # A crash is an error too.
            counted["errored"] += named["crashed"]
        self._add(project, raw, counted)

    def _add(
        self, project: str, raw: dict[str, Any], counted: dict[str, int]
    ) -> None:  # Any: as above
        attributes = dictionary(raw.get("attrs"))
        release = text(attributes.get("release"), 200)
        environment = text(attributes.get("environment"), 100)
        for outcome, times in counted.items():
            if times:
                self._series.add(
                    SESSIONS,
                    times,
                    project=project,
                    release=release,
                    environment=environment,
                    outcome=outcome,
                )


class SessionHealth:
    """Reads the sessions of releases back."""

    def __init__(self, source: SeriesSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock

    async def releases(self, project: str, days: int) -> list[ReleaseHealth]:
        """The most used first. Raises Temporary when the store does not answer."""
        now_ms = self._clock.now_ms()
        wanted = [Matcher("__name__", MatchOp.EQUAL, SESSIONS)]
        if project:
            wanted.append(Matcher("project", MatchOp.EQUAL, project))
        start_ms = now_ms - max(1, min(days, 365)) * _DAY_MS
        data = await self._source.select(wanted, start_ms, now_ms, limit_samples=_SAMPLES)
        counted: dict[tuple[str, str, str], dict[str, int]] = {}
        for place, labels in enumerate(data.labels):
            values = data.values[data.offsets[place] : data.offsets[place + 1]]
            key = (get(labels, "project"), get(labels, "release"), get(labels, "environment"))
            of_release = counted.setdefault(key, {})
            outcome = get(labels, "outcome")
            of_release[outcome] = of_release.get(outcome, 0) + _grown(values[~np.isnan(values)])
        found = [_health(key, each) for key, each in counted.items()]
        return sorted(found, key=lambda one: (-one.sessions, one.project, one.release))


def _grown(values: Any) -> int:  # Any: an array of floats
    """By how much a counter grew, over its new beginnings too."""
    if not len(values):
        return 0
    steps = np.diff(values)
    return round(float(np.where(steps >= 0, steps, values[1:]).sum()))


def _health(key: tuple[str, str, str], counted: dict[str, int]) -> ReleaseHealth:
    sessions, crashed = counted.get("started", 0), counted.get("crashed", 0)
    return ReleaseHealth(
        project=key[0],
        release=key[1],
        environment=key[2],
        sessions=sessions,
        crashed=crashed,
        errored=counted.get("errored", 0),
        abnormal=counted.get("abnormal", 0),
        crash_free=1.0 - min(1.0, crashed / sessions) if sessions else 1.0,
    )
