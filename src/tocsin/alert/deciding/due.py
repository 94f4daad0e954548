"""Is there something to tell one integration about a group, or has it heard it all?"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import msgspec

from tocsin.alert.deciding.notification_log import LogEntry


class Due(StrEnum):
    """Why a message goes out, or why none does."""

    FIRST = "first"
    NEWS = "news"
    UNSURE = "unsure"
    ENDED = "ended"
    OVER = "over"
    REPEAT = "repeat"
    NOTHING = "nothing"
    SAME = "same"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING = "flapping"

    @property
    def is_told(self) -> bool:
        """Whether a message goes out."""
        return self not in _QUIET


_QUIET = frozenset((Due.NOTHING, Due.SAME, Due.ACKNOWLEDGED, Due.FLAPPING))


class Telling(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What there is to tell an integration, and what it was told: how many alerts of each kind.

    `told` were told as firing, perhaps; `new` fire and were not; `unsure` may have been told and
    are over; `ended` are over, which it was not told; `owed` are ends under a silence that it has
    to hear of. `restless` fire and are neither acknowledged nor flapping.
    """

    integration: str
    receiver: str
    sends_resolved: bool
    firing: int
    resolved: int
    told: int = 0
    new: int = 0
    unsure: int = 0
    ended: int = 0
    owed: int = 0
    restless: int = 0
    acknowledged: int = 0
    sent_ms: int = 0
    repeat_ms: int = 0
    at_ms: int = 0


def due(telling: Telling) -> Due:
    """Alertmanager's rule (notify.DedupStage); besides, what is acknowledged or flaps is not
    repeated, and ends under a silence are told."""
    one = telling
    if not one.firing and not one.resolved:
        return Due.NOTHING
    if not one.firing:
        return Due.OVER if one.told or one.owed else Due.NOTHING
    if not one.sent_ms:
        return Due.FIRST
    if one.new:
        return Due.NEWS
    if one.unsure:
        return Due.UNSURE
    if one.owed or (one.sends_resolved and one.ended):
        return Due.ENDED
    if one.sent_ms >= one.at_ms - one.repeat_ms:
        return Due.SAME
    if not one.restless:
        return Due.ACKNOWLEDGED if one.acknowledged else Due.FLAPPING
    return Due.REPEAT


_FLAPPING = "~"


def told_as(fingerprint: str, *, flaps: bool) -> str:
    """How the log names what is told of an alert: "it fires" and "it flaps" are different news."""
    return fingerprint + _FLAPPING if flaps else fingerprint


def heard_of(entry: LogEntry | None) -> frozenset[str]:
    """Fingerprints of the alerts of which it was told, perhaps, that they fire, and no end."""
    if entry is None:
        return frozenset()
    told = entry.firing | entry.pending
    return entry.owed | {one.removesuffix(_FLAPPING) for one in told}


def is_news(entry: LogEntry | None, name: str, fingerprint: str, *, fires: bool) -> bool:
    """Whether the integration has not heard that this alert fires (as `name`), or is over."""
    if entry is None:
        return True
    if fires:
        return name not in entry.firing
    return fingerprint not in entry.resolved or fingerprint in heard_of(entry)


def counted(
    entry: LogEntry | None,
    firing: Collection[str],
    resolved: Collection[str],
    owed: Collection[str],
) -> dict[str, int]:
    """The counts of a Telling: what is to be told against what was."""
    if entry is None:
        return {"told": 0, "new": len(firing), "unsure": 0, "ended": len(resolved),
                "owed": len(owed), "sent_ms": 0}  # fmt: skip
    fires = frozenset(firing)
    return {
        "told": len(entry.firing | entry.pending),
        "new": len(fires - entry.firing),
        "unsure": len(entry.pending - fires),
        "ended": len(frozenset(resolved) - entry.resolved),
        "owed": len(owed),
        "sent_ms": entry.sent_ms,
    }
