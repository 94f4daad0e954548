"""What is an incident, and what happened in it?"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from tocsin.model.labels import Labels


class Status(Enum):
    """How far an incident has come; the order is that of its life."""

    OPEN = "open"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_over(self) -> bool:
        """Whether nobody has to act any more."""
        return self in (Status.RESOLVED, Status.CLOSED)


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Something that belongs to an incident: `ref` names it within its kind.

    Kinds: "alert" (ref: fingerprint, with `labels`), "error", "log" (a question), "trace" (id),
    "deploy", "graph" (PromQL), "url".
    """

    kind: str
    ref: str
    title: str = ""
    url: str = ""
    labels: Labels = ()
    starts_ms: int = 0
    ends_ms: int = 0
    """When it was over; 0 while it lasts, or when that means nothing for its kind."""
    is_moment: bool = False
    """An alert that something happened, such as a new error: it lasts only to be told."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as it is now; times in ms since the epoch, UTC, 0 for what has not happened.

    `number` is its name among people, such as INC-2026-0042. `version` counts its changes, so that
    whoever changes an older one is told. `severity` is a name of the configuration, such as P0.
    """

    id: int = 0
    number: str = ""
    version: int = 0
    severity: str
    status: Status = Status.OPEN
    title: str
    description: str = ""
    services: tuple[str, ...] = ()
    assignee: str = ""
    roles: Mapping[str, str] = {}
    """Who does what: "commander", "communications", or any other name → a person."""
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    source: str = ""
    """Who opened it: "alerts", "page", "api", "cli", "slack", "webhook"."""
    opened_by: str = ""
    join_key: str = ""
    """Alerts of the same key join it while it is not over; empty when none may."""
    started_ms: int = 0
    """When the trouble began, as far as is known."""
    opened_ms: int = 0
    acknowledged_ms: int = 0
    acknowledged_by: str = ""
    first_acknowledged_ms: int = 0
    """When somebody first did; it stays when that is taken back, or it is opened again."""
    mitigated_ms: int = 0
    """When users were helped: it first became "monitoring", or was resolved."""
    resolved_ms: int = 0
    closed_ms: int = 0
    resolution: str = ""
    root_cause: str = ""
    cause: str = ""
    """The kind of cause, for statistics, such as "deploy" or "database"."""
    measures: tuple[str, ...] = ()
    """What shall prevent it from happening again."""
    merged_into: str = ""
    """The number of the incident that it became part of."""
    next_update_ms: int = 0
    """When the next update was promised."""
    is_public: bool = False
    """Whether the status page may tell of it."""
    is_drill: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nobody has to act any more."""
        return self.status.is_over

    def of_kind(self, kind: str) -> tuple[Link, ...]:
        """Its links of one kind."""
        return tuple(link for link in self.links if link.kind == kind)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event of an incident's timeline, which is only ever added to.

    Kinds: "opened", "alert_fired", "alert_resolved", "acknowledged", "unacknowledged", "assigned",
    "role", "severity", "status", "edited", "linked", "note", "image", "pinned", "unpinned",
    "update" (told to others), "page" (somebody was paged), "escalated", "action" (an automatic
    step's outcome), "merged", "resolved", "reopened", "closed", "evidence", "postmortem".
    """

    id: int = 0
    incident_id: int = 0
    at_ms: int
    kind: str
    author: str
    """A person, or "tocsin"."""
    source: str
    """Through what: "page", "api", "cli", "slack", "pagerduty", "push", "mail", "alerts" …"""
    text: str
    """One sentence for people; of a note, its Markdown."""
    data: Mapping[str, str] = {}
    """What programs need of it, such as `from` and `to`, an attachment's id, an entry's id."""
