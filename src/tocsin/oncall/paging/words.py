"""What does a page say? What it is, how bad, since when, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

from tocsin.model.incidents import Incident
from tocsin.oncall.paging.caller import Message
from tocsin.oncall.paging.page import Page

_LONGEST_TITLE = 200


def message_of(incident: Incident, page: Page, now_ms: int) -> Message:
    """The message about an incident."""
    drill = "DRILL: " if incident.is_drill else ""
    since = incident.started_ms or incident.opened_ms
    about = f" ({', '.join(incident.services[:5])})" if incident.services else ""
    lines = [
        f"{incident.severity} {incident.title}{about}"[:_LONGEST_TITLE],
        f"{incident.number}, since {at(since)} ({lasting(now_ms - since)}), "
        f"{incident.status.value}.",
    ]
    if page.is_news:
        lines.append(f"It became {incident.severity}; {incident.acknowledged_by} has it.")
    elif page.step:
        lines.append(f"You are paged as {page.step}." if page.person else f"Paged: {page.step}.")
    return Message(
        subject=incident.number,
        title=f"{drill}{incident.severity} {incident.title}"[:_LONGEST_TITLE],
        text=drill + "\n".join(lines),
        severity=incident.severity,
        urgency=page.urgency,
        since_ms=since,
        at_ms=now_ms,
        path=f"/incidents/{incident.number}",
        person=page.person,
        can_answer=bool(page.person) and not page.is_news,
        services=incident.services,
        is_drill=incident.is_drill,
    )


def at(moment_ms: int) -> str:
    """`14:05 UTC`."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%H:%M UTC")


def lasting(length_ms: int) -> str:
    """`3 min`, `2 h 5 min`, `4 d 2 h`."""
    minutes = max(0, length_ms) // 60_000
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
