"""Which operations became slower, or fail more often, than in a time before?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.query.traces.answers import Rate

_FEWEST = 10
"""Of fewer requests nothing is said."""
_SLOWER, _LEAST_NS = 2.0, 5_000_000
"""How many times as long, and at the least so much longer, counts as slower."""
_FAILED, _MORE_OFTEN = 0.05, 3.0
"""Which share of failures counts, and how many times the one before it has to be."""


@dataclass(frozen=True, slots=True)
class OperationChange:
    """An operation before and now. `grew` is how many times its 95th percentile grew."""

    before: Rate
    now: Rate
    is_failing: bool
    is_slower: bool

    @property
    def grew(self) -> float:
        """How many times as long 95 % of its durations are below."""
        return self.now.p95_ns / max(self.before.p95_ns, 1)

    @property
    def words(self) -> str:
        """What changed, in a few words."""
        if self.is_failing:
            return f"{self.now.failed:.1%} failed, {self.before.failed:.1%} before"
        return f"95 % took up to {_took(self.now.p95_ns)}, {_took(self.before.p95_ns)} before"


def changes(before: Iterable[Rate], now: Iterable[Rate]) -> list[OperationChange]:
    """Those that fail first, then those that grew most. What is new is compared with nothing: it
    counts where it fails."""
    known = {(one.service, one.name, one.kind): one for one in before}
    found = []
    for one in now:
        if one.requests < _FEWEST:
            continue
        old = known.get((one.service, one.name, one.kind)) or Rate(service=one.service)
        is_failing = one.failed >= _FAILED and one.failed >= old.failed * _MORE_OFTEN
        is_slower = (
            old.requests >= _FEWEST
            and one.p95_ns >= old.p95_ns * _SLOWER
            and one.p95_ns - old.p95_ns >= _LEAST_NS
        )
        if is_failing or is_slower:
            found.append(OperationChange(old, one, is_failing, is_slower))
    found.sort(key=lambda change: (not change.is_failing, -change.now.failed, -change.grew))
    return found


def _took(ns: int) -> str:
    return f"{ns / 1e9:.3g} s" if ns >= 1_000_000_000 else f"{ns / 1e6:.3g} ms"
