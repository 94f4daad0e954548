"""What went wrong inside an application: one error as it happened, and the issue it belongs to."""

from __future__ import annotations

import enum

import msgspec


class ErrorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One error, the row of the errors table.

    `ts_ns` is when it happened, nanoseconds since the epoch, UTC. `event_id` has 32 lower-case
    hexadecimal digits. `issue` is the number of its print: which issue the print belongs to is kept
    in the SQL database, so that issues can be merged and taken apart. `weight` is for how many
    errors it stands where only one of several was kept. `source` says how
    it came: "sentry", "logs", "spans" or "browser". `kind` is the exception's type, `value` its
    message, `culprit` where it was raised. `level` is OpenTelemetry's severity number. `content` is
    the whole event, JSON, secrets scrubbed.
    """

    ts_ns: int
    event_id: str
    project: str
    issue: int
    kind: str
    value: str
    culprit: str = ""
    level: int = 17
    source: str = "sentry"
    platform: str = ""
    service: str = ""
    environment: str = ""
    release: str = ""
    host: str = ""
    user_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    transaction: str = ""
    handled: bool = True
    weight: int = 1
    tags: dict[str, str] = {}
    content: bytes = b""


class IssueState(enum.StrEnum):
    """How it stands with an issue."""

    OPEN = "open"
    RESOLVED = "resolved"
    IGNORED = "ignored"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """Errors that have one cause, as far as their fingerprints tell.

    Times are milliseconds since the epoch, UTC. `version` grows with each change that a person
    makes. `resolved_in` names the release that is said to have it no more; `ignored_until` says
    when being ignored ends: at a time, after so many more events, or with so many more people,
    whichever is set (0: not). `people` is how many users of the application it happened to, exact
    to some 250 and within some percent beyond. `regressed_ms` is when it last came
    back after it was resolved.
    """

    id: int
    project: str
    title: str
    culprit: str
    kind: str
    level: int
    state: IssueState = IssueState.OPEN
    first_seen_ms: int
    last_seen_ms: int
    first_release: str = ""
    last_release: str = ""
    times: int = 0
    people: int = 0
    handled: bool = True
    assignee: str = ""
    resolved_in: str = ""
    resolved_ms: int = 0
    regressed_ms: int = 0
    ignored_until_ms: int = 0
    ignored_until_times: int = 0
    ignored_until_people: int = 0
    incident: str = ""
    platform: str = ""
    service: str = ""
    version: int = 1


class KeptIssue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An issue with what is kept beside it.

    `prints` are its fingerprints and how often each came; `users` the smallest 256 hashes of those
    whom it happened to, from which their number is estimated; `releases` when each of the last
    hundred was first seen; `environments` twenty at most; `titles` earlier ones. Of an issue that
    was merged into another one only `merged_into` means something; errors of a discarded one are
    not kept.
    """

    issue: Issue
    prints: dict[str, int] = {}
    users: tuple[int, ...] = ()
    releases: dict[str, int] = {}
    environments: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    merged_into: int = 0
    discarded: bool = False


class IssueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of an issue's history. `kind` is an act's (resolve, reopen, ignore, assign,
    comment, link), or first_seen, regressed, unignored, merged, unmerged, feedback; `author` is
    "tocsin" for what happened by itself."""

    id: int = 0
    at_ms: int
    kind: str
    author: str
    text: str = ""
    data: dict[str, str] = {}
