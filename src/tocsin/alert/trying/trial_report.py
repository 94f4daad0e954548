"""What came of trying a rule on the past: when it fired, whom it woke, and what another changes?

Times are seconds since the epoch, lengths seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.alert.trying.proposal import Proposals

WEEK_SECONDS = 604_800.0
_LISTED = 2_000


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """One alert from when it fired until it ended; `ended` 0 while it still fired at the end."""

    labels: dict[str, str]
    pending: float
    fired: float
    ended: float = 0.0
    value: float = 0.0
    is_older: bool = False
    """Whether it fired before the time that was looked at."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A message that tells a receiver of firing alerts; `via` are the integrations it goes to."""

    at: float
    receiver: str
    via: list[str]
    group: dict[str, str]
    firing: int
    is_repeat: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one version of a rule would have done from `since` until `until`."""

    name: str
    title: str
    expr: str
    hold: float
    keep_firing: float
    recover: str = ""
    recover_condition: str = ""
    """How `recover` was written where that was in plain words."""
    every: float
    since: float
    until: float
    rounds: int = 0
    firings: list[Firing] = []
    firing_count: int = 0
    pages: list[Page] = []
    page_count: int = 0
    repeats: int = 0
    all_clears: int = 0
    by_receiver: dict[str, int] = {}
    is_routed: bool = False
    """Whether there are routes; without them nobody is told and `pages` is empty."""
    short_pendings: int = 0
    """Alerts that were over before they fired."""
    failed_rounds: int = 0
    error: str = ""
    """Why the first of them failed."""
    notes: list[str] = []

    @property
    def span(self) -> float:
        """How long the past was that was looked at."""
        return max(1.0, self.until - self.since)

    @property
    def lengths(self) -> list[float]:
        """How long each alert fired within the time."""
        return [
            max(0.0, (one.ended or self.until) - max(one.fired, self.since)) for one in self.firings
        ]

    @property
    def firing_seconds(self) -> float:
        """All of them together."""
        return sum(self.lengths)

    @property
    def shortest(self) -> float:
        """The shortest firing that ended; 0 when none did."""
        ended = [end for end, one in zip(self.lengths, self.firings, strict=True) if one.ended]
        return min(ended, default=0.0)

    @property
    def longest(self) -> float:
        """The longest firing."""
        return max(self.lengths, default=0.0)

    @property
    def wakes(self) -> int:
        """Pages, or firings when there are no routes to say who is told."""
        return self.page_count if self.is_routed else self.firing_count

    @property
    def wake_word(self) -> str:
        """What `wakes` counts."""
        return "page" if self.is_routed else "firing"

    def per_week(self, count: int) -> float:
        """How often a week that is."""
        return count * WEEK_SECONDS / self.span


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What the second version does that the first does not, and the other way round."""

    sentence: str
    removed_pages: list[Page] = []
    added_pages: list[Page] = []
    removed_firings: list[Firing] = []
    added_firings: list[Firing] = []
    delay_mean: float = 0.0
    """Of the firings that both have: how much later the second version fires."""
    delay_longest: float = 0.0


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that concerns the rule; the seconds after its start at which each version fired,
    None when it did not. A version that fired already when it began has 0."""

    number: str
    title: str
    severity: str
    started: float
    ended: float
    before: float | None = None
    tried: float | None = None


class AgainstIncidents(msgspec.Struct, frozen=True, kw_only=True):
    """The incidents of that time that concern the rule, the oldest first, and what to make of
    them in a sentence."""

    sentence: str
    judged: list[Judged] = []
    missed: list[str] = []
    """The numbers of those in which the tried version does not fire."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was tried; `before` is what it is compared with."""

    tried: Outcome
    before: Outcome | None = None
    difference: Difference | None = None
    proposals: Proposals | None = None
    incidents: AgainstIncidents | None = None
    """None where incidents are not known."""
    took: float = 0.0


def compared(before: Outcome, after: Outcome) -> Difference:
    """Page by page, firing by firing. Firings are the same when they overlap in time."""
    slack = abs(after.hold - before.hold) + max(before.every, after.every) + 600.0
    removed_pages = _without_twin(before.pages, after.pages, slack)
    added_pages = _without_twin(after.pages, before.pages, slack)
    delays = _delays(before.firings, after.firings, after.until)
    return Difference(
        sentence=sentence(before, after),
        removed_pages=removed_pages,
        added_pages=added_pages,
        removed_firings=_alone(before.firings, after.firings, after.until),
        added_firings=_alone(after.firings, before.firings, after.until),
        delay_mean=sum(delays) / len(delays) if delays else 0.0,
        delay_longest=max(delays, default=0.0),
    )


def sentence(before: Outcome, after: Outcome) -> str:
    """ "in force: 41 pages in 30 days; new.yml: 6" """
    days = before.span / 86_400
    length = f"{days:.3g} day{'' if days == 1 else 's'}"
    if days < 1:
        hours = f"{before.span / 3600:.3g}"
        length = f"{hours} hour{'' if hours == '1' else 's'}"
    word = before.wake_word
    first = f"{before.wakes} {word}{'' if before.wakes == 1 else 's'}"
    return f"{before.title}: {first} in {length}; {after.title}: {after.wakes}"


def _without_twin(pages: Sequence[Page], others: Sequence[Page], slack: float) -> list[Page]:
    """The pages for which the others have none to the same receiver at about that time."""
    left = list(others)
    found = []
    for page in pages:
        twin = next(
            (
                one
                for one in left
                if one.receiver == page.receiver
                and one.is_repeat == page.is_repeat
                and abs(one.at - page.at) <= slack
            ),
            None,
        )
        if twin is None:
            found.append(page)
        else:
            left.remove(twin)
        while left and left[0].at < page.at - slack:
            left.pop(0)
    return found[:_LISTED]


def _overlap(one: Firing, other: Firing, until: float) -> bool:
    return one.fired < (other.ended or until) and other.fired < (one.ended or until)


def _alone(firings: Sequence[Firing], others: Sequence[Firing], until: float) -> list[Firing]:
    """Those that no firing of the others overlaps; both are in the order in which they fired."""
    spans = _merged(others, until)
    found, place = [], 0
    for one in firings:
        while place < len(spans) and spans[place][1] <= one.fired:
            place += 1
        if place == len(spans) or spans[place][0] >= (one.ended or until):
            found.append(one)
    return found[:_LISTED]


def _merged(firings: Sequence[Firing], until: float) -> list[tuple[float, float]]:
    """The stretches of time in which anything fired."""
    spans: list[tuple[float, float]] = []
    for one in firings:
        end = one.ended or until
        if spans and one.fired <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((one.fired, end))
    return spans


def _delays(before: Sequence[Firing], after: Sequence[Firing], until: float) -> list[float]:
    """For each firing of the first that the second has too: how much later it begins."""
    by_labels: dict[tuple[tuple[str, str], ...], list[Firing]] = {}
    for one in after:
        by_labels.setdefault(tuple(sorted(one.labels.items())), []).append(one)
    delays = []
    for one in before:
        for other in by_labels.get(tuple(sorted(one.labels.items())), ()):
            if not one.is_older and not other.is_older and _overlap(one, other, until):
                delays.append(max(0.0, other.fired - one.fired))
                break
    return delays
