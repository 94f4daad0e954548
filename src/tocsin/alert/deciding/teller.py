"""How is a group told: what is decided is recorded, sent, and noted as sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from tocsin.alert.deciding.circumstances import Circumstances
from tocsin.alert.deciding.decision import Decision, Delivered, Inputs, Outcome, decide
from tocsin.alert.deciding.due import Due
from tocsin.alert.deciding.holding import is_acknowledged
from tocsin.alert.deciding.look import Look, Saying, Seen, look, look_in_turns
from tocsin.alert.deciding.notification_log import NotificationLog, key_of
from tocsin.alert.deciding.open_group import Group
from tocsin.alert.deciding.receipt import NOWHERE, Events, Receipts, State, Where
from tocsin.alert.deciding.turns import in_turns
from tocsin.alert.delivering.delivery import Integration
from tocsin.kit.clock import Clock

_LEAST_TIME_MS = 10_000
_AT_ONCE = 4
"""Groups that are looked at, or recorded, at once: with thousands the first ones are told before
the last ones are looked at, and others have their turn in between."""


class Teller:
    """Tells groups, one flush at a time, by the circumstances of that moment."""

    def __init__(
        self, clock: Clock, log: NotificationLog, around: Circumstances, receipts: Receipts
    ) -> None:
        self.integrations: Mapping[str, Sequence[Integration]] = {}
        self._clock = clock
        self._log = log
        self._around = around
        self._receipts = receipts
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def was_told(self, group: Group) -> bool:
        """Whether anybody was told of such a group before."""
        route = group.route
        return any(
            self._log.get(key_of(group.key, route.receiver, one.kind, one.index)) is not None
            for one in self._ways(group)
        )

    def explain(self, group: Group, fingerprint: str, now_ms: int) -> list[Decision]:
        """What would be decided of that alert of the group now."""
        seen = look(group, self._around, self._log, self._ways(group), now_ms)
        due_ms = max(group.due_ms, now_ms)
        return [
            decide(seen.basis, seen.inputs(one, due_ms=due_ms))
            for one in seen.seen
            if one.fingerprint == fingerprint
        ]

    async def flush(self, group: Group) -> Look | None:
        """Tell whoever is to be told; the look when all of them took it, None otherwise."""
        now = self._clock.now_ms()
        async with self._turns:
            seen = await look_in_turns(group, self._around, self._log, self._ways(group), now)
        recording = None
        if self._receipts.is_kept:
            recording = asyncio.create_task(self._record(seen), name=f"record {group.key}")
        try:
            answers = await asyncio.gather(
                *(self._say(seen, saying) for saying in seen.sayings), return_exceptions=True
            )
            changed = await recording if recording is not None else []
        except asyncio.CancelledError:
            if recording is not None:
                recording.cancel()
            raise
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer  # once the others have been told
        taken = [one for one in answers if isinstance(one, Delivered)]
        await self._delivered(seen, changed, taken)
        return seen if all(one.is_taken for one in taken) else None

    async def _say(self, seen: Look, saying: Saying) -> Delivered | None:
        """Send one message; None when there is none to send."""
        route, now = seen.group.route, seen.at_ms
        if not saying.why.is_told:
            if saying.is_open:
                await self._log.prolong(saying.key, now, route.repeat_interval_ms)
            return None
        notice, clock, one = seen.notice(saying), self._clock, saying.one
        answer = None
        if notice.alerts:
            await self._log.begin(saying.key, saying.firing, now)
            limit = max(route.group_interval_ms, _LEAST_TIME_MS) / 1000
            is_taken = await one.deliver(notice, clock, limit)
            answer = Delivered(
                integration=one.name,
                is_taken=is_taken,
                at_ms=clock.now_ms(),
                took_ms=clock.now_ms() - now,
                error="" if is_taken else one.failure.error,
            )
            if not is_taken:
                return answer
        repeat = route.repeat_interval_ms
        await self._log.sent(
            saying.key, saying.firing, saying.resolved, now, repeat, owed=saying.owed
        )
        return answer

    async def _record(self, seen: Look) -> list[Seen]:
        """Keep what is decided, if it was not decided before; returns whose it is."""
        changed: list[Seen] = []
        async with self._turns:
            async for one in in_turns(seen.seen):
                if seen.basis is not self._around.basis:
                    break  # another configuration is in force: what was decided counts no longer
                state, events = _state(one), _events(seen, one)
                where, now = _where(seen.group), seen.at_ms
                if not self._receipts.again(one.fingerprint, where, state, events, now):
                    self._receipts.record(one.fingerprint, seen.inputs(one), state, events)
                    changed.append(one)
                elif events:
                    changed.append(one)
        return changed

    async def _delivered(
        self, seen: Look, changed: Sequence[Seen], taken: Sequence[Delivered]
    ) -> None:
        if not taken:
            return
        async with self._turns:
            async for one in in_turns(changed):
                ways = dict(seen.shares(one))
                mine = [answer for answer in taken if answer.integration in ways]
                if mine:
                    self._receipts.delivered(one.fingerprint, _where(seen.group), mine)

    def record_unrouted(self, inputs: Inputs, fingerprint: str) -> None:
        """An alert came while no routes are in force."""
        facts = inputs.facts
        state: State = (facts.alert.starts_ms, facts.alert.is_resolved(facts.at_ms))
        if not self._receipts.again(fingerprint, NOWHERE, state, (), facts.at_ms):
            self._receipts.record(fingerprint, inputs, state, ())

    def _ways(self, group: Group) -> Sequence[Integration]:
        return self.integrations.get(group.route.receiver, ())


def _where(group: Group) -> Where:
    return group.route.number, group.key


def _state(seen: Seen) -> State:
    """What tells one decision about an alert from another, besides who is told."""
    return (
        seen.facts.alert.starts_ms,
        seen.fires,
        seen.flaps,
        is_acknowledged(seen.facts),
        tuple((one.stage, one.by) for one in seen.reasons),
    )


_HUSHED = (Due.ACKNOWLEDGED, Due.FLAPPING)


def _events(seen: Look, one: Seen) -> Events:
    """Whom this decision tells something; being mentioned along with news is none."""
    found = [pair for pair in seen.shares(one) if pair[1] is not Outcome.ALONG]
    if not found and not one.reasons:
        found = [
            (saying.telling.integration, Outcome.KNOWN)
            for saying in seen.sayings
            if saying.why in _HUSHED
        ]
    return tuple(found)
