"""When is a maintenance window open? Once, or again and again by a place's clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tocsin.alert.attention.recurrence import Recurrence, instant_ms, wall, zone
from tocsin.alert.attention.silence import SilenceMatcher
from tocsin.alert.routing.matchers import matcher_text
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Matcher, MatchOp

_LONGEST_MS = 366 * 86_400_000
_LONGEST_TEXT = 1000
EVER_MS = 253_402_300_799_999
"""The end of the year 9999."""

CONFIGURATION = "configuration"
"""The `source` of windows that the configuration file gives: nobody changes them on a page."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that satisfy all conditions are held back from `starts_ms` until `ends_ms`, and with
    a `rule` (RFC 5545's RRULE) at each later moment that it gives by the clocks of `time_zone`.

    A recurring window ends by those clocks too: from 02:00 to 04:00 lasts an hour more or less in
    the night in which they change. `excluded` are occurrences left out, as the clocks show their
    beginning (`2026-03-01T02:00:00`). `uid` is the event's own name in a foreign calendar.
    """

    id: str = ""
    name: str
    matchers: tuple[SilenceMatcher, ...]
    starts_ms: int
    ends_ms: int
    time_zone: str = "UTC"
    rule: str = ""
    excluded: tuple[str, ...] = ()
    comment: str = ""
    created_by: str = ""
    updated_ms: int = 0
    source: str = "api"
    uid: str = ""

    @property
    def conditions(self) -> tuple[Matcher, ...]:
        """Its conditions, ready to be asked."""
        return tuple(Matcher(m.name, MatchOp(m.op), m.value) for m in self.matchers)

    @property
    def words(self) -> str:
        """Its conditions in Alertmanager's notation."""
        return ", ".join(matcher_text(matcher) for matcher in self.conditions)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a window is open: from `starts_ms` on, before `ends_ms`."""

    window: Window
    starts_ms: int
    ends_ms: int


class Schedule:
    """When one window is open. Raises Rejected for a window that makes no sense."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.conditions = _checked(window)
        place = window.time_zone
        first = wall(window.starts_ms, place)
        self._lasts = wall(window.ends_ms, place) - first
        self._excluded = frozenset(window.excluded)
        self._again: Recurrence | None = None
        if window.rule:
            if self._lasts <= timedelta(0):
                raise Rejected("a recurring window must end later than it begins, by its clocks")
            self._again = Recurrence(window.rule, first, place)
            if self._again.following(window.starts_ms - 1) is None:
                raise Rejected(f"the rule {window.rule!r} never comes; change it")

    def between(self, after_ms: int, before_ms: int) -> list[Occurrence]:
        """Every time that it is open in that range, even in part; by their beginning."""
        window = self.window
        if self._again is None:
            found = [Occurrence(window, window.starts_ms, window.ends_ms)]
        else:
            # A day more: the night in which clocks change may make one last longer.
            since = after_ms - round(self._lasts.total_seconds() * 1000) - 86_400_000
            found = [
                self._occurrence(shown)
                for shown in self._again.between(since, before_ms)
                if shown.isoformat() not in self._excluded
            ]
        return [one for one in found if one.starts_ms < before_ms and one.ends_ms > after_ms]

    def is_open(self, now_ms: int) -> bool:
        """Whether it is open at that moment."""
        return bool(self.between(now_ms, now_ms + 1))

    def following(self, now_ms: int) -> Occurrence | None:
        """The next time that it opens after that moment; None when it never does again."""
        if self._again is None:
            window = self.window
            is_ahead = window.starts_ms > now_ms
            return Occurrence(window, window.starts_ms, window.ends_ms) if is_ahead else None
        found = self._again.following(now_ms)
        while found is not None and found.isoformat() in self._excluded:
            found = self._again.following(instant_ms(found, self.window.time_zone))
        return None if found is None else self._occurrence(found)

    def state(self, now_ms: int) -> str:
        """ "active", "pending" or "expired"."""
        if self.is_open(now_ms):
            return "active"
        return "pending" if self.following(now_ms) is not None else "expired"

    def _occurrence(self, begins: datetime) -> Occurrence:
        place = self.window.time_zone
        starts = instant_ms(begins, place)
        return Occurrence(self.window, starts, instant_ms(begins + self._lasts, place))


def _checked(window: Window) -> tuple[Matcher, ...]:
    zone(window.time_zone)
    if not window.name.strip() or len(window.name) > 200:
        raise Rejected("a maintenance window needs a name of at most 200 characters")
    if len(window.comment) > _LONGEST_TEXT:
        raise Rejected(f"a comment has at most {_LONGEST_TEXT} characters")
    conditions = window.conditions
    if not conditions or all(matcher.matches("") for matcher in conditions):
        raise Rejected(
            f"the window {window.name!r} needs a condition that does not match the empty string, "
            'such as service="api" or alertname=~".+" for every alert'
        )
    if window.ends_ms <= window.starts_ms:
        raise Rejected(f"the window {window.name!r} must end later than it begins")
    if window.ends_ms - window.starts_ms > _LONGEST_MS or window.ends_ms > EVER_MS:
        raise Rejected(f"the window {window.name!r} lasts longer than a year; make it recur")
    return conditions
