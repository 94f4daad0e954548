"""Which silences are about to end, or have just ended while what they held back still fires?

Their authors are told by alerts of Tocsin's own, `SilenceEnding` and `SilenceEnded`, which are
routed like every other one: by `created_by`, for example. Each end is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin.alert.attention.silence import Silence, Silences
from tocsin.alert.routing.matchers import matches_all
from tocsin.alert.rules.ports import AlertSink
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping

_log = log.get("silences")
_told = gauge.counter("silence_announcements", "Ends of silences that were told.", ("kind",))
_EVERY_SECONDS = 10.0
_JUST_MS = 3_600_000
_LEAST_LEAD_MS = 60_000
_FOR_MS = 3_600_000
_LONGEST_LABEL = 400
_NAMED = 3

ENDING, ENDED = "SilenceEnding", "SilenceEnded"
OWN = frozenset((ENDING, ENDED))
"""What does not count as held back by a silence: it is about the silence itself."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An end that its author is to be told of; `held` are the alerts that fire and match."""

    silence: Silence
    has_ended: bool
    held: Sequence[Labels]


def lead_of(silence: Silence, lead_ms: int) -> int:
    """How long before its end a silence is announced: `lead_ms`, less for a short one."""
    return min(lead_ms, (silence.ends_ms - silence.starts_ms) // 4)


def due(
    silences: Iterable[Silence],
    held_by: Callable[[Silence], Sequence[Labels]],
    now_ms: int,
    lead_ms: int,
) -> list[Announcement]:
    """What is to be told now. One that a person ended by hand is not: that person knows."""
    found = []
    for silence in silences:
        state, ends = silence.state(now_ms), silence.ends_ms
        if state == "active":
            lead = lead_of(silence, lead_ms)
            is_near = lead >= _LEAST_LEAD_MS and now_ms >= ends - lead
            if is_near and silence.ending_told_ms != ends:
                found.append(Announcement(silence, has_ended=False, held=held_by(silence)))
        elif state == "expired" and silence.ended_told_ms != ends:
            is_by_hand = silence.updated_ms >= ends
            if not is_by_hand and now_ms < ends + _JUST_MS and (held := held_by(silence)):
                found.append(Announcement(silence, has_ended=True, held=held))
    return found


def alert_of(one: Announcement, now_ms: int, external_url: str) -> Alert:
    """The alert that tells it: of an end to come until it comes, of one that came for an hour."""
    silence = one.silence
    conditions = ", ".join(f'{m.name}{m.op}"{m.value}"' for m in silence.matchers)
    count = len(one.held)
    what = f"{count} alert{'' if count == 1 else 's'}"
    ends = f"{datetime.fromtimestamp(silence.ends_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    if one.has_ended:
        summary = f"A silence of {silence.created_by} has ended while {what} still fire"
    else:
        summary = f"A silence of {silence.created_by} ends at {ends} and holds back {what}"
    names = sorted({dict(labels).get("alertname", "?") for labels in one.held})
    still = f" Firing: {', '.join(names[:_NAMED])}" if names else ""
    still += f" and {len(names) - _NAMED} more." if len(names) > _NAMED else "." if names else ""
    labels = {
        "alertname": ENDED if one.has_ended else ENDING,
        "severity": "info",
        "silence_id": silence.id,
        "created_by": silence.created_by,
        "matchers": conditions[:_LONGEST_LABEL],
    }
    address = f"{external_url}/silences/{silence.id}"
    annotations = {
        "summary": summary,
        "description": f"{silence.comment} ({conditions}).{still} Extend or end it: {address}",
    }
    return Alert(
        labels=from_mapping(labels),
        annotations=from_mapping(annotations),
        starts_ms=now_ms,
        ends_ms=now_ms + _FOR_MS if one.has_ended else silence.ends_ms,
        updated_ms=now_ms,
        generator_url=address,
        source="silences",
    )


class Announcer:
    """Tells each end once, across restarts too: it is noted with the silence after it was put;
    what is put twice is the same alert, which is told once."""

    def __init__(
        self,
        silences: Silences,
        firing: Callable[[], Iterable[Labels]],
        alerts: AlertSink,
        clock: Clock,
    ) -> None:
        self.lead_ms = 900_000
        self.external_url = ""
        self._silences = silences
        self._firing = firing
        self._alerts = alerts
        self._clock = clock

    async def run(self) -> None:
        """Look every 10 s, for ever."""
        while True:
            await self._clock.sleep(_EVERY_SECONDS)
            try:
                await self.look()
            except Fault as error:
                _log.warning("silence_end_untold", error=str(error))

    async def look(self) -> None:
        """Tell what is due now. Raises Temporary when it cannot be kept: it is told later."""
        now = self._clock.now_ms()
        if self.lead_ms <= 0:
            return
        for one in due(self._silences.all(), self.held_by, now, self.lead_ms):
            await self._alerts.put([alert_of(one, now, self.external_url)])
            await self._silences.note_told(one.silence.id, has_ended=one.has_ended)
            kind = "ended" if one.has_ended else "ending"
            _told.labels(kind).inc()
            _log.info("silence_end_told", silence=one.silence.id, kind=kind, held=len(one.held))

    def held_by(self, silence: Silence) -> list[Labels]:
        """The alerts that fire now and satisfy its conditions."""
        conditions = self._silences.matchers(silence)
        return [
            labels
            for labels in self._firing()
            if dict(labels).get("alertname") not in OWN and matches_all(conditions, labels)
        ]
