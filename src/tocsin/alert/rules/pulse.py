"""Do rules really go on being evaluated? A judge that is independent of the loop that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tocsin.alert.rules.ports import AlertSink
from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping

_log = log.get("rules")
_stopped = gauge.gauge("rule_groups_stopped", "Groups of rules that are not evaluated any more.")
_late = gauge.gauge("rule_groups_behind", "Groups of rules that leave out rounds.")
_EVERY_SECONDS = 5.0
_VALID_MS = 300_000
_AGAIN_MS = 60_000
_SLACK_MS = 60_000
_ROUNDS = 10
_SHARE = 0.3

STOPPED, BEHIND = "RuleEvaluationStopped", "RuleEvaluationBehind"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One group of rules (its file and name), as its loop leaves it: `evaluated_ms` is 0 before
    the first round, `missed` counts rounds that were left out."""

    key: tuple[str, str]
    interval_ms: int
    evaluated_ms: int
    missed: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One group that does not keep its rhythm."""

    key: tuple[str, str]
    alertname: str
    words: str


@dataclass(slots=True)
class _Seen:
    since_ms: int
    marks: list[tuple[int, int]]
    """(when, rounds missed by then), for as far back as ten rounds."""


class Pulse:
    """Whether each group of rules keeps its rhythm; `judge` is told the time and remembers."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._judged_ms = 0

    def judge(self, groups: Iterable[Evaluated], now_ms: int) -> list[Finding]:
        """The groups that have stopped (no round for two intervals and a minute), and those that
        left out three rounds of the last ten."""
        found = []
        # While this machine slept nothing ran; groups get their time again from when it woke.
        has_slept = bool(self._judged_ms) and not 0 <= now_ms - self._judged_ms <= _SLACK_MS
        self._judged_ms = now_ms
        present = {group.key: group for group in groups}
        for key in [key for key in self._seen if key not in present or has_slept]:
            del self._seen[key]
        for key, group in present.items():
            seen = self._seen.setdefault(key, _Seen(now_ms, []))
            finding = _stopped_for(group, seen, now_ms) or _behind(group, seen, now_ms)
            if finding is not None:
                found.append(finding)
        return found


def _stopped_for(group: Evaluated, seen: _Seen, now_ms: int) -> Finding | None:
    silent_ms = now_ms - max(group.evaluated_ms, seen.since_ms)
    if silent_ms <= 2 * group.interval_ms + _SLACK_MS:
        return None
    words = (
        f"The rules of the group {group.key[1]} were last evaluated {silent_ms // 1000} s ago; "
        f"they should be every {group.interval_ms / 1000:g} s. Their alerts cannot fire."
    )
    return Finding(group.key, STOPPED, words)


def _behind(group: Evaluated, seen: _Seen, now_ms: int) -> Finding | None:
    since = now_ms - _ROUNDS * group.interval_ms
    seen.marks = [mark for mark in seen.marks if mark[0] >= since]
    seen.marks.append((now_ms, group.missed))
    missed = group.missed - seen.marks[0][1]
    if missed < _SHARE * _ROUNDS:
        return None
    words = (
        f"The group {group.key[1]} left out {missed} of its last {_ROUNDS} rounds because one "
        f"takes longer than {group.interval_ms / 1000:g} s. Its alerts fire late."
    )
    return Finding(group.key, BEHIND, words)


class RuleWatch:
    """Raises an alert of Tocsin's own for each group that stops or falls behind, and resolves it;
    put straight to whoever tells alerts, as no rule could do it."""

    def __init__(
        self, groups: Callable[[], Sequence[Evaluated]], alerts: AlertSink, clock: Clock
    ) -> None:
        self.external_url = ""
        self._pulse = Pulse()
        self._groups = groups
        self._alerts = alerts
        self._clock = clock
        self._firing: dict[Labels, Alert] = {}
        self._findings: list[Finding] = []
        self._told_ms = 0

    @property
    def trouble(self) -> str:
        """Why the evaluation of rules is not as it should be; empty when all goes on."""
        stopped = [one for one in self._findings if one.alertname == STOPPED]
        if not stopped:
            return ""
        more = f" (and {len(stopped) - 1} more groups)" if len(stopped) > 1 else ""
        return f"{stopped[0].words}{more}"

    async def run(self) -> None:
        """Look every 5 s, for ever."""
        while True:
            await self._clock.sleep(_EVERY_SECONDS)
            try:
                await self.look()
            except Fault as error:
                _log.error("rule_trouble_untold", error=str(error))

    async def look(self) -> None:
        """Judge, and tell what is new, goes on, or is over. Raises Temporary when it cannot be
        kept: it is told with the next look."""
        now = self._clock.now_ms()
        self._findings = self._pulse.judge(self._groups(), now)
        _stopped.set(sum(one.alertname == STOPPED for one in self._findings))
        _late.set(sum(one.alertname == BEHIND for one in self._findings))
        firing = {alert.labels: alert for alert in map(self._alert, self._findings)}
        over = [
            Alert(
                labels=labels,
                annotations=alert.annotations,
                starts_ms=alert.starts_ms,
                ends_ms=now,
                updated_ms=now,
                generator_url=alert.generator_url,
                source="tocsin",
            )
            for labels, alert in self._firing.items()
            if labels not in firing
        ]
        for labels in firing.keys() - self._firing.keys():
            _log.error("rule_evaluation_trouble", **dict(labels))
        is_news = firing.keys() != self._firing.keys()
        if is_news or (firing and now >= self._told_ms + _AGAIN_MS):
            await self._alerts.put([*firing.values(), *over])
            self._told_ms = now
        self._firing = firing

    def _alert(self, one: Finding) -> Alert:
        now, (file, group) = self._clock.now_ms(), one.key
        labels = from_mapping(
            {
                "alertname": one.alertname,
                "severity": "critical" if one.alertname == STOPPED else "warning",
                "rule_group": group,
                "rule_file": file,
            }
        )
        before = self._firing.get(labels)
        return Alert(
            labels=labels,
            annotations=from_mapping({"summary": one.words}),
            starts_ms=before.starts_ms if before else now,
            ends_ms=now + _VALID_MS,
            updated_ms=now,
            generator_url=f"{self.external_url}/rules",
            source="tocsin",
        )
