"""What happened while a rule was tried: its firings as they came and went, and who was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from tocsin.alert.rules.rule_file import RuleGroup
from tocsin.alert.rules.rule_run import RuleRun
from tocsin.alert.rules.state import Active, Phase
from tocsin.alert.trying.trial_report import Firing, Outcome, Page
from tocsin.model.labels import Labels
from tocsin.model.notices import Notice

_LISTED = 10_000


class TrialWatch:
    """Looks at a rule after each of its rounds."""

    def __init__(self, since_ms: int) -> None:
        self._since_ms = since_ms
        self._open: dict[Labels, Firing] = {}
        self._pending: set[Labels] = set()
        self._firings: list[Firing] = []
        self._count = 0
        self._rounds = 0
        self._failed = 0
        self._short = 0
        self._error = ""

    def idle(self, at_ms: int) -> None:
        """A round at which nothing was there."""
        self._rounds += at_ms >= self._since_ms

    def saw(self, run: RuleRun, at_ms: int) -> None:
        """A round is over."""
        self.idle(at_ms)
        if run.health == "err" and at_ms >= self._since_ms:
            self._failed += 1
            self._error = self._error or run.error
        firing: set[Labels] = set()
        pending: set[Labels] = set()
        for labels, one in run.active.items():
            if one.phase is Phase.PENDING:
                pending.add(labels)
            elif one.phase is Phase.FIRING:
                firing.add(labels)
                known = self._open.get(labels)
                if known is None or known.fired != one.fired_ms / 1000:
                    self._close(labels, at_ms)
                    self._open[labels] = self._begun(one)
        for labels in [labels for labels in self._open if labels not in firing]:
            self._close(labels, at_ms)
        if at_ms >= self._since_ms:
            self._short += len(self._pending - pending - firing)
        self._pending = pending

    def _begun(self, one: Active) -> Firing:
        return Firing(
            labels=dict(one.labels),
            pending=one.active_ms / 1000,
            fired=one.fired_ms / 1000,
            value=one.value,
            is_older=one.fired_ms < self._since_ms,
        )

    def _close(self, labels: Labels, at_ms: int) -> None:
        one = self._open.pop(labels, None)
        if one is not None and at_ms > self._since_ms:
            self._add(msgspec.structs.replace(one, ended=at_ms / 1000))

    def _add(self, one: Firing) -> None:
        self._count += 1
        if len(self._firings) < _LISTED:
            self._firings.append(one)

    def outcome(
        self,
        title: str,
        group: RuleGroup,
        span_ms: tuple[int, int],
        told: Sequence[tuple[str, Notice]],
        *,
        is_routed: bool,
        notes: Sequence[str] = (),
    ) -> Outcome:
        """Everything that was seen, and the pages among the messages."""
        for one in self._open.values():
            self._add(one)
        rule = group.rules[0]
        pages, all_clears = pages_of(told, rule.name, self._since_ms)
        return Outcome(
            name=rule.name,
            title=title,
            expr=rule.expr,
            hold=rule.hold_ms / 1000,
            keep_firing=rule.keep_firing_ms / 1000,
            recover=rule.recover,
            recover_condition=rule.recover_written,
            every=group.interval_ms / 1000,
            since=span_ms[0] / 1000,
            until=span_ms[1] / 1000,
            rounds=self._rounds,
            firings=sorted(self._firings, key=lambda one: one.fired),
            firing_count=self._count,
            pages=pages[:_LISTED],
            page_count=len(pages),
            repeats=sum(page.is_repeat for page in pages),
            all_clears=all_clears,
            by_receiver=dict(Counter(page.receiver for page in pages)),
            is_routed=is_routed,
            short_pendings=self._short,
            failed_rounds=self._failed,
            error=self._error,
            notes=list(notes),
        )


def pages_of(
    told: Sequence[tuple[str, Notice]], alertname: str, since_ms: int
) -> tuple[list[Page], int]:
    """The messages that tell of firing alerts of that name, and how many told only of their end.

    What goes to several integrations of one receiver at one time is one page.
    """
    pages: dict[tuple[int, str, str], Page] = {}
    ends: set[tuple[int, str, str]] = set()
    known: dict[tuple[str, str], frozenset[str]] = {}
    for name, notice in told:
        own = [one for one in notice.alerts if ("alertname", alertname) in one.labels]
        if not own:
            continue
        key = notice.at_ms, notice.group_key, notice.receiver
        firing = frozenset(one.fingerprint for one in own if not one.ends_ms)
        if key in pages:
            pages[key].via.append(name)
            continue
        place = notice.group_key, notice.receiver
        is_repeat = bool(firing) and firing <= known.get(place, frozenset())
        known[place] = firing
        if notice.at_ms < since_ms:
            continue
        if not firing:
            ends.add(key)
            continue
        pages[key] = Page(
            at=notice.at_ms / 1000,
            receiver=notice.receiver,
            via=[name],
            group=dict(notice.group_labels),
            firing=len(firing),
            is_repeat=is_repeat,
        )
    return list(pages.values()), len(ends)
