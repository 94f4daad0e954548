"""What stands under `alerting.maintenance`? Windows that are known in advance."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from tocsin.alert.attention.every import parse_every
from tocsin.alert.attention.recurrence import instant_ms, zone
from tocsin.alert.attention.silence import SilenceMatcher
from tocsin.alert.attention.window import CONFIGURATION, Schedule, Window
from tocsin.alert.routing.matchers import parse_matchers
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Matcher


class MaintenanceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One window in which work is done: the alerts that it covers are held back, and shown so.

    Either `every` in words, or `start` and `end` with or without an iCalendar `rule`.
    """

    name: str
    """What people call it, shown as the reason."""
    matchers: tuple[str, ...]
    """Conditions of the alerts, all of which must hold: `service="db"`."""
    every: str = ""
    """`MON 02:00-04:00 Europe/Berlin`, `daily 03:00-03:30`, `1st SUN 02:00-05:00`."""
    start: str = ""
    """The first beginning: `2027-01-31 02:00` by the clocks of `time_zone`, or with an offset."""
    end: str = ""
    """The first end, in the same form."""
    rule: str = ""
    """How it recurs, as iCalendar writes it: `FREQ=MONTHLY;BYDAY=-1SU`."""
    time_zone: str = "UTC"
    """By whose clocks: a name such as `Europe/Berlin`. Summer time is followed."""
    comment: str = ""
    """What is done, and who knows about it."""

    def __post_init__(self) -> None:
        if bool(self.every) == bool(self.start or self.end):
            raise Rejected("a maintenance window needs either every, or start and end")
        if self.every and self.rule:
            raise Rejected("every says how the window recurs already; leave rule out")
        Schedule(self.window(0))

    def window(self, now_ms: int) -> Window:
        """The window; `every` begins with the occurrence that is open or next then."""
        place = self.time_zone
        if self.every:
            every = parse_every(self.every, place)
            rule, place = every.rule, every.time_zone
            starts, ends = every.first(now_ms)
        else:
            rule = self.rule
            starts, ends = moment_ms(self.start, place), moment_ms(self.end, place)
        content = msgspec.json.encode(self)
        return Window(
            id=f"configured-{hashlib.blake2b(content, digest_size=6).hexdigest()}",
            name=self.name,
            matchers=kept_matchers(self.matchers),
            starts_ms=starts,
            ends_ms=ends,
            time_zone=place,
            rule=rule,
            comment=self.comment,
            created_by=CONFIGURATION,
            source=CONFIGURATION,
        )


def kept_matchers(texts: tuple[str, ...] | list[str]) -> tuple[SilenceMatcher, ...]:
    """Conditions in Alertmanager's notation as they are kept; raises Rejected when one is none."""
    found: list[Matcher] = [matcher for text in texts for matcher in parse_matchers(text)]
    return tuple(SilenceMatcher(name=m.name, op=m.op.value, value=m.value) for m in found)


def moment_ms(text: str, place: str) -> int:
    """Milliseconds of `2027-01-31 02:00` by a place's clocks, or of a time with an offset; raises
    Rejected."""
    zone(place)
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Rejected(f"{text[:40]!r} is no time; write one such as 2027-01-31 02:00") from error
    if found.tzinfo is not None:
        return round(found.timestamp() * 1000)
    return instant_ms(found, place)
