"""What happens around the sending of a message? It is recorded, may have to wait for a digest, and
is told to others when its channel keeps failing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tocsin.alert.delivering.caps import Caps, digest
from tocsin.alert.delivering.channel_notes import (
    CanaryNote,
    ChannelNotes,
    Instead,
    NoNotes,
    Waiting,
)
from tocsin.alert.delivering.delivery import Failure, Integration, Story
from tocsin.alert.delivering.failing import ChannelAlarms, is_about
from tocsin.alert.delivering.history import (
    CAPPED,
    DIGESTED,
    History,
    NoHistory,
    Record,
    record_of,
)
from tocsin.alert.delivering.instead import InsteadLog, told_instead
from tocsin.alert.routing.fallback import Channel, Fallbacks
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Temporary
from tocsin.model.notices import Notice, NoticeAlert

_log = log.get("notify")
_capped = gauge.counter(
    "notifications_capped",
    "Messages that wait for a digest because their channel had its share.",
    ("receiver", "integration"),
)
_fallen = gauge.counter(
    "notification_fallbacks", "Messages told to another channel.", ("receiver", "integration")
)
PATIENCE_SECONDS = 30.0
"""How long a channel may fail before others are told."""
_KNOWN_FAILING_SECONDS = 3.0
_TARGET_SECONDS = 20.0
_LAST_TARGET_SECONDS = 300.0
_RESEND_SECONDS = 60.0
_DIGEST_SECONDS = 300.0
_TURN_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Why a message goes out, when it is not the dispatcher's own."""

    why: str = ""
    fallback_of: str = ""
    resent_of: int = 0
    by: str = ""


_OWN = Origin()


@dataclass(frozen=True, slots=True)
class Sending:
    """One message to one channel, on its way."""

    one: Integration
    notice: Notice
    clock: Clock
    limit_seconds: float
    origin: Origin = field(default=_OWN)


