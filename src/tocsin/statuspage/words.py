"""What does the page say besides what its author wrote? Every word of it can be replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "operational": "Operational",
        "degraded_performance": "Degraded performance",
        "partial_outage": "Partial outage",
        "major_outage": "Major outage",
        "under_maintenance": "Under maintenance",
        "all_operational": "All systems operational",
        "all_degraded_performance": "Some systems are slower than usual",
        "all_partial_outage": "Some systems are down",
        "all_major_outage": "All systems are down",
        "all_under_maintenance": "Some systems are under maintenance",
        "all_unknown": "Not every system can be seen just now",
        "unknown": "No data",
        "investigating": "Investigating",
        "identified": "Identified",
        "monitoring": "Monitoring",
        "resolved": "Resolved",
        "scheduled": "Scheduled",
        "in_progress": "In progress",
        "verifying": "Verifying",
        "completed": "Completed",
        "impact_none": "No impact",
        "impact_minor": "Minor impact",
        "impact_major": "Major impact",
        "impact_critical": "Critical impact",
        "impact_maintenance": "Maintenance",
        "as_of": "As of",
        "stale": "Not everything could be looked at just now. This was known at",
        "current": "Happening now",
        "planned": "Planned maintenance",
        "components": "Systems",
        "history": "History",
        "all_history": "Earlier incidents",
        "nothing": "Nothing was reported.",
        "affects": "Affects",
        "uptime": "uptime",
        "days_ago": "{days} days ago",
        "today": "Today",
        "counts": "Times in UTC. Counted as downtime: {downtime}. Maintenance is not counted.",
        "without_data": "{days} of {all} days have no data and are left out",
        "no_data_yet": "No data yet",
        "trouble_days": "Days with trouble",
        "subscribe": "Get updates",
        "email": "E-mail address",
        "send_me_mails": "Send me a confirmation",
        "webhook_url": "Webhook address (https)",
        "call_my_webhook": "Confirm my webhook",
        "subscribed_hint": "A mail asks you to confirm. Each update has a link to unsubscribe.",
        "webhook_hint": "A message with a link to confirm is sent to it.",
        "check_inbox": "If this can be subscribed, a message with a link to confirm is on its way.",
        "confirm": "Confirm",
        "confirm_question": "Send updates to {address}?",
        "confirmed": "{address} gets every update from now on.",
        "signing_secret": "Each body is signed with this secret. It is shown this once:",
        "unsubscribe": "Unsubscribe",
        "unsubscribe_question": "Send no more updates?",
        "unsubscribed": "No more updates are sent.",
        "link_is_old": "This link is not valid any more.",
        "back": "Back to the status page",
        "calendar": "Calendar",
        "earlier": "Earlier",
        "later": "Later",
        "until": "to",
        "mail_confirm_subject": "Confirm updates of {title}",
        "mail_confirm": "Somebody, you perhaps, asked for updates of {title} at this address. "
        "Confirm within two days:",
        "mail_confirm_else": "If it was not you, do nothing: no more mails come.",
        "mail_unsubscribe": "Unsubscribe:",
    }
)


def words_with(given: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """All words, these in place of our own."""
    return {**WORDS, **{str(name): text for name, text in given}}
