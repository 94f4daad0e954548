"""Does an alert begin and end so often that telling each time helps nobody?

It is told once as flapping, and then not before it has stayed as it is for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tocsin.kit import gauge, log
from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert

_log = log.get("flap")
_flapping = gauge.gauge("alerts_flapping", "Alerts that begin and end too often just now.")
_MOST = 50_000


class FlapRule(msgspec.Struct, frozen=True):
    """So many changes within so long mean flapping, until nothing changed for `quiet_ms`."""

    changes: int
    within_ms: int
    quiet_ms: int


class FlapState(msgspec.Struct, frozen=True, kw_only=True, tag_field="flap_note", tag="flap"):
    """What an alert did: its newest beginnings and ends, oldest first. `since_ms` is when it came
    to flap, 0 when it does not; `ends_ms` is its end when that was last told."""

    fingerprint: str
    changes: tuple[int, ...] = ()
    since_ms: int = 0
    is_firing: bool = False
    ends_ms: int = 0


class FlapKeeper(Protocol):
    """Where this survives a restart."""

    async def save(self, states: Iterable[FlapState]) -> None:
        """Keep them, replacing those of the same fingerprint."""

    async def forget(self, fingerprints: Iterable[str]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[FlapState]:
        """Every one."""


def is_flapping(rule: FlapRule | None, state: FlapState | None, now_ms: int) -> bool:
    """Whether an alert flaps at that moment."""
    if rule is None or state is None or not state.since_ms or not state.changes:
        return False
    return now_ms - _last(state, now_ms) < rule.quiet_ms


def steady_ms(rule: FlapRule, state: FlapState, now_ms: int) -> int:
    """When it counts as steady if nothing changes any more."""
    return _last(state, now_ms) + rule.quiet_ms


def _last(state: FlapState, now_ms: int) -> int:
    """Its newest change; an end that was foretold and has come is one."""
    if state.is_firing and 0 < state.ends_ms <= now_ms:
        return state.ends_ms
    return state.changes[-1]


def seen(rule: FlapRule, state: FlapState, alert: Alert, now_ms: int) -> FlapState:
    """One telling of an alert more."""
    is_firing = not alert.is_resolved(now_ms)
    if state.is_firing and 0 < state.ends_ms <= now_ms and is_firing:
        state = _changed(rule, state, state.ends_ms, is_firing=False)
    if state.is_firing != is_firing:
        at_ms = min(now_ms, alert.ends_ms) if not is_firing else now_ms
        at_ms = max(at_ms, state.changes[-1] if state.changes else 0)
        state = _changed(rule, state, at_ms, is_firing=is_firing)
    return msgspec.structs.replace(state, ends_ms=alert.ends_ms)


def _changed(rule: FlapRule, state: FlapState, at_ms: int, *, is_firing: bool) -> FlapState:
    was_quiet = bool(state.changes) and at_ms - state.changes[-1] >= rule.quiet_ms
    changes = (*state.changes, at_ms)[-rule.changes :]
    since = 0 if was_quiet else state.since_ms
    is_often = len(changes) == rule.changes and at_ms - changes[0] <= rule.within_ms
    # After a quiet time it takes as many changes as at first: the old ones no longer count.
    if was_quiet and state.since_ms:
        changes, is_often = (at_ms,), False
    if is_often and not since:
        since = at_ms
    return msgspec.structs.replace(state, changes=changes, since_ms=since, is_firing=is_firing)


class Flaps:
    """What every alert did, held in memory and kept; knows nothing while the rule is None."""

    def __init__(self, keeper: FlapKeeper | None = None) -> None:
        self.rule: FlapRule | None = None
        self._keeper = keeper
        self._states: dict[str, FlapState] = {}
        self._unsaved: set[str] = set()

    async def load(self) -> None:
        """Read what an earlier process kept."""
        if self._keeper is not None:
            self._states = {one.fingerprint: one for one in await self._keeper.all()}

    def of(self, fingerprint: str) -> FlapState | None:
        """What that alert did, None when nothing is known."""
        return self._states.get(fingerprint) if self.rule is not None else None

    def saw(self, alert: Alert, now_ms: int) -> None:
        """An alert was told; harmless when nothing has changed."""
        if self.rule is None:
            return
        name = alert.fingerprint
        before = self._states.get(name)
        if before is None:
            if alert.is_resolved(now_ms) or len(self._states) >= _MOST:
                return
            before = FlapState(fingerprint=name)
        after = seen(self.rule, before, alert, now_ms)
        self._states[name] = after
        if after.changes != before.changes:
            self._unsaved.add(name)

    async def keep(self) -> None:
        """Keep what has changed; what cannot be kept is lost with a restart, and logged."""
        names, self._unsaved = self._unsaved, set()
        if self._keeper is None or not names:
            return
        try:
            await self._keeper.save([self._states[one] for one in names if one in self._states])
        except Temporary as error:
            _log.warning("flaps_not_kept", error=str(error))

    async def tidy(self, now_ms: int) -> None:
        """Forget alerts that have not changed for so long that they cannot count."""
        rule = self.rule
        if rule is None:
            return
        before = now_ms - rule.within_ms - rule.quiet_ms
        gone = [
            one.fingerprint
            for one in self._states.values()
            if _last(one, now_ms) < before and (not one.is_firing or one.ends_ms < before)
        ]
        for name in gone:
            del self._states[name]
        count = sum(is_flapping(rule, one, now_ms) for one in self._states.values())
        _flapping.set(count)
        if self._keeper is not None and gone:
            await self._keeper.forget(gone)
