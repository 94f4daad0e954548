"""How many kinds of errors may a project have? Whoever sends a fingerprint of its own with each
error must not fill the table of issues, nor hide the issues that people look for."""

from __future__ import annotations

from hashlib import blake2b

from tocsin.errortracking.fingerprint import VERSION, Grouped
from tocsin.kit import gauge
from tocsin.kit.clock import Clock

TITLE = "More kinds of errors than are told apart"
_HOUR_SECONDS = 3600.0
_MOST_PROJECTS = 1_000
_beyond = gauge.counter(
    "error_kinds_beyond", "Errors of one kind too many, counted in one issue of their project."
)


class Kinds:
    """Lets so many prints of a project through in an hour; those of the hour before do not count,
    and what was let through stays so while errors of it come."""

    def __init__(self, clock: Clock, most: int) -> None:
        """`most` may be changed; 0: no bound."""
        self.most = most
        self._clock = clock
        self._until = clock.monotonic() + _HOUR_SECONDS
        self._now: dict[str, set[str]] = {}
        self._before: dict[str, set[str]] = {}

    def of(self, project: str, print_: Grouped) -> Grouped:
        """The print under which the error falls: its own, or that of what is beyond."""
        if not self.most:
            return print_
        self._turn()
        seen = self._now.get(project)
        if seen is None:
            if len(self._now) >= _MOST_PROJECTS:
                return print_  # so many projects cannot be made
            seen = self._now[project] = set()
        if print_.hash in seen:
            return print_
        if print_.hash in self._before.get(project, ()) or len(seen) < self.most:
            seen.add(print_.hash)
            return print_
        _beyond.inc()
        return beyond(project)

    def _turn(self) -> None:
        now = self._clock.monotonic()
        if now < self._until:
            return
        is_next = now < self._until + _HOUR_SECONDS
        self._before = self._now if is_next else {}
        self._now = {}
        self._until = now + _HOUR_SECONDS


def beyond(project: str) -> Grouped:
    """The print of all kinds of a project that are one too many."""
    digest = blake2b(f"{project}\0beyond".encode("utf-8", "replace"), digest_size=16)
    return Grouped(f"{VERSION}:{digest.hexdigest()}", "beyond", (TITLE,))
