"""When does an alert fire, and when is it over? One step of every alert of one rule, pure.

The steps are those of Prometheus's rules/alerting.go; all times in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType

import msgspec

from tocsin.model.labels import Labels

RESOLVED_KEPT_MS = 15 * 60_000
"""How long a resolved alert is kept, so that whoever was told that it fires is told its end."""


class Phase(IntEnum):
    """How bad it is; the larger the worse."""

    INACTIVE = 0
    PENDING = 1
    FIRING = 2

    @property
    def word(self) -> str:
        """As Prometheus writes it."""
        return self.name.lower()


class Held(StrEnum):
    """Why an alert fires on although its expression does not find it now."""

    NOT = ""
    NOT_RECOVERED = "not recovered"
    NO_DATA = "no data"
    ERROR = "error"


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of one rule. A time of 0 means "not yet"."""

    labels: Labels
    annotations: tuple[tuple[str, str], ...] = ()
    value: float = 0.0
    phase: Phase = Phase.PENDING
    active_ms: int
    fired_ms: int = 0
    resolved_ms: int = 0
    keep_firing_since_ms: int = 0
    sent_ms: int = 0
    valid_until_ms: int = 0
    held: Held = Held.NOT
    held_since_ms: int = 0
    """Since when it is held for the same reason."""

    @property
    def state(self) -> str:
        """ "pending", "firing", "inactive"; "no data" or "error" while nobody can tell."""
        unknown = self.phase is Phase.FIRING and self.held in (Held.NO_DATA, Held.ERROR)
        return str(self.held) if unknown else self.phase.word


class Found(msgspec.Struct, frozen=True):
    """What one evaluation found for one label set. `hold_ms` replaces the rule's own."""

    value: float
    annotations: tuple[tuple[str, str], ...] = ()
    hold_ms: int | None = None


class Keep(msgspec.Struct, frozen=True):
    """A firing alert that was not found and yet goes on: why, and its value if that is known."""

    why: Held
    value: float | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    """Replace the alert's own unless empty."""


_NOTHING_KEPT: Mapping[Labels, Keep] = MappingProxyType({})


def advance(
    before: Mapping[Labels, Active],
    found: Mapping[Labels, Found],
    *,
    now_ms: int,
    hold_ms: int,
    keep_firing_ms: int,
    kept: Mapping[Labels, Keep] = _NOTHING_KEPT,
) -> dict[Labels, Active]:
    """The alerts after an evaluation: pending, firing, and resolved ones still to be told.

    `kept` names firing alerts that go on though they were not found: they have not recovered yet,
    or nobody can tell.
    """
    after: dict[Labels, Active] = {}
    for labels, result in found.items():
        known = before.get(labels)
        if known is None or known.phase is Phase.INACTIVE:
            known = Active(labels=labels, active_ms=now_ms)
        known = msgspec.structs.replace(
            known,
            value=result.value,
            annotations=result.annotations,
            keep_firing_since_ms=0,
            held=Held.NOT,
            held_since_ms=0,
        )
        after[labels] = _fired(known, now_ms, hold_ms if result.hold_ms is None else result.hold_ms)
    for labels, known in before.items():
        if labels not in found:
            keep = kept.get(labels)
            if keep is not None and known.phase is Phase.FIRING:
                after[labels] = _held(known, keep, now_ms)
                continue
            left = _absent(known, now_ms, keep_firing_ms)
            if left is not None:
                after[labels] = left
    return after


def _fired(alert: Active, now_ms: int, hold_ms: int) -> Active:
    if alert.phase is Phase.PENDING and now_ms - alert.active_ms >= hold_ms:
        return msgspec.structs.replace(alert, phase=Phase.FIRING, fired_ms=now_ms)
    return alert


def _held(alert: Active, keep: Keep, now_ms: int) -> Active:
    return msgspec.structs.replace(
        alert,
        value=alert.value if keep.value is None else keep.value,
        annotations=keep.annotations or alert.annotations,
        keep_firing_since_ms=0,
        held=keep.why,
        held_since_ms=alert.held_since_ms if alert.held is keep.why else now_ms,
    )


def _absent(alert: Active, now_ms: int, keep_firing_ms: int) -> Active | None:
    """What becomes of an alert whose label set was not in the result; None forgets it."""
    match alert.phase:
        case Phase.PENDING:
            return None
        case Phase.INACTIVE:
            return alert if now_ms - alert.resolved_ms <= RESOLVED_KEPT_MS else None
        case Phase.FIRING:
            since = alert.keep_firing_since_ms or now_ms
            if keep_firing_ms and now_ms - since < keep_firing_ms:
                return msgspec.structs.replace(
                    alert, keep_firing_since_ms=since, held=Held.NOT, held_since_ms=0
                )
            return msgspec.structs.replace(
                alert, phase=Phase.INACTIVE, resolved_ms=now_ms, held=Held.NOT, held_since_ms=0
            )


def needs_sending(alert: Active, now_ms: int, resend_ms: int) -> bool:
    """Whether the next room has to be told (again) of this alert."""
    if alert.phase is Phase.PENDING:
        return False
    if alert.resolved_ms > alert.sent_ms:
        return True
    return alert.sent_ms + resend_ms < now_ms


def restored(
    alert: Active, *, seen_ms: int, active_ms: int, now_ms: int, hold_ms: int, grace_ms: int
) -> Active:
    """The alert with the time that it had been active for before Tocsin was away.

    `seen_ms` is when it was last seen before, `active_ms` since when it had been active then.
    Who would have fired soon waits `grace_ms` at the least, so that a restart alone pages nobody.
    """
    remaining = hold_ms - (seen_ms - active_ms)
    if remaining <= 0:  # it was firing and goes on firing
        begun = active_ms
    elif remaining < grace_ms:
        begun = now_ms + grace_ms - hold_ms
    else:
        begun = active_ms + (now_ms - seen_ms)
    return msgspec.structs.replace(alert, active_ms=begun)
