"""Which channels keep failing? An alert says so, until they work again."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.alert.delivering.delivery import Failure
from tocsin.alert.routing.fallback import Channel
from tocsin.alert.rules.ports import AlertSink
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping, get

NAME = "NotificationChannelFailing"

_log = log.get("notify")
_failing = gauge.gauge(
    "notification_channel_failing",
    "1 while a channel keeps failing.",
    ("receiver", "integration"),
)
_LASTS_MS = 300_000
_REFRESH_MS = 60_000
_FORGOTTEN_MS = 3_600_000
"""After so long without another failure nobody knows whether the channel works."""


def is_about(labels: Labels, channel: Channel) -> bool:
    """Whether this alert says that the channel fails."""
    return (
        get(labels, "alertname") == NAME
        and get(labels, "receiver") == channel.receiver
        and get(labels, "integration") == channel.integration
    )


class ChannelAlarms:
    """The alerts about channels; `sink` is the dispatcher, once there is one."""

    def __init__(self, clock: Clock) -> None:
        self.sink: AlertSink | None = None
        self._clock = clock
        self._failing: dict[Channel, tuple[int, Failure]] = {}
        self._refreshed_ms = 0

    @property
    def failing(self) -> Mapping[Channel, int]:
        """The channels that keep failing, and since when."""
        return {channel: since for channel, (since, _) in self._failing.items()}

    async def fails(self, channel: Channel, failure: Failure) -> None:
        """It has kept failing for too long."""
        if channel in self._failing:
            return
        self._failing[channel] = (failure.since_ms, failure)
        _failing.labels(*channel).set(1)
        await self._put(channel, is_over=False)

    async def works(self, channel: Channel) -> None:
        """It took a message."""
        if channel in self._failing:
            await self._put(channel, is_over=True)
            self._failing.pop(channel, None)
            _failing.labels(*channel).set(0)

    async def refresh(self) -> None:
        """Keep the alerts alive, each minute."""
        now = self._clock.now_ms()
        if now < self._refreshed_ms + _REFRESH_MS:
            return
        self._refreshed_ms = now
        for channel, (_, failure) in list(self._failing.items()):
            if failure.at_ms and failure.at_ms < now - _FORGOTTEN_MS:
                await self.works(channel)
            else:
                await self._put(channel, is_over=False)

    async def _put(self, channel: Channel, *, is_over: bool) -> None:
        if self.sink is None:
            return
        since_ms, failure = self._failing[channel]
        now = self._clock.now_ms()
        alert = Alert(
            labels=from_mapping(
                {
                    "alertname": NAME,
                    "receiver": channel.receiver,
                    "integration": channel.integration,
                    "severity": "critical",
                }
            ),
            annotations=from_mapping(
                {
                    "summary": f"{channel} takes no messages",
                    "description": failure.error or "it did not answer",
                }
            ),
            starts_ms=min(since_ms, now),
            ends_ms=now if is_over else now + _LASTS_MS,
            source="tocsin",
        )
        try:
            await self.sink.put([alert])
        except Fault as error:
            _log.warning("channel_alarm_not_raised", channel=str(channel), error=str(error))
