"""How do issues become one, and several again? Pure; and how errors of lines are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from tocsin.errortracking.advance import joined
from tocsin.errortracking.event_search import Event
from tocsin.errortracking.fingerprint import number_of
from tocsin.errortracking.sentry_event import title_of
from tocsin.kit.fault import Rejected
from tocsin.model.errors import Issue, IssueEntry, IssueState, KeptIssue
from tocsin.state.error_issues import Write

_MOST_PRINTS = 500


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """Prints that are to leave an issue, their newest error, and by number how many errors the
    store has of each, the first and the last time."""

    hashes: tuple[str, ...]
    newest: Event
    spans: Mapping[int, tuple[int, int, int]]


def event_id_of_line(line_id: str) -> str:
    """The id of the error that a log line holds."""
    return blake2b(f"line {line_id}".encode(), digest_size=16).hexdigest()


def number_named(print_hash: str) -> int:
    """As `number_of`. Raises Rejected for what is no print."""
    try:
        return number_of(print_hash)
    except ValueError as error:
        raise Rejected(
            f"{print_hash[:60]!r} is no print; they are listed with the issue"
        ) from error


def merged(
    found: Mapping[int, KeptIssue], target: int, ids: Sequence[int], author: str, now_ms: int
) -> list[Write]:
    """The target with all of the others, which point to it from then on."""
    into = found[target]
    moved: list[str] = []
    pointing: list[Write] = []
    for one in ids:
        other = found[one]
        if other.merged_into or other.discarded:
            raise Rejected(f"the issue {one} was merged or deleted already")
        if other.issue.project != into.issue.project:
            raise Rejected(
                f"the issue {one} belongs to the project {other.issue.project}, the other one to "
                f"{into.issue.project}: issues of one project can be merged"
            )
        into = joined(into, other)
        moved += other.prints
        issue = replace(other.issue, version=other.issue.version + 1)
        gone = KeptIssue(issue=issue, titles=other.titles, merged_into=target)
        note = _entry(now_ms, "merged", author, f"Merged into {target}", {"into": str(target)})
        pointing.append(Write(kept=gone, entries=(note,)))
    if len(into.prints) > _MOST_PRINTS:
        raise Rejected(f"an issue can have {_MOST_PRINTS} prints at the most")
    named = ", ".join(f"{one} ({found[one].issue.title[:80]})" for one in ids)
    data = {"issues": " ".join(map(str, ids))}
    note = _entry(now_ms, "merged", author, f"Merged with {named}", data)
    return [Write(kept=into, prints=tuple(moved), entries=(note,)), *pointing]


def unmerged(kept: KeptIssue, apart: Apart, author: str, now_ms: int) -> list[Write]:
    """The issue without the prints, and a new one with them. Raises Rejected for prints that it
    does not have, and when none would be left."""
    missing = [one for one in apart.hashes if one not in kept.prints]
    if missing:
        raise Rejected(f"the issue {kept.issue.id} has no print {missing[0][:60]}")
    if len(apart.hashes) >= len(kept.prints):
        raise Rejected("an issue keeps one of its prints at least")
    times = sum(kept.prints[one] for one in apart.hashes)
    left = {name: n for name, n in kept.prints.items() if name not in apart.hashes}
    before = kept.issue
    issue = replace(before, times=max(0, before.times - times), version=before.version + 1)
    row, spans = apart.newest.row, [apart.spans.get(number_of(one)) for one in apart.hashes]
    first = min((span[1] for span in spans if span), default=row.at_ms)
    own = replace(
        before,
        id=0,
        title=title_of(row.kind, row.value, apart.newest.whole().message),
        culprit=row.culprit,
        kind=row.kind,
        level=row.level,
        state=IssueState.OPEN,
        first_seen_ms=first,
        last_seen_ms=row.at_ms,
        first_release="",
        last_release=row.release,
        times=times,
        people=0,
        assignee="",
        incident="",
        resolved_in="",
        resolved_ms=0,
        regressed_ms=0,
        version=1,
    )
    told = _entry(now_ms, "unmerged", author, f"{len(apart.hashes)} prints became an issue again")
    born = _entry(now_ms, "unmerged", author, f"Taken from {before.id}", {"from": str(before.id)})
    apart_now = KeptIssue(issue=own, prints={one: kept.prints[one] for one in apart.hashes})
    return [
        Write(kept=replace(kept, issue=issue, prints=left), entries=(told,)),
        Write(kept=apart_now, prints=apart.hashes, entries=(born,)),
    ]


def discarded(kept: KeptIssue, author: str, now_ms: int) -> list[Write]:
    """Nothing of it but its prints, so that its errors are known and not kept."""
    issue = Issue(
        id=kept.issue.id,
        project=kept.issue.project,
        title=kept.issue.title,
        culprit="",
        kind=kept.issue.kind,
        level=0,
        first_seen_ms=kept.issue.first_seen_ms,
        last_seen_ms=now_ms,
        version=kept.issue.version + 1,
    )
    note = _entry(now_ms, "discarded", author, "Deleted; its errors are discarded from now on")
    return [Write(kept=KeptIssue(issue=issue, prints=kept.prints, discarded=True), entries=(note,))]


def _entry(
    at_ms: int, kind: str, author: str, text: str, data: dict[str, str] | None = None
) -> IssueEntry:
    return IssueEntry(at_ms=at_ms, kind=kind, author=author, text=text, data=data or {})
