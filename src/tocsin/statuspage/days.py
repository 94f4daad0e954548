"""How was each day? Seconds in each state, what is not known, and percentages that say so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from tocsin.statuspage.component_state import ComponentState, worst

DAY_MS = 86_400_000
SHOWN_DAYS = 90


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One component on one day (days since 1970, UTC).

    `seconds` are those that were seen in each state. `gaps` are stretches (ms, ms) that were not
    looked at as they passed, and that stored samples may still tell of; `until_ms` is how far the
    day was looked at.
    """

    seconds: Mapping[str, float] = {}
    gaps: tuple[tuple[int, int], ...] = ()
    until_ms: int = 0

    @property
    def known(self) -> float:
        """Seconds of which the state is known."""
        return sum(self.seconds.values())

    def down(self, counted: Collection[str]) -> float:
        """Seconds in one of these states."""
        return sum(found for state, found in self.seconds.items() if state in counted)

    @property
    def maintained(self) -> float:
        """Seconds of announced work."""
        return self.seconds.get(ComponentState.UNDER_MAINTENANCE.value, 0.0)

    @property
    def worst(self) -> ComponentState | None:
        """The worst state that it was in; None when nothing is known."""
        states = [ComponentState(name) for name, found in self.seconds.items() if found > 0]
        return worst(states) if states else None

    def plus(self, state: ComponentState, seconds: float) -> Day:
        """With so many seconds more in that state."""
        total = round(self.seconds.get(state.value, 0.0) + seconds, 3)
        return msgspec.structs.replace(self, seconds={**self.seconds, state.value: total})


def day_of(at_ms: int) -> int:
    """The day since 1970 of a moment, UTC."""
    return at_ms // DAY_MS


def pieces(since_ms: int, until_ms: int) -> Iterable[tuple[int, int, int]]:
    """A stretch cut at midnights: (day, from, to)."""
    while since_ms < until_ms:
        day = day_of(since_ms)
        end = min(until_ms, (day + 1) * DAY_MS)
        yield day, since_ms, end
        since_ms = end


class Uptime(msgspec.Struct, frozen=True, kw_only=True):
    """The share of known time, maintenance left out, in which a component was not down, in percent;
    None when nothing is known. `empty_days` of `all_days` have no data."""

    percent: float | None
    empty_days: int
    all_days: int


def uptime(days: Iterable[Day | None], counted: Collection[str]) -> Uptime:
    """Of these days; None stands for one without data."""
    listed = list(days)
    seen = [one for one in listed if one is not None and one.known > 0]
    total = sum(one.known - one.maintained for one in seen)
    down = sum(one.down(counted) for one in seen)
    percent = 100.0 * (1 - down / total) if total > 0 else None
    return Uptime(percent=percent, empty_days=len(listed) - len(seen), all_days=len(listed))


def percent_text(percent: float | None) -> str:
    """Never rounded up to 100: `99.99`, `100`, empty when nothing is known."""
    if percent is None:
        return ""
    if percent >= 100:
        return "100"
    return f"{int(percent * 100) / 100:.2f}"
