"""What were others told because a channel failed, and in which words?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from tocsin.alert.delivering.channel_notes import ChannelNotes, Instead
from tocsin.alert.routing.fallback import Channel
from tocsin.kit import log
from tocsin.kit.fault import Temporary
from tocsin.model.labels import make
from tocsin.model.notices import Notice

_log = log.get("notify")
_REPEAT_MS = 4 * 3_600_000
_MOST_KNOWN = 20_000


def told_instead(notice: Notice, channel: Channel, error: str, since_ms: int) -> Notice:
    """The notice for others: among the group's labels, which each channel's text shows, stands
    whom it was meant for; the alerts say why in an annotation."""
    if not since_ms:
        return notice
    since = datetime.fromtimestamp(since_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    words = f"{channel} has not answered since {since}"
    said = ("notification_note", f"{words}: {error}" if error else words)
    alerts = tuple(
        msgspec.structs.replace(alert, annotations=make((*alert.annotations, said)))
        for alert in notice.alerts
    )
    labels = (*notice.group_labels, ("instead_of", words))
    return msgspec.structs.replace(notice, alerts=alerts, group_labels=labels)


class InsteadLog:
    """What was told instead, kept; and what each channel took lately, in memory."""

    def __init__(self, notes: ChannelNotes) -> None:
        self._notes = notes
        self._told: dict[tuple[Channel, str], Instead] = {}
        self._took: dict[Channel, dict[str, int]] = {}

    def load(self, told: Iterable[Instead]) -> None:
        """What an earlier process kept."""
        for one in told:
            self._told[Channel(one.receiver, one.integration), one.group_key] = one

    def get(self, channel: Channel, group_key: str) -> Instead | None:
        """What others were told of the channel's group; None when nothing."""
        return self._told.get((channel, group_key))

    def is_news(self, channel: Channel, notice: Notice, now_ms: int) -> bool:
        """Whether others are to be told: of what they have not heard, of what lasts for another
        four hours, and of the end of what they heard."""
        before = self.get(channel, notice.group_key)
        firing = {alert.fingerprint for alert in notice.firing}
        if before is None:
            return bool(firing)
        return not firing or not firing <= before.firing or now_ms - before.at_ms >= _REPEAT_MS

    def took(self, channel: Channel, notice: Notice, now_ms: int) -> None:
        """The channel took these alerts."""
        known = self._took.setdefault(channel, {})
        for alert in notice.alerts:
            known.pop(alert.fingerprint, None)
            if not alert.ends_ms:
                known[alert.fingerprint] = now_ms
        while len(known) > _MOST_KNOWN:
            del known[next(iter(known))]

    def knows(self, channel: Channel, notice: Notice, now_ms: int) -> bool:
        """Whether the channel was told of all of these that fire anyway, by a route of its own."""
        known, firing = self._took.get(channel, {}), notice.firing
        return bool(firing) and all(
            known.get(alert.fingerprint, -_REPEAT_MS) > now_ms - _REPEAT_MS for alert in firing
        )

    async def told(self, channel: Channel, notice: Notice, now_ms: int) -> None:
        """Others know it now."""
        firing = frozenset(alert.fingerprint for alert in notice.firing)
        one = Instead(
            receiver=channel.receiver,
            integration=channel.integration,
            group_key=notice.group_key,
            firing=firing,
            at_ms=now_ms,
        )
        try:
            if firing:
                self._told[channel, notice.group_key] = one
                await self._notes.save([one])
            elif self._told.pop((channel, notice.group_key), None) is not None:
                await self._notes.forget([one.key])
        except Temporary as error:
            _log.warning("fallback_not_noted", channel=str(channel), error=str(error))
