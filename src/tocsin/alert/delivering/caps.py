"""How many messages an hour does a channel get, and what becomes of the others? One digest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from tocsin.alert.delivering.channel_notes import ChannelNotes, Waiting
from tocsin.alert.routing.fallback import Channel
from tocsin.model.labels import get
from tocsin.model.notices import Notice, NoticeAlert

_HOUR_MS = 3_600_000
_NAMED = 10
_RANK = ("critical", "page", "emergency", "high", "error", "warning", "medium", "low", "info")
_INCIDENTS = frozenset(("pagerduty", "opsgenie", "victorops", "jira", "incidentio"))
"""Services that keep an incident open until its end is told: an end there wakes nobody, and one
that waited would leave the incident open."""

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class CapsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The most messages that a channel gets within any hour; what is beyond waits for a digest."""

    default: Count = 0
    """For every channel; 0 is no cap."""
    receivers: dict[str, Count] = {}
    """By receiver, for each of its channels: `{team-sms: 10}`."""
    exempt: tuple[str, ...] = ("critical",)
    """Alerts of these severities never wait."""

    def of(self, channel: Channel) -> int:
        """The channel's cap, 0 for none."""
        return self.receivers.get(channel.receiver, self.default)


class Caps:
    """Counts what each channel was sent, and keeps what waits there."""

    def __init__(self, notes: ChannelNotes) -> None:
        self.config = CapsConfig()
        self._notes = notes
        self._sent: dict[Channel, deque[int]] = {}
        self._waiting: dict[Channel, dict[str, Waiting]] = {}

    def load(self, waiting: Iterable[Waiting], sent: Iterable[tuple[Channel, int]]) -> None:
        """What an earlier process left: what waits, and when what was sent, oldest first."""
        for one in waiting:
            self._waiting.setdefault(one.channel, {})[one.notice.group_key] = one
        for channel, at_ms in sent:
            self.sent(channel, at_ms)

    @property
    def waiting(self) -> list[Waiting]:
        """Everything that waits for a digest."""
        return [one for groups in self._waiting.values() for one in groups.values()]

    def is_full(self, channel: Channel, notice: Notice, now_ms: int) -> bool:
        """Whether this message has to wait. It does too while others wait before it."""
        severities = {get(alert.labels, "severity").lower() for alert in notice.firing}
        if severities.intersection(self.config.exempt):
            return False
        waiting = self._waiting.get(channel, {})
        kind = channel.integration.partition("[")[0]
        if not notice.firing and kind in _INCIDENTS and notice.group_key not in waiting:
            return False
        return self.room_ms(channel, now_ms) > now_ms or bool(waiting)

    def room_ms(self, channel: Channel, now_ms: int) -> int:
        """When the channel may be sent another message; not after `now_ms` when it may now."""
        cap, sent = self.config.of(channel), self._sent.get(channel)
        if not cap or sent is None:
            return now_ms
        while sent and sent[0] <= now_ms - _HOUR_MS:
            sent.popleft()
        return now_ms if len(sent) < cap else sent[len(sent) - cap] + _HOUR_MS

    def sent(self, channel: Channel, now_ms: int) -> None:
        """The channel took a message."""
        self._sent.setdefault(channel, deque(maxlen=100_000)).append(now_ms)

    async def wait(self, channel: Channel, notice: Notice, record_id: int, now_ms: int) -> None:
        """Let it wait; raises Temporary when that cannot be kept, and it must go out at once."""
        groups = self._waiting.setdefault(channel, {})
        before = groups.get(notice.group_key)
        ids = (*before.records, record_id) if before else (record_id,)
        one = Waiting(
            receiver=channel.receiver,
            integration=channel.integration,
            notice=_merged(before.notice, notice) if before else notice,
            count=before.count + 1 if before else 1,
            since_ms=before.since_ms if before else now_ms,
            records=ids[-1000:],
        )
        await self._notes.save([one])
        groups[notice.group_key] = one

    def due(self, now_ms: int) -> list[Channel]:
        """The channels whose digest may go now."""
        return [
            channel
            for channel, groups in self._waiting.items()
            if groups and self.room_ms(channel, now_ms) <= now_ms
        ]

    def next_ms(self, now_ms: int) -> int:
        """When the next digest may go; 0 when nothing waits."""
        rooms = [self.room_ms(one, now_ms) for one, groups in self._waiting.items() if groups]
        return min(rooms, default=0)

    def of(self, channel: Channel) -> list[Waiting]:
        """What waits there, the oldest first."""
        groups = self._waiting.get(channel, {})
        return sorted(groups.values(), key=lambda one: one.since_ms)

    async def told(self, told: Sequence[Waiting]) -> None:
        """These were in a digest; what came since then waits on. Raises Temporary when it cannot
        be noted: after a restart they are told once more."""
        gone = []
        for one in told:
            groups = self._waiting.get(one.channel, {})
            if groups.get(one.notice.group_key) is one:
                del groups[one.notice.group_key]
                gone.append(one.key)
        await self._notes.forget(gone)


def digest(waiting: Sequence[Waiting], now_ms: int) -> Notice:
    """One message for all of these: every alert in its newest state, and in the group's labels,
    which each channel's text shows, how many there were and the worst."""
    channel = waiting[0].channel
    alerts = [alert for one in waiting for alert in one.notice.alerts]
    count, groups = sum(one.count for one in waiting), len(waiting)
    names = list(dict.fromkeys(get(alert.labels, "alertname") for alert in alerts))
    listed = ", ".join(names[:_NAMED])
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    messages = "1 message" if count == 1 else f"{count} messages"
    words = f"{messages} of {groups} group{'' if groups == 1 else 's'} waited: {listed}{rest}"
    worst = worst_severity(alerts)
    return Notice(
        receiver=channel.receiver,
        group_key=f"digest:{channel}:{waiting[0].since_ms}",
        group_labels=(
            ("alertname", "NotificationDigest"),
            ("digest", words),
            *((("worst", worst),) if worst else ()),
        ),
        alerts=tuple(alerts),
        at_ms=now_ms,
    )


def worst_severity(alerts: Iterable[NoticeAlert]) -> str:
    """The gravest label `severity` among those that fire; empty without any."""
    found = {get(alert.labels, "severity").lower() for alert in alerts if not alert.ends_ms} - {""}
    return min(found, key=lambda one: (_RANK.index(one) if one in _RANK else 99, one), default="")


def _merged(before: Notice, after: Notice) -> Notice:
    """All alerts of both, each as it was last told."""
    alerts = {alert.fingerprint: alert for alert in (*before.alerts, *after.alerts)}
    return msgspec.structs.replace(after, alerts=tuple(alerts.values()))
