"""What does each act make of an issue? Pure: the issue and the act in, the changed issue and what
its history says out; an act that changes nothing says nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_never

from msgspec.structs import replace

from tocsin.errortracking.advance import NEXT, reopened
from tocsin.errortracking.answers import Act
from tocsin.kit.fault import Rejected
from tocsin.model.errors import Issue, IssueEntry, IssueState

_LONGEST = 10_000
_MOST = 10**12
_LAST_MS = 253_402_300_799_000
"""The end of the year 9999, in milliseconds since 1970."""

Done = tuple[Issue, tuple[IssueEntry, ...]]


def done(issue: Issue, act: Act, author: str, now_ms: int) -> Done:
    """What becomes of it. Raises Rejected for what makes no sense."""
    match act.kind:
        case "resolve":
            after, text = _resolved(issue, act, now_ms)
        case "reopen":
            after, text = reopened(issue), "Reopened"
        case "ignore":
            after, text = _ignored(issue, act, now_ms)
        case "assign":
            after = replace(issue, assignee=act.person)
            text = f"Assigned to {act.person}" if act.person else "Assigned to nobody"
        case "link":
            after = replace(issue, incident=act.incident)
            text = f"Belongs to {act.incident}" if act.incident else "Belongs to no incident"
        case "comment":
            after, text = issue, _comment(act.text)
        case _:
            assert_never(act.kind)
    if after == issue and act.kind != "comment":
        return issue, ()
    note = act.text.strip()[:_LONGEST]
    if act.kind != "comment" and note:
        text = f"{text}: {note}"
    data = {"from": issue.state.value, "to": after.state.value}
    entry = IssueEntry(
        at_ms=now_ms,
        kind=act.kind,
        author=author,
        text=text,
        data=data if after.state is not issue.state else {},
    )
    if after != issue:
        after = replace(after, version=issue.version + 1)
    return after, (entry,)


def _comment(text: str) -> str:
    text = text.strip()
    if not text:
        raise Rejected("a comment needs a text")
    if len(text) > _LONGEST:
        raise Rejected(f"a comment has {_LONGEST:,} characters at the most, this has {len(text):,}")
    return text


def _resolved(issue: Issue, act: Act, now_ms: int) -> tuple[Issue, str]:
    release = act.release.strip()
    if len(release) > 200:
        raise Rejected("a release's name has 200 characters at the most")
    if release == "next":
        if not issue.last_release:
            raise Rejected("none of its errors names a release, so no next one can be told")
        release = NEXT + issue.last_release
    if issue.state is IssueState.RESOLVED and issue.resolved_in == release:
        return issue, ""
    after = replace(
        reopened(issue), state=IssueState.RESOLVED, resolved_in=release, resolved_ms=now_ms
    )
    if release.startswith(NEXT):
        return after, f"Resolved in the release after {release.removeprefix(NEXT)}"
    return after, f"Resolved in {release}" if release else "Resolved"


def _ignored(issue: Issue, act: Act, now_ms: int) -> tuple[Issue, str]:
    if act.until_ms and act.until_ms <= now_ms:
        raise Rejected("the time until which it is to be ignored has passed already")
    if min(act.times, act.people, act.until_ms) < 0 or max(act.times, act.people) > _MOST:
        raise Rejected("times and people are counts, until_ms milliseconds since 1970")
    if act.until_ms > _LAST_MS:
        raise Rejected("until_ms lies beyond the year 9999: it is milliseconds since 1970")
    after = replace(
        reopened(issue),
        state=IssueState.IGNORED,
        ignored_until_ms=act.until_ms,
        ignored_until_times=issue.times + act.times if act.times else 0,
        ignored_until_people=issue.people + act.people if act.people else 0,
    )
    until = []
    if act.until_ms:
        moment = datetime.fromtimestamp(act.until_ms / 1000, UTC)
        until.append(f"until {moment:%Y-%m-%d %H:%M} UTC")
    if act.times:
        until.append(f"until it happened {act.times:,} more times")
    if act.people:
        until.append(f"until it happened to {act.people:,} more people")
    return after, f"Ignored {' or '.join(until)}" if until else "Ignored"
