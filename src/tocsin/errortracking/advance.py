"""What do new errors make of an issue? Pure: the issue and what was seen in, the changed issue and
what is to be told out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from tocsin.errortracking import people_sketch
from tocsin.errortracking.versions import is_newer
from tocsin.model.errors import Issue, IssueEntry, IssueState, KeptIssue
from tocsin.model.logs import level_name

TOCSIN = "tocsin"
NEXT = ">"
"""Before a release: the issue is over in those after it."""
_RELEASES, _TITLES, _ENVIRONMENTS = 100, 5, 20


class Sighting(msgspec.Struct, kw_only=True):
    """What came of one print since it was last counted; grows as errors come. `print` is the
    newest version's, `older` those of earlier versions. Times are milliseconds since the epoch."""

    print: str
    older: tuple[str, ...] = ()
    project: str
    title: str
    culprit: str
    kind: str
    level: int
    platform: str
    service: str
    handled: bool
    event_id: str
    first_ms: int
    last_ms: int
    times: int = 0
    users: set[int] = msgspec.field(default_factory=set)
    releases: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """The first and the last time of each release; "" for errors without one."""
    environments: set[str] = msgspec.field(default_factory=set)

    def add(self, other: Sighting) -> None:
        """Count another one of the same print as well."""
        if other.last_ms >= self.last_ms:
            for name in ("title", "culprit", "kind", "level", "platform", "service", "event_id"):
                setattr(self, name, getattr(other, name))
        self.handled = self.handled and other.handled
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)
        self.times += other.times
        self.users |= other.users
        if len(self.users) > 2 * people_sketch.KEPT:
            self.users = set(people_sketch.joined(self.users, ()))
        self.environments = set(_environments((), self.environments | other.environments))
        for release, (first, last) in other.releases.items():
            known = self.releases.get(release, (first, last))
            self.releases[release] = (min(known[0], first), max(known[1], last))
        if len(self.releases) > 2 * _RELEASES:
            newest = sorted(self.releases, key=lambda one: self.releases[one][1])[-_RELEASES:]
            self.releases = {one: self.releases[one] for one in newest}


def first(seen: Sighting) -> tuple[KeptIssue, IssueEntry]:
    """A new issue."""
    newest = max(seen.releases, key=lambda one: seen.releases[one][1], default="")
    oldest = min(seen.releases, key=lambda one: seen.releases[one][0], default="")
    users = people_sketch.joined(seen.users, ())
    issue = Issue(
        id=0,
        project=seen.project,
        title=seen.title,
        culprit=seen.culprit,
        kind=seen.kind,
        level=seen.level,
        first_seen_ms=seen.first_ms,
        last_seen_ms=seen.last_ms,
        first_release=oldest,
        last_release=newest,
        times=seen.times,
        people=people_sketch.count(users),
        handled=seen.handled,
        platform=seen.platform,
        service=seen.service,
    )
    kept = KeptIssue(
        issue=issue,
        prints={seen.print: seen.times},
        users=users,
        releases=_releases({}, seen),
        environments=_environments((), seen.environments),
    )
    text = f"First seen in {oldest}" if oldest else "First seen"
    entry = IssueEntry(at_ms=seen.first_ms, kind="first_seen", author=TOCSIN, text=text)
    return kept, entry


def advanced(kept: KeptIssue, seen: Sighting, now_ms: int) -> tuple[KeptIssue, str, str]:
    """The issue with what was seen, how it changed ("regressed", "unignored", or "" when only its
    counts did), and why."""
    kind, why = _change(kept, seen, now_ms)
    after = counted(kept, seen)
    issue = after.issue
    if kind:
        # Who saw it as it was has not seen that it came back.
        issue = replace(reopened(issue), version=issue.version + 1)
    if kind == "regressed":
        issue = replace(issue, regressed_ms=now_ms)
    return replace(after, issue=issue), kind, why


