"""How does an issue stand in a list? Its state, its course of the last day, and what marks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocsin.model.errors import Issue, IssueState
from tocsin.model.logs import level_name
from tocsin.web.pages.error_asked import NEW_MS
from tocsin.web.pages.error_bars import spark_of
from tocsin.web.pages.filters import ago, grouped

DAY_MS = 86_400_000
STEP_MS = 3_600_000
_TONES = {
    "fatal": "critical",
    "error": "critical",
    "warn": "warning",
    "info": "info",
    "debug": "silenced",
    "trace": "silenced",
    "unknown": "unknown",
}
_AFTER = ">"
"""What `resolved_in` begins with when the issue is over in the releases after that one."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A word that marks an issue."""

    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class IssueRow:
    """An issue in a list. `spark` is the outline of its last day."""

    issue: Issue
    level: str
    tone: str
    badges: Sequence[Badge]
    spark: str
    lately: int
    """How many errors it had in the last day."""


def tone_of(issue: Issue) -> str:
    """The look of its level; quiet when nobody needs to look."""
    if issue.state is IssueState.RESOLVED:
        return "ok"
    return "silenced" if issue.state is IssueState.IGNORED else _TONES[level_name(issue.level)]


def is_new(issue: Issue, now_ms: int) -> bool:
    """Whether it is open and was not known a day ago."""
    return issue.state is IssueState.OPEN and now_ms - issue.first_seen_ms < NEW_MS


def is_regressed(issue: Issue) -> bool:
    """Whether it is open because it came back."""
    return issue.state is IssueState.OPEN and issue.regressed_ms > 0


def badges_of(issue: Issue, now_ms: int) -> list[Badge]:
    """What marks it: new, back again, over, or not to be shown until something."""
    if issue.state is IssueState.RESOLVED:
        return [Badge(f"Resolved{_where(issue.resolved_in)}", "ok")]
    if issue.state is IssueState.IGNORED:
        return [Badge(ignored_words(issue, now_ms), "silenced")]
    found = [Badge("Regressed", "critical")] if is_regressed(issue) else []
    if is_new(issue, now_ms):
        found.append(Badge("New", "info"))
    return found


def _where(release: str) -> str:
    if not release:
        return ""
    return f" after {release[1:]}" if release.startswith(_AFTER) else f" in {release}"


def ignored_words(issue: Issue, now_ms: int) -> str:
    """Until when it is ignored, in words."""
    ends = []
    if issue.ignored_until_ms:
        ends.append(ago(issue.ignored_until_ms / 1000, now_ms / 1000).removeprefix("in "))
    if issue.ignored_until_times:
        ends.append(f"{grouped(max(0, issue.ignored_until_times))} events in all")
    if issue.ignored_until_people:
        ends.append(f"{grouped(issue.ignored_until_people)} people in all")
    if not ends:
        return "Ignored"
    for_a_time = issue.ignored_until_ms and len(ends) == 1
    return f"Ignored {'for' if for_a_time else 'until'} {' or '.join(ends)}"


def rows_of(
    issues: Sequence[Issue],
    trends: Mapping[int, Sequence[int]],
    now_ms: int,
) -> list[IssueRow]:
    """The rows of these issues, in their order."""
    return [
        IssueRow(
            issue=one,
            level=level_name(one.level),
            tone=tone_of(one),
            badges=badges_of(one, now_ms),
            spark=spark_of(trends.get(one.id, ())),
            lately=sum(trends.get(one.id, ())),
        )
        for one in issues
    ]
