"""What may a communication template name, and what does each field say of an incident?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from tocsin.model.incidents import Incident

Value = str | tuple[str, ...]
"""A text, or texts that templates may go through one by one."""

UNKNOWN = "not known yet"
NOBODY = "nobody yet"
NOT_PROMISED = "when there is news"
_LONGEST = 20_000
_MOST = 200

FIELDS: Mapping[str, str] = {
    "incident_id": "the incident's number, such as INC-2026-0042",
    "title": "its title",
    "description": "its description; its title when it has none",
    "severity": "its severity, such as P0",
    "severity_description": "what the configuration says of that severity",
    "status": "how far it has come, such as investigating",
    "services": "the affected services, one by one or joined by commas",
    "service": "the same, joined by commas",
    "tags": "its tags",
    "alerts": "the names of its alerts that fire",
    "timestamp": "when this is said",
    "started_at": "when the trouble began",
    "opened_at": "when the incident was opened",
    "acknowledged_at": "when somebody acknowledged it",
    "mitigated_at": "when users were helped",
    "resolved_at": "when it was resolved",
    "next_update_time": "when the next update was promised",
    "assignee": "who works on it",
    "commander": "who leads the response",
    "communications": "who speaks for it",
    "opened_by": "who opened it",
    "acknowledged_by": "who acknowledged it",
    "author": "who says this",
    "progress_description": "the text of the update",
    "update": "the same",
    "estimated_resolution": "when it is expected to be over, as the update says",
    "total_duration": "how long it lasted, or has lasted until now",
    "root_cause": "what caused it",
    "cause": "the kind of cause, such as deploy",
    "resolution": "how it was resolved",
    "resolution_summary": "the same",
    "measures": "what shall prevent it from happening again, one by one or joined by commas",
    "incident_link": "its page in Tocsin",
    "postmortem_link": "its post-mortem in Tocsin",
    "status_page_link": "the public status page",
    "drill": "DRILL in a drill, empty otherwise",
}
"""By name, with what it means."""

PUBLIC: frozenset[str] = frozenset(
    (
        "status",
        "timestamp",
        "started_at",
        "resolved_at",
        "next_update_time",
        "update",
        "progress_description",
        "estimated_resolution",
        "total_duration",
        "status_page_link",
    )
)
"""What those outside may read: nothing private is in it but what an author wrote for them."""


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What is said besides the incident itself; times in ms since the epoch."""

    at_ms: int
    text: str = ""
    """What an author wrote; empty when nobody did."""
    eta: str = ""
    """When it is expected to be over, in the author's words."""
    author: str = "tocsin"
    severity_description: str = ""
    external_url: str = ""
    """How people reach Tocsin; empty: links are paths."""
    status_page_url: str = ""
    timezone: str = "UTC"
    name_of: Callable[[str], str] = str
    """A person's full name by the short one."""


def values_of(incident: Incident, occasion: Occasion) -> dict[str, Value]:
    """Every field of `FIELDS`; what is not known says so in words."""
    found = {
        **_facts(incident, occasion),
        **_times(incident, occasion),
        **_people(incident, occasion),
        **_said(incident, occasion),
        **_links(incident, occasion),
    }
    return {name: _bounded(value) for name, value in found.items()}


def _facts(incident: Incident, occasion: Occasion) -> dict[str, Value]:
    alerts = [link for link in incident.of_kind("alert") if not link.ends_ms]
    return {
        "incident_id": incident.number,
        "title": incident.title,
        "description": incident.description or incident.title,
        "severity": incident.severity,
        "severity_description": occasion.severity_description,
        "status": incident.status.value,
        "services": incident.services,
        "service": ", ".join(incident.services) or UNKNOWN,
        "tags": incident.tags,
        "alerts": tuple(dict.fromkeys(link.title or link.ref for link in alerts)),
        "drill": "DRILL" if incident.is_drill else "",
    }


def _times(incident: Incident, occasion: Occasion) -> dict[str, Value]:
    zone = ZoneInfo(occasion.timezone)

    def moment(at_ms: int, otherwise: str = UNKNOWN) -> str:
        return moment_text(at_ms, zone) if at_ms else otherwise

    ended = incident.resolved_ms if incident.is_over else 0
    began = incident.started_ms or incident.opened_ms
    return {
        "timestamp": moment(occasion.at_ms),
        "started_at": moment(began),
        "opened_at": moment(incident.opened_ms),
        "acknowledged_at": moment(incident.acknowledged_ms),
        "mitigated_at": moment(incident.mitigated_ms),
        "resolved_at": moment(incident.resolved_ms),
        "next_update_time": moment(incident.next_update_ms, NOT_PROMISED),
        "total_duration": duration_text((ended or occasion.at_ms) - began),
    }


def _people(incident: Incident, occasion: Occasion) -> dict[str, Value]:
    named = {
        "assignee": incident.assignee,
        "commander": incident.roles.get("commander", ""),
        "communications": incident.roles.get("communications", ""),
        "opened_by": incident.opened_by,
        "acknowledged_by": incident.acknowledged_by,
    }
    shown = {field: occasion.name_of(one) if one else NOBODY for field, one in named.items()}
    return {**shown, "author": occasion.name_of(occasion.author)}


def _said(incident: Incident, occasion: Occasion) -> dict[str, Value]:
    said = occasion.text or incident.description or incident.title
    resolution = incident.resolution or occasion.text or UNKNOWN
    return {
        "progress_description": said,
        "update": said,
        "estimated_resolution": occasion.eta or UNKNOWN,
        "root_cause": incident.root_cause or UNKNOWN,
        "cause": incident.cause or UNKNOWN,
        "resolution": resolution,
        "resolution_summary": resolution,
        "measures": incident.measures,
    }


def _links(incident: Incident, occasion: Occasion) -> dict[str, Value]:
    base = occasion.external_url.rstrip("/")
    return {
        "incident_link": f"{base}/incidents/{incident.number}",
        "postmortem_link": f"{base}/postmortems/{incident.number}",
        "status_page_link": occasion.status_page_url,
    }


def _bounded(value: Value) -> Value:
    if isinstance(value, str):
        return value[:_LONGEST]
    return tuple(one[:_LONGEST] for one in value[:_MOST])


def shown(value: Value) -> str:
    """A field as one text."""
    return value if isinstance(value, str) else ", ".join(value)


def moment_text(at_ms: int, zone: tzinfo) -> str:
    """Such as "2026-11-22 14:03 UTC"."""
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    return f"{at:%Y-%m-%d %H:%M} {at.tzname() or ''}".strip()


def duration_text(ms: int) -> str:
    """Such as "2 h 5 min"."""
    minutes = max(0, ms) // 60_000
    if minutes < 1:
        return "less than a minute"
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


SAMPLE = Incident(
    id=42,
    number="INC-2026-0042",
    version=3,
    severity="P0",
    title="Checkout fails for every customer",
    description="Payments are refused since the deploy of 13:58.",
    services=("checkout", "payments"),
    assignee="ana",
    roles={"commander": "ben"},
    tags=("database",),
    source="alerts",
    opened_by="tocsin",
    started_ms=1_790_000_000_000,
    opened_ms=1_790_000_060_000,
    acknowledged_ms=1_790_000_120_000,
    acknowledged_by="ana",
    resolved_ms=1_790_003_660_000,
    resolution="The deploy was taken back.",
    root_cause="A migration locked the table of orders.",
    cause="deploy",
    measures=("Run migrations in small steps",),
    next_update_ms=1_790_001_800_000,
)
"""What a template is tried with before there is an incident."""
