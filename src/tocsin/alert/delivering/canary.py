"""Does a message really arrive? A test message goes through each channel, and somebody says so."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

import msgspec

from tocsin.alert.delivering.canary_config import CanaryConfig, next_ms
from tocsin.alert.delivering.channel_notes import CanaryNote
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.delivering.desk import Desk, Origin, Sending
from tocsin.alert.routing.fallback import Channel
from tocsin.alert.rules.ports import AlertSink
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, NotFound, Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping
from tocsin.model.notices import Notice, NoticeAlert, fingerprint

LATE = "CanaryLate"

_log = log.get("canary")
_delivery = gauge.gauge(
    "canary_delivery_seconds",
    "How long the latest test message took until the service had it; NaN when it did not.",
    ("receiver", "integration"),
)
_sent_at = gauge.gauge(
    "canary_sent_timestamp_seconds",
    "When the latest test message was sent.",
    ("receiver", "integration"),
)
_acknowledged_at = gauge.gauge(
    "canary_acknowledged_timestamp_seconds",
    "When somebody said last that a test message had arrived.",
    ("receiver", "integration"),
)
_SEND_SECONDS = 300.0
_TURN_SECONDS = 30.0
_LASTS_MS = 300_000


class Canaries:
    """Sends them, keeps how they fared, and raises an alert when one is late."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.config = CanaryConfig()
        self.sink: AlertSink | None = None
        self.external_url = ""
        self._desk = desk
        self._clock = clock
        self._notes: dict[Channel, CanaryNote] = {}
        self._late: set[Channel] = set()
        self._to_end: list[CanaryNote] = []
        self._next_ms = 0

    def load(self, notes: Sequence[CanaryNote]) -> None:
        """What an earlier process left."""
        for one in notes:
            self._notes[one.channel] = one
            _measure(one)

    def configure(self, config: CanaryConfig, external_url: str) -> None:
        """Put it in force. A canary that was due while nothing ran is sent at once."""
        self.config, self.external_url = config, external_url
        last_ms = max((one.due_ms for one in self._notes.values()), default=0)
        self._next_ms = next_ms(config, last_ms or self._clock.now_ms())

    @property
    def all(self) -> list[CanaryNote]:
        """The latest of each channel."""
        return list(self._notes.values())

    @property
    def next_ms(self) -> int:
        """When the next ones go; 0 for never."""
        return self._next_ms

    def get(self, canary_id: str) -> CanaryNote:
        """Raises NotFound."""
        for one in self._notes.values():
            if secrets.compare_digest(one.id.encode(), canary_id.encode("utf-8", "replace")):
                return one
        raise NotFound("there is no such test message, or a newer one took its place")

    async def acknowledge(self, canary_id: str, by: str) -> CanaryNote:
        """It arrived, somebody says; its end is told to the channel soon. Raises NotFound."""
        one = self.get(canary_id)
        if not one.acknowledged_ms:
            one = msgspec.structs.replace(
                one, acknowledged_ms=self._clock.now_ms(), acknowledged_by=by[:200]
            )
            await self._keep(one)
            self._to_end.append(one)
        return one

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.turn()
            await self._clock.sleep(_TURN_SECONDS)

    async def turn(self) -> None:
        """What is due now."""
        now = self._clock.now_ms()
        if self._next_ms and now >= self._next_ms:
            due_ms, self._next_ms = self._next_ms, next_ms(self.config, now)
            await asyncio.gather(*(self._send(one, due_ms) for one in self._channels()))
        while self._to_end:
            ended = self._to_end.pop()
            channel = self._desk.integrations.get(ended.channel)
            if channel is not None and channel.sends_resolved:
                await self._desk.send(self._sending(channel, ended))
        for note in list(self._notes.values()):
            await self._watch(note, self._clock.now_ms())

    def _channels(self) -> list[Integration]:
        wanted = self.config.channels
        return [
            one
            for channel, one in self._desk.integrations.items()
            if not wanted or channel.receiver in wanted
        ]

    async def _send(self, one: Integration, due_ms: int) -> None:
        note = CanaryNote(
            id=secrets.token_urlsafe(12),
            receiver=one.receiver,
            integration=one.name,
            due_ms=due_ms,
            sent_ms=self._clock.now_ms(),
        )
        await self._keep(note)  # before sending: it is acknowledged by what is kept
        began = self._clock.monotonic()
        arrived = await self._desk.send(self._sending(one, note))
        took_ms = max(1, round((self._clock.monotonic() - began) * 1000))
        error = "" if arrived else one.failure.error or "it was not taken"
        newest = self._notes.get(note.channel, note)
        if newest.id == note.id:
            took = took_ms if arrived else 0
            await self._keep(msgspec.structs.replace(newest, took_ms=took, error=error))

    async def _keep(self, note: CanaryNote) -> None:
        self._notes[note.channel] = note
        _measure(note)
        try:
            await self._desk.notes.save([note])
        except Temporary as error:
            _log.warning("canary_not_kept", channel=str(note.channel), error=str(error))

    def _sending(self, one: Integration, note: CanaryNote) -> Sending:
        labels = from_mapping({"alertname": "Canary", "severity": "test"})
        address = f"{self.external_url}/notifications/canaries/{note.id}"
        said = {
            "summary": "This is a test of Tocsin's messages; nothing is wrong",
            "description": f"Say that it arrived: {address}",
        }
        alert = NoticeAlert(
            labels=labels,
            annotations=from_mapping(said),
            starts_ms=note.sent_ms,
            ends_ms=note.acknowledged_ms,
            generator_url=address,
            fingerprint=fingerprint(labels),
        )
        notice = Notice(
            receiver=one.receiver,
            group_key=f"canary:{note.id}",
            group_labels=(("alertname", "Canary"), ("test", f"please confirm at {address}")),
            alerts=(alert,),
            at_ms=self._clock.now_ms(),
        )
        return Sending(one, notice, self._clock, _SEND_SECONDS, Origin("canary"))

    async def _watch(self, note: CanaryNote, now_ms: int) -> None:
        """The alert of a late one begins, lasts or ends."""
        is_over_ms = note.sent_ms + self.config.late.ms
        is_late = bool(note.sent_ms) and not note.acknowledged_ms and now_ms >= is_over_ms
        is_late = is_late and self.config.every != "off"
        if self.sink is None or not (is_late or note.channel in self._late):
            return
        alert = Alert(
            labels=from_mapping(
                {
                    "alertname": LATE,
                    "receiver": note.receiver,
                    "integration": note.integration,
                    "severity": "critical",
                }
            ),
            annotations=from_mapping(
                {
                    "summary": f"Nobody has confirmed the test message to {note.channel}",
                    "description": note.error or "The service took it; nobody acknowledged it.",
                }
            ),
            starts_ms=min(is_over_ms, now_ms),
            ends_ms=now_ms + _LASTS_MS if is_late else now_ms,
            source="tocsin",
        )
        try:
            await self.sink.put([alert])
        except Fault as error:
            _log.warning("late_canary_not_told", channel=str(note.channel), error=str(error))
            return
        (self._late.add if is_late else self._late.discard)(note.channel)


def _measure(note: CanaryNote) -> None:
    labels = (note.receiver, note.integration)
    _sent_at.labels(*labels).set(note.sent_ms / 1000)
    if note.took_ms or note.error:
        _delivery.labels(*labels).set(float("nan") if note.error else note.took_ms / 1000)
    if note.acknowledged_ms:
        _acknowledged_at.labels(*labels).set(note.acknowledged_ms / 1000)
