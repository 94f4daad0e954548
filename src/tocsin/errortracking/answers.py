"""What is told about errors? The values that addresses, pages and commands show."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.model.errors import Issue, IssueEntry


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of a stack. `line` and `column` count from one, 0: unknown. `before` and `after` are
    the lines of source around `context`. `variables` are shown as texts."""

    function: str = ""
    module: str = ""
    filename: str = ""
    path: str = ""
    """The file as the machine named it, where that differs from `filename`."""
    line: int = 0
    column: int = 0
    in_app: bool = True
    """Whether it is the application's own code."""
    context: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    variables: dict[str, str] = {}


class Thrown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exception of a chain. `frames` are the oldest call first."""

    kind: str = ""
    value: str = ""
    module: str = ""
    mechanism: str = ""
    """By what it was caught, such as "excepthook" or "onerror"."""
    handled: bool = True
    frames: tuple[Frame, ...] = ()
    frames_left_out: int = 0


class Breadcrumb(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened before. `at_ms` is 0 when unknown; `level` a word."""

    at_ms: int = 0
    category: str = ""
    kind: str = ""
    level: str = ""
    message: str = ""
    data: dict[str, str] = {}


class RequestSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The HTTP request during which it happened, without its secrets."""

    method: str = ""
    url: str = ""
    query: str = ""
    headers: dict[str, str] = {}
    data: str = ""


class Feedback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user said of it."""

    at_ms: int = 0
    name: str = ""
    email: str = ""
    comments: str = ""
    event_id: str = ""


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole of an error beyond the columns of its table.

    `exceptions` are the first cause first, what was caught at last comes last. `grouped_by` is
    "fingerprint", "stack", "exception" or "message"; `group_parts` are what its print was made of;
    `left_out` says what was too much to be kept. `line_id` names the log line it was found in.
    """

    message: str = ""
    exceptions: tuple[Thrown, ...] = ()
    breadcrumbs: tuple[Breadcrumb, ...] = ()
    request: RequestSeen | None = None
    user: dict[str, str] = {}
    """Of id, username, email, ip_address and others."""
    contexts: dict[str, dict[str, str]] = {}
    """Such as runtime, os, browser, device, trace, and what the application adds."""
    extra: dict[str, str] = {}
    modules: dict[str, str] = {}
    """Installed packages and their versions."""
    sdk: str = ""
    logger: str = ""
    attachments: tuple[str, ...] = ()
    """Their names and sizes; the bytes are not kept."""
    fingerprint: tuple[str, ...] = ()
    """As the application gave it."""
    grouped_by: str = ""
    group_parts: tuple[str, ...] = ()
    print: str = ""
    line_id: str = ""
    left_out: tuple[str, ...] = ()


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An error in a list. `ts_ns` is nanoseconds since the epoch, UTC; `level` OpenTelemetry's
    severity number; `weight` for how many it stands where only one of several was kept."""

    event_id: str
    ts_ns: int
    issue_id: int
    project: str
    kind: str
    value: str
    culprit: str
    level: int
    source: str
    platform: str
    service: str
    environment: str
    release: str
    host: str
    user_id: str
    trace_id: str
    span_id: str
    transaction: str
    handled: bool
    weight: int = 1
    tags: dict[str, str] = {}

    @property
    def at_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self.ts_ns // 1_000_000


class EventShown(msgspec.Struct, frozen=True, kw_only=True):
    """One error, whole. `newer` and `older` are ids of its issue's events beside it, or empty."""

    event: EventRow
    content: Content
    newer: str = ""
    older: str = ""
    feedback: tuple[Feedback, ...] = ()


class IssuesAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which issues; what is empty or 0 does not matter.

    `words` may hold `is:open` (resolved, ignored, new, regressed, assigned, unassigned), `level:`,
    `project:`, `assignee:`, `release:`, `platform:`, `service:`, `kind:`, and words of titles.
    `new_since_ms` and `seen_since_ms`, `seen_until_ms` bound the first and the last time.
    """

    words: str = ""
    projects: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    assignee: str = ""
    """A person; "-" means nobody."""
    least_level: int = 0
    new_since_ms: int = 0
    seen_since_ms: int = 0
    seen_until_ms: int = 0
    order: Literal["last", "first", "times", "people"] = "last"
    limit: int = 50
    offset: int = 0


class IssuePage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list: `total` counts all that match."""

    issues: tuple[Issue, ...]
    total: int


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What a person does with an issue; a JSON body as it stands.

    resolve: with `release`, it is over in that one ("next": in the one after the newest seen).
    ignore: until `until_ms`, `times` more events or `people` more people, whichever comes first;
    for ever when none is given. assign: to `person`, to nobody when empty. comment: `text`.
    link: to the incident numbered `incident`, to none when empty.
    """

    kind: Literal["resolve", "reopen", "ignore", "assign", "comment", "link"]
    release: str = ""
    until_ms: int = 0
    times: int = 0
    people: int = 0
    person: str = ""
    text: str = ""
    incident: str = ""


ActEntry = IssueEntry
"""One entry of an issue's history."""


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """One fingerprint of an issue: `text` says what it was made of, as its newest event tells."""

    hash: str
    times: int
    text: str = ""


class TagShown(msgspec.Struct, frozen=True, kw_only=True):
    """A tag and its most frequent values, each with how many errors had it."""

    key: str
    times: int
    values: tuple[tuple[str, int], ...]


class PersonSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the application whom it happened to."""

    user_id: str
    times: int
    first_ms: int
    last_ms: int


class ReleaseSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A release that had the issue."""

    release: str
    times: int
    first_ms: int
    last_ms: int


class ReleaseHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of a release since `since_ms`; `crash_free` is a share, 1.0 without sessions."""

    project: str
    release: str
    environment: str
    sessions: int
    crashed: int
    errored: int
    abnormal: int
    crash_free: float


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """Where an application's errors go: `number` is what a DSN ends with."""

    number: int
    name: str
    platform: str = ""
    services: tuple[str, ...] = ()
    """Services whose log lines and spans belong to it."""
    alert_on: tuple[str, ...] = ("new", "regressed")
    created_ms: int = 0
    configured: bool = False
    """Whether it stands in the configuration file."""


class IssueChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an issue. `kind` is new, seen, regressed, unignored, or an act's; `event_id`
    the error that caused it, where one did."""

    kind: str
    issue: Issue
    event_id: str = ""