class Desk:
    """Sees to every message of every channel; `load` once, then `run` beside the dispatcher."""

    def __init__(
        self, clock: Clock, history: History | None = None, notes: ChannelNotes | None = None
    ) -> None:
        self.history: History = history or NoHistory()
        self.fallbacks = Fallbacks()
        self._clock = clock
        notes = notes or NoNotes()
        self.notes = notes
        self.caps = Caps(notes)
        self.alarms = ChannelAlarms(clock)
        self._instead = InsteadLog(notes)
        self._failures: dict[Channel, Failure] = {}
        self._integrations: Mapping[Channel, Integration] = {}

    async def load(self, sent: Iterable[tuple[Channel, int]] = ()) -> list[CanaryNote]:
        """Read what an earlier process kept; `sent` are the last hour's messages, oldest first.
        Returns what is about canaries."""
        kept = await self.notes.all()
        self.caps.load((one for one in kept if isinstance(one, Waiting)), sent)
        self._instead.load(one for one in kept if isinstance(one, Instead))
        return [one for one in kept if isinstance(one, CanaryNote)]

    def configure(
        self, integrations: Mapping[str, Sequence[Integration]], fallbacks: Fallbacks
    ) -> None:
        """Put the ways of telling in force."""
        self._integrations = {one.channel: one for many in integrations.values() for one in many}
        self.fallbacks = fallbacks
        for channel, one in self._integrations.items():
            one.attended(self, self._failures.setdefault(channel, Failure()))

    @property
    def integrations(self) -> Mapping[Channel, Integration]:
        """Every channel in force."""
        return self._integrations

    async def deliver(
        self, one: Integration, notice: Notice, clock: Clock, limit_seconds: float
    ) -> bool:
        """See to the dispatcher's message; whether it may call it told."""
        own = tuple(alert for alert in notice.alerts if is_about(alert.labels, one.channel))
        if own:
            # A channel that fails cannot say so itself.
            about = Sending(one, replace_alerts(notice, own), clock, limit_seconds)
            told = await self._tell_others(about, since_ms=clock.now_ms())
            others = tuple(alert for alert in notice.alerts if alert not in own)
            if not others:
                return True
            notice = replace_alerts(notice, others)
            if not told:
                _log.warning("channel_failure_told_nobody", channel=str(one.channel))
        now = clock.now_ms()
        if self.caps.is_full(one.channel, notice, now) and await self._waits(one, notice, now):
            return True
        return await self.send(Sending(one, notice, clock, limit_seconds))

    async def send(self, sending: Sending) -> bool:
        """Record it, send it, and tell others when that keeps failing; whether it arrived."""
        story = await self._begin(sending)
        one, clock = sending.one, sending.clock
        began_ms = clock.now_ms()
        attempt = asyncio.ensure_future(
            one.bring(sending.notice, clock, sending.limit_seconds, story)
        )
        try:
            arrived = await self._patiently(attempt, sending, began_ms)
        finally:
            if not attempt.done():
                attempt.cancel()
                await asyncio.wait((attempt,), timeout=1.0)
        if arrived:
            await self._arrived(sending)
        return arrived

    async def _patiently(
        self, attempt: asyncio.Future[bool], sending: Sending, began_ms: int
    ) -> bool:
        failure, clock = sending.one.failure, sending.clock
        began = clock.monotonic()
        # Were the wall clock set back, the failure would seem to begin in the future.
        since_ms = min(failure.since_ms or began_ms, began_ms)
        left = PATIENCE_SECONDS - (began_ms - since_ms) / 1000
        alarm = asyncio.ensure_future(clock.sleep(max(_KNOWN_FAILING_SECONDS, left)))
        try:
            await asyncio.wait((attempt, alarm), return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        if attempt.done() and attempt.result():
            return True
        # Once it is given up, nobody tries before the group's next turn.
        took_ms = (clock.monotonic() - began) * 1000
        if attempt.done():
            took_ms = max(took_ms, sending.limit_seconds * 1000)
        if _keeps_failing(attempt, failure, began_ms, began_ms + took_ms):
            failure.since_ms = failure.since_ms or began_ms
            failure.error = failure.error or f"no answer for {PATIENCE_SECONDS:g} s"
            await self.alarms.fails(sending.one.channel, failure)
            if sending.origin.why in ("", "digest"):
                await self._tell_others(sending, since_ms=failure.since_ms)
        return await attempt

    async def _arrived(self, sending: Sending) -> None:
        channel, notice = sending.one.channel, sending.notice
        now = sending.clock.now_ms()
        self.caps.sent(channel, now)
        self._instead.took(channel, notice, now)
        await self.alarms.works(channel)
        if not notice.firing and self._instead.get(channel, notice.group_key):
            # Who heard of its beginning instead hears of its end too.
            await self._tell_others(sending, since_ms=0)

    async def _begin(self, sending: Sending) -> Story:
        record = await self._record(sending)
        return Story(self.history, record)

    async def _record(self, sending: Sending, state: str = "") -> Record:
        origin = sending.origin
        record, prints = record_of(
            sending.notice,
            sending.one.channel,
            sending.clock.now_ms(),
            why=origin.why,
            fallback_of=origin.fallback_of,
            resent_of=origin.resent_of,
            by=origin.by,
            **({"state": state} if state else {}),
        )
        return await self.history.begin(record, prints)

    async def _waits(self, one: Integration, notice: Notice, now_ms: int) -> bool:
        record = await self._record(Sending(one, notice, self._clock, 0.0), CAPPED)
        try:
            await self.caps.wait(one.channel, notice, record.id, now_ms)
        except Temporary as error:
            _log.warning("not_capped", channel=str(one.channel), error=str(error))
            return False
        _capped.labels(one.receiver, one.name).inc()
        return True

    async def _tell_others(self, sending: Sending, *, since_ms: int) -> bool:
        """Whether somebody else knows."""
        channel, notice, clock = sending.one.channel, sending.notice, sending.clock
        now = clock.now_ms()
        if not self._instead.is_news(channel, notice, now):
            return True
        note = told_instead(notice, channel, sending.one.failure.error, since_ms)
        origin = Origin("fallback", fallback_of=str(channel))
        targets = [one for target in self.fallbacks.of(channel) for one in self._those(target)]
        for number, target in enumerate(targets, 1):
            if self._instead.knows(target.channel, notice, now):
                return True
            is_last = number == len(targets)
            limit = _LAST_TARGET_SECONDS if is_last else _TARGET_SECONDS
            sent = Sending(
                target,
                msgspec.structs.replace(note, receiver=target.receiver),
                clock,
                limit,
                origin,
            )
            if await self._tell_instead(sent):
                _fallen.labels(channel.receiver, channel.integration).inc()
                await self._instead.told(channel, notice, now)
                return True
        if targets or notice.firing:
            _log.error("nobody_told_instead", channel=str(channel), tried=len(targets))
        return False

    async def _tell_instead(self, sending: Sending) -> bool:
        one = sending.one
        story = await self._begin(sending)
        limit = sending.limit_seconds
        arrived = await one.bring(
            sending.notice, sending.clock, limit, story, answer_seconds=min(limit, 60.0)
        )
        if arrived:
            self.caps.sent(one.channel, sending.clock.now_ms())
            await self.alarms.works(one.channel)
        return arrived

    def _those(self, target: Channel) -> list[Integration]:
        if target.integration:
            found = self._integrations.get(target)
            return [found] if found else []
        return [one for at, one in self._integrations.items() if at.receiver == target.receiver]

    async def resend(self, record_id: int, by: str) -> bool:
        """Send a recorded message again, as `by` asked; whether it arrived. Raises NotFound when
        the record or its channel is not there (any more)."""
        record = await self.history.get(record_id)
        one = self._integrations.get(record.channel)
        if one is None:
            raise NotFound(f"there is no channel {record.channel} in the configuration any more")
        origin = Origin("resend", resent_of=record_id, by=by)
        return await self.send(Sending(one, record.notice, self._clock, _RESEND_SECONDS, origin))

    async def run(self) -> None:
        """Send digests when there is room, and keep alarms about channels alive, for ever."""
        while True:
            await self.turn()
            now = self._clock.now_ms()
            next_ms = self.caps.next_ms(now)
            wait = min(_TURN_SECONDS, max(1.0, (next_ms - now) / 1000)) if next_ms else None
            await self._clock.sleep(wait or _TURN_SECONDS)

    async def turn(self) -> None:
        """What is due now."""
        now = self._clock.now_ms()
        await self.alarms.refresh()
        for channel in self.caps.due(now):
            await self._digest(channel, now)

    async def _digest(self, channel: Channel, now_ms: int) -> None:
        waiting = self.caps.of(channel)
        one = self._integrations.get(channel)
        if one is None:
            targets = [i for t in self.fallbacks.of(channel) for i in self._those(t)]
            one = next(iter(targets), None)
        if one is None:
            _log.error("digest_has_no_channel", channel=str(channel), messages=len(waiting))
            return
        notice = msgspec.structs.replace(digest(waiting, now_ms), receiver=one.receiver)
        if await self.send(Sending(one, notice, self._clock, _DIGEST_SECONDS, Origin("digest"))):
            try:
                await self.caps.told(waiting)
            except Temporary as error:
                _log.warning("digest_not_noted", channel=str(channel), error=str(error))
            records = tuple(one for each in waiting for one in each.records if one)
            self.history.settle(records, DIGESTED)


def _keeps_failing(
    attempt: asyncio.Future[bool], failure: Failure, began_ms: int, until_ms: float
) -> bool:
    """Whether others are to be told. A message that only waits for its turn at a channel which
    takes others meanwhile is no reason."""
    if attempt.done() and failure.is_refused:
        return True
    since_ms = min(failure.since_ms, began_ms)
    if not since_ms and failure.arrived_ms < began_ms:
        since_ms = began_ms
    return bool(since_ms) and until_ms - since_ms >= PATIENCE_SECONDS * 1000


def replace_alerts(notice: Notice, alerts: tuple[NoticeAlert, ...]) -> Notice:
    """The notice about these alerts alone."""
    return msgspec.structs.replace(notice, alerts=alerts)