def counted(kept: KeptIssue, seen: Sighting) -> KeptIssue:
    """The issue with other counts."""
    before = kept.issue
    users = people_sketch.joined(kept.users, seen.users) if seen.users else kept.users
    is_newest = seen.last_ms >= before.last_seen_ms
    newest = max(seen.releases, key=lambda one: seen.releases[one][1], default="")
    issue = replace(
        before,
        first_seen_ms=min(before.first_seen_ms, seen.first_ms),
        last_seen_ms=max(before.last_seen_ms, seen.last_ms),
        times=before.times + seen.times,
        people=max(before.people, people_sketch.count(users)),
        handled=before.handled and seen.handled,
        last_release=newest if newest and is_newest else before.last_release,
        first_release=before.first_release or newest,
    )
    titles = kept.titles
    if is_newest:
        if before.title != seen.title:
            others = [one for one in (before.title, *titles) if one != seen.title]
            titles = tuple(dict.fromkeys(others))[:_TITLES]
        issue = replace(
            issue,
            title=seen.title,
            culprit=seen.culprit or before.culprit,
            kind=seen.kind or before.kind,
            level=seen.level,
            platform=seen.platform or before.platform,
            service=seen.service or before.service,
        )
    prints = {**kept.prints, seen.print: kept.prints.get(seen.print, 0) + seen.times}
    return replace(
        kept,
        issue=issue,
        users=users,
        titles=titles,
        prints=prints,
        releases=_releases(kept.releases, seen),
        environments=_environments(kept.environments, seen.environments),
    )


def reopened(issue: Issue) -> Issue:
    """Open, and nothing is waited for any more."""
    return replace(
        issue,
        state=IssueState.OPEN,
        resolved_in="",
        resolved_ms=0,
        ignored_until_ms=0,
        ignored_until_times=0,
        ignored_until_people=0,
    )


def is_waited_out(issue: Issue, now_ms: int) -> str:
    """Why an ignored issue is not ignored any more; empty while it is."""
    if issue.state is not IssueState.IGNORED:
        return ""
    if 0 < issue.ignored_until_ms <= now_ms:
        return "The time is over until which it was ignored"
    if 0 < issue.ignored_until_times <= issue.times:
        return f"It happened {issue.times:,} times by now"
    if 0 < issue.ignored_until_people <= issue.people:
        return f"It happened to {issue.people:,} people by now"
    return ""


def _change(kept: KeptIssue, seen: Sighting, now_ms: int) -> tuple[str, str]:
    if kept.issue.state is IssueState.RESOLVED:
        for release, (_, last_ms) in seen.releases.items():
            if _is_back(kept, release, last_ms):
                where = f" in {release}" if release else ""
                return "regressed", f"It is back{where}"
        return "", ""
    why = is_waited_out(counted(kept, seen).issue, now_ms)
    return ("unignored", why) if why else ("", "")


def _is_back(kept: KeptIssue, release: str, last_ms: int) -> bool:
    """Whether an error of that release means that the issue is not over."""
    issue = kept.issue
    if last_ms <= issue.resolved_ms:
        return False  # it happened before, and came late
    if not issue.resolved_in or not release:
        return True
    cured = issue.resolved_in.removeprefix(NEXT)
    newer = is_newer(release, cured, kept.releases, when_ms=issue.resolved_ms)
    return newer or (release == cured and not issue.resolved_in.startswith(NEXT))


def _environments(known: Iterable[str], seen: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *sorted(seen))))[:_ENVIRONMENTS]


def _releases(known: dict[str, int], seen: Sighting) -> dict[str, int]:
    found = dict(known)
    for release, (first_ms, _) in seen.releases.items():
        if release:
            found[release] = min(found.get(release, first_ms), first_ms)
    if len(found) <= _RELEASES:
        return found
    newest = sorted(found, key=lambda one: found[one])[-_RELEASES:]
    return {one: found[one] for one in newest}


def joined(into: KeptIssue, other: KeptIssue) -> KeptIssue:
    """Both as one: the first, with what was counted of the second."""
    one, two = into.issue, other.issue
    users = people_sketch.joined(into.users, other.users)
    issue = replace(
        one,
        times=one.times + two.times,
        people=max(one.people, two.people, people_sketch.count(users)),
        first_seen_ms=min(one.first_seen_ms, two.first_seen_ms),
        last_seen_ms=max(one.last_seen_ms, two.last_seen_ms),
        first_release=one.first_release
        if one.first_seen_ms <= two.first_seen_ms
        else two.first_release or one.first_release,
        last_release=one.last_release
        if one.last_seen_ms >= two.last_seen_ms
        else two.last_release or one.last_release,
        handled=one.handled and two.handled,
        version=one.version + 1,
    )
    titles = tuple(dict.fromkeys((*into.titles, two.title, *other.titles)))[:_TITLES]
    releases = {**other.releases, **into.releases}
    for release in into.releases.keys() & other.releases.keys():
        releases[release] = min(into.releases[release], other.releases[release])
    return KeptIssue(
        issue=issue,
        prints=dict(Counter(into.prints) + Counter(other.prints)),
        users=users,
        releases=releases,
        environments=_environments(into.environments, other.environments),
        titles=titles,
    )


def said(issue: Issue) -> str:
    """An issue in a few words, for histories and alerts."""
    return f"{level_name(issue.level)}: {issue.title}"
