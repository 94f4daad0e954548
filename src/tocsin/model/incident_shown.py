"""How does an incident look in JSON? As the API writes it and the command line reads it."""

from __future__ import annotations

import msgspec


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """Durations of one incident in ms; None for what has not happened.

    `detect_ms` is from its start until it was opened, `acknowledge_ms` from then until somebody
    first had it; the others are from its start, as users had to bear it. `late_ms` is by how much
    it was acknowledged after its severity's response time, or is late by now; 0 when it is not.
    """

    detect_ms: int
    acknowledge_ms: int | None = None
    mitigate_ms: int | None = None
    resolve_ms: int | None = None
    late_ms: int = 0


class LinkShown(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to an incident; `starts` and `ends` are empty when they mean nothing."""

    kind: str
    ref: str
    title: str = ""
    url: str = ""
    labels: dict[str, str] = {}
    starts: str = ""
    ends: str = ""


class IncidentShown(msgspec.Struct, frozen=True, kw_only=True):
    """An incident; times are empty for what has not happened. `took` has durations in ms."""

    number: str
    version: int
    severity: str
    severity_name: str
    status: str
    title: str
    description: str
    services: list[str]
    assignee: str
    roles: dict[str, str]
    tags: list[str]
    links: list[LinkShown]
    source: str = ""
    opened_by: str = ""
    started: str
    opened: str
    acknowledged: str
    acknowledged_by: str
    mitigated: str
    resolved: str
    closed: str = ""
    resolution: str
    root_cause: str
    cause: str
    measures: list[str]
    merged_into: str
    next_update: str
    is_public: bool = False
    is_drill: bool
    took: Measures
    page: str
    """The address of its page."""


class EntryShown(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a timeline."""

    id: int
    at: str
    kind: str
    author: str
    source: str
    text: str
    data: dict[str, str] = {}
