"""Who would be told of an alert, when and why? The live dispatcher, on virtual time.

Nothing is sent and nothing is counted. What holds messages back is asked of the dispatcher at every
moment at which it may change; the times of routes are looked at minute by minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.alert.attention.silence import Silence
from tocsin.alert.config import AlertingConfig
from tocsin.alert.deciding.circumstances import Maintenance
from tocsin.alert.deciding.holding import Stage
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import RoutingPlan
from tocsin.alert.routing.group import group_key, group_labels
from tocsin.alert.routing.route import Route, matching, why_muted
from tocsin.alert.trying.rehearsal import Rehearsal
from tocsin.kit import gauge
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels
from tocsin.model.notices import Notice, fingerprint

LONGEST_MS = 14 * 86_400_000
_MOST_ROUNDS = 6_000
_MINUTE_MS = 60_000
_SHORTEST_MS = 1000
_LOOKS = 360


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to come; `why` is "first", "repeat", "change" or "resolved"."""

    at_ms: int
    receiver: str
    via: tuple[str, ...]
    why: str
    route: int
    alerts: int = 1
    """How many alerts it tells of, this one among them."""


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a route does not tell of the alert; `until_ms` 0 when it has no end in sight.
    `route` -1 means every route."""

    from_ms: int
    until_ms: int
    why: str
    route: int = -1


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an alert that begins at `at_ms` and fires until `ends_ms`.

    `seen_ms` is how far was looked; it is earlier than the alert's end when that would take too
    long, which `is_cut` says.
    """

    at_ms: int
    ends_ms: int
    seen_ms: int
    is_cut: bool
    routes: tuple[int, ...]
    messages: tuple[Message, ...]
    quiet: tuple[Quiet, ...]

    @property
    def receivers(self) -> tuple[str, ...]:
        """Who is told at all, in order."""
        return tuple(dict.fromkeys(message.receiver for message in self.messages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else is true meanwhile: alerts that fire, silences, maintenance, and what the section
    `alerting` says of dependencies and flapping."""

    alerts: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    maintenance: Maintenance | None = None
    config: AlertingConfig | None = None


def forecast(
    plan: RoutingPlan,
    ways: Mapping[str, Sequence[Integration]],
    labels: Labels,
    at_ms: int,
    lasts_ms: int,
    around: Surroundings | None = None,
) -> Forecast:
    """Run it, for at most 14 days; takes CPU time, so that it belongs into a thread of its own.

    Raises Rejected for an alert without labels, or one that lasts too long or less than 1 s.
    """
    if not labels:
        raise Rejected("an alert needs labels, such as severity=critical")
    if not _SHORTEST_MS <= lasts_ms <= LONGEST_MS:
        raise Rejected("an alert can be tried for 1s to 14d")
    with gauge.rehearsal():
        return asyncio.run(
            _Trial(plan, ways, labels, at_ms, lasts_ms, around or Surroundings()).run()
        )


class _Trial:
    """One run."""

    def __init__(
        self,
        plan: RoutingPlan,
        ways: Mapping[str, Sequence[Integration]],
        labels: Labels,
        at_ms: int,
        lasts_ms: int,
        around: Surroundings,
    ) -> None:
        self._plan, self._labels, self._around = plan, labels, around
        self._routes = matching(plan.root, labels)
        self._at_ms, self._ends_ms = at_ms, at_ms + lasts_ms
        self._clock = FakeClock(at_ms / 1000)
        self._rehearsal = Rehearsal(
            self._clock, plan, ways, around.silences, around.config, around.maintenance
        )
        slowest = max(route.group_interval_ms for route in self._routes)
        wanted = self._ends_ms + 2 * slowest + _SHORTEST_MS
        rounds = sum(1 / route.group_interval_ms for route in self._routes)
        self._seen_ms = min(wanted, at_ms + round(_MOST_ROUNDS / rounds))
        self._is_cut = self._seen_ms < wanted

    async def run(self) -> Forecast:
        """Let the time pass."""
        await self._rehearsal.open()
        dispatcher = self._rehearsal.dispatcher
        alert = Alert(
            labels=self._labels, starts_ms=self._at_ms, ends_ms=self._ends_ms, source="rehearsal"
        )
        running = asyncio.create_task(dispatcher.run(), name="rehearsal")
        held: list[tuple[int, str]] = []
        try:
            others = [one for one in self._around.alerts if one.labels != self._labels]
            await dispatcher.put([*others, alert])
            for moment in self._moments():
                await self._clock.advance((moment - self._clock.now_ms()) / 1000)
                held.append((moment, self._why_held(alert)))
        finally:
            running.cancel()
            await asyncio.wait([running])
        return Forecast(
            at_ms=self._at_ms,
            ends_ms=self._ends_ms,
            seen_ms=self._seen_ms,
            is_cut=self._is_cut,
            routes=tuple(route.number for route in self._routes),
            messages=tuple(self._messages()),
            quiet=tuple(
                sorted(
                    (*self._spans(held, -1), *self._muted()),
                    key=lambda one: (one.from_ms, one.route),
                )
            ),
        )

    def _moments(self) -> list[int]:
        """When silences or other alerts begin or end, and the end of it all; maintenance is looked
        for again and again."""
        edges = {self._at_ms, self._seen_ms}
        for silence in self._around.silences:
            edges |= {silence.starts_ms, silence.ends_ms}
        edges |= {one.ends_ms for one in self._around.alerts}
        if self._around.maintenance is not None:
            step = max(_MINUTE_MS, (self._seen_ms - self._at_ms) // _LOOKS)
            edges |= set(range(self._at_ms, self._seen_ms, step))
        return sorted(edge for edge in edges if self._at_ms <= edge <= self._seen_ms)

    def _why_held(self, alert: Alert) -> str:
        """What holds the alert back now on every route; empty when nothing does."""
        decisions = self._rehearsal.dispatcher.explain(alert)
        return "; ".join(
            dict.fromkeys(
                hold.words
                for decision in decisions
                for hold in decision.holds
                if hold.stage not in (Stage.TIME, Stage.ACKNOWLEDGED)
            )
        )

    def _spans(self, states: Sequence[tuple[int, str]], route: int) -> Iterator[Quiet]:
        """The times of each reason, from what was true at certain moments on."""
        since, reason = 0, ""
        for moment, why in states:
            if why == reason:
                continue
            if reason:
                yield Quiet(from_ms=since, until_ms=moment, why=reason, route=route)
            since, reason = moment, why
        if reason:
            yield Quiet(from_ms=since, until_ms=0, why=reason, route=route)

    def _muted(self) -> Iterator[Quiet]:
        for route in self._routes:
            if route.mute or route.active:
                yield from self._spans(list(self._mute_states(route)), route.number)

    def _mute_states(self, route: Route) -> Iterator[tuple[int, str]]:
        """Intervals begin and end at whole minutes."""
        moment, last = self._at_ms, self._ends_ms if not self._is_cut else self._seen_ms
        while moment <= last:
            yield moment, why_muted(route, self._plan.intervals, moment)
            moment += _MINUTE_MS - moment % _MINUTE_MS

    def _messages(self) -> Iterator[Message]:
        """Those that tell of this alert; what one receiver is told at once is one message."""
        own = fingerprint(self._labels)
        routes = {
            (route.receiver, group_key(route, group_labels(route, self._labels))): route.number
            for route in reversed(self._routes)
        }
        together: dict[tuple[int, str, str, bool], tuple[Notice, list[str]]] = {}
        for via, notice in self._rehearsal.told.messages:
            if any(one.fingerprint == own for one in notice.alerts):
                is_over = notice.status == "resolved"
                place = (notice.at_ms, notice.receiver, notice.group_key, is_over)
                together.setdefault(place, (notice, []))[1].append(via)
        told: dict[tuple[str, str], frozenset[str]] = {}
        for (at_ms, receiver, key, _), (notice, names) in together.items():
            firing = frozenset(one.fingerprint for one in notice.firing)
            before = told.get((receiver, key))
            told[receiver, key] = firing
            yield Message(
                at_ms=at_ms,
                receiver=receiver,
                via=tuple(names),
                why=_why(before, firing, is_over=own not in firing),
                route=routes.get((receiver, key), -1),
                alerts=len(notice.alerts),
            )


def _why(before: frozenset[str] | None, firing: frozenset[str], *, is_over: bool) -> str:
    if is_over:
        return "resolved"
    if before is None:
        return "first"
    return "repeat" if before == firing else "change"
