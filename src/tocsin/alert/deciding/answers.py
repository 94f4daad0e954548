"""What happens when somebody answers a message: in Slack, in PagerDuty, by a link of a mail?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.alert.attention.acknowledge import Acknowledgement, Acknowledgements
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels
from tocsin.model.notices import group_id

_PRESSED_TWICE_MS = 120_000
"""Two presses of one button within this make one silence."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever answers: the name that is shown, and where they said it (one of SOURCES)."""

    name: str
    source: str


class Answers:
    """Does to a group of alerts what was asked for; a group is named by `model.notices.group_id`.

    `remembered` gives the fingerprints that a message about a group told, for a group that a new
    configuration no longer forms.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        acknowledgements: Acknowledgements,
        clock: Clock,
        remembered: Callable[[str], Collection[str]] = lambda _: (),
    ) -> None:
        self._dispatcher = dispatcher
        self._acknowledgements = acknowledgements
        self._clock = clock
        self._remembered = remembered

    def firing(self, group: str) -> list[Alert]:
        """The alerts of a group that are not over; empty when all are, or there is no such."""
        now = self._clock.now_ms()
        for one in self._dispatcher.groups:
            if group_id(one.key) == group:
                return [alert for alert in one.alerts.values() if not alert.is_resolved(now)]
        told = set(self._remembered(group))
        if not told:
            return []
        states = self._dispatcher.states()
        return [one.alert for one in states if one.alert.fingerprint in told]

    async def acknowledge(self, alerts: Sequence[Alert], who: Who, note: str = "") -> int:
        """Take on those that nobody has taken on; how many that were. Raises NotFound when none
        fires, Temporary when it cannot be kept."""
        _must_fire(alerts)
        now = self._clock.now_ms()
        fresh = [
            Acknowledgement(
                fingerprint=alert.fingerprint,
                labels=alert.labels,
                by=who.name,
                at_ms=now,
                note=note,
                source=who.source,
            )
            for alert in alerts
            if self._acknowledgements.of(alert.fingerprint, now) is None
        ]
        await self._acknowledgements.put_all(fresh)
        return len(fresh)

    async def give_back(self, alerts: Sequence[Alert], who: Who) -> int:
        """Clear their acknowledgements; how many there were. Raises Temporary."""
        now = self._clock.now_ms()
        taken = [
            alert.fingerprint
            for alert in alerts
            if self._acknowledgements.of(alert.fingerprint, now) is not None
        ]
        for fingerprint in taken:
            await self._acknowledgements.clear(fingerprint, who.name, who.source)
        return len(taken)

    async def silence(
        self, alerts: Sequence[Alert], who: Who, seconds: float, comment: str
    ) -> Silence:
        """Hold back whatever has the labels that all of these share, from now on. Raises NotFound
        when none fires, Rejected when they share nothing, Temporary."""
        _must_fire(alerts)
        now = self._clock.now_ms()
        ends = now + round(seconds * 1000)
        matchers = shared_matchers(alerts)
        for old in self._dispatcher.silences.all():
            is_own = old.created_by == who.name and set(old.matchers) == set(matchers)
            if (
                is_own
                and old.state(now) == "active"
                and abs(old.ends_ms - ends) < _PRESSED_TWICE_MS
            ):
                return old
        silence = Silence(
            matchers=matchers, starts_ms=now, ends_ms=ends, created_by=who.name, comment=comment
        )
        return await self._dispatcher.silences.set(silence)

    async def resolve(self, alerts: Sequence[Alert]) -> int:
        """Call them over; what still fires is told anew when it is next evaluated or sent. Raises
        NotFound when none fires, Temporary."""
        _must_fire(alerts)
        now = self._clock.now_ms()
        await self._dispatcher.put([msgspec.structs.replace(one, ends_ms=now) for one in alerts])
        return len(alerts)


def shared_matchers(alerts: Sequence[Alert]) -> tuple[SilenceMatcher, ...]:
    """Conditions that name the labels which all of these alerts have in common: never more than
    those who asked had before their eyes."""
    common: set[tuple[str, str]] = set(alerts[0].labels) if alerts else set()
    for alert in alerts:
        common &= set(alert.labels)
    labels: Labels = tuple(sorted(common))
    return tuple(SilenceMatcher(name=name, op="=", value=value) for name, value in labels)


def _must_fire(alerts: Sequence[Alert]) -> None:
    if not alerts:
        raise NotFound("none of these alerts fires any more")
