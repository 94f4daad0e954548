"""How does Slack show an incident: one message with buttons, and the forms that they open?

https://docs.slack.dev/reference/block-kit/blocks and views
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tocsin.model.incidents import Incident, Status
from tocsin.notify.slack_status import escaped

PREFIX = "tocsin_incident_"
ACK, UNACK, ASSIGN_ME, ESCALATE, RESOLVE, NOTE, UPDATE = (
    f"{PREFIX}acknowledge",
    f"{PREFIX}unacknowledge",
    f"{PREFIX}assign_me",
    f"{PREFIX}escalate",
    f"{PREFIX}resolve",
    f"{PREFIX}note",
    f"{PREFIX}update",
)
"""The buttons, and the forms of the last three, as Slack names them."""
_OPEN, _TAKEN, _OVER = "#c01c28", "#c88800", "#26a269"
_LONGEST_TEXT = 2900
_LONGEST_TITLE = 150
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\((https?://[^)\s]{1,2000})\)")


def mrkdwn(text: str) -> str:
    """A text in Markdown as Slack writes it: `**bold**` as `*bold*`, links, nothing that pings."""
    return _LINK.sub(r"<\2|\1>", _BOLD.sub(r"*\1*", escaped(text)))


def message(
    incident: Incident, words: str, *, page: str, has_buttons: bool, people: Mapping[str, str]
) -> dict[str, object]:
    """The message's `text` and `attachments`: the words of its beginning and how it stands now.
    `people` are names as Slack mentions them; `page` is the incident's address, perhaps empty."""
    title = escaped(incident.title[:_LONGEST_TITLE])
    linked = f"<{page}|{title}>" if page else title
    drill = ":test_tube: *DRILL* · " if incident.is_drill else ""
    head = f"{drill}*{escaped(incident.severity)}* · {incident.number} · *{linked}*"
    blocks: list[dict[str, object]] = [_section(head)]
    if words:
        blocks.append(_section(mrkdwn(words)[:_LONGEST_TEXT]))
    blocks.append({"type": "context", "elements": [_mrkdwn(_standing(incident, people))]})
    if has_buttons and not incident.is_over:
        blocks.append({"type": "actions", "block_id": PREFIX, "elements": _buttons(incident)})
    text = f"{incident.severity} {incident.number}: {incident.title} ({incident.status.value})"
    return {
        "text": escaped(text),
        "attachments": [{"color": _color(incident), "blocks": blocks, "fallback": escaped(text)}],
    }


def _color(incident: Incident) -> str:
    if incident.is_over:
        return _OVER
    return _TAKEN if incident.acknowledged_ms else _OPEN


def _standing(incident: Incident, people: Mapping[str, str]) -> str:
    parts = [f"*{incident.status.value.capitalize()}*"]
    if incident.merged_into:
        parts.append(f"became part of {incident.merged_into}")
    elif incident.acknowledged_by:
        parts.append(f"acknowledged by {_person(incident.acknowledged_by, people)}")
    elif not incident.is_over:
        parts.append("nobody has acknowledged")
    if incident.assignee:
        parts.append(f"assigned to {_person(incident.assignee, people)}")
    parts += [f"{role}: {_person(who, people)}" for role, who in sorted(incident.roles.items())]
    if incident.services:
        parts.append(f"affects {escaped(', '.join(incident.services)[:300])}")
    if incident.resolution and incident.is_over:
        parts.append(escaped(incident.resolution[:500]))
    if incident.next_update_ms and not incident.is_over:
        parts.append(f"next update {_moment(incident.next_update_ms)}")
    parts.append(f"since {_moment(incident.opened_ms)}")
    return " · ".join(parts)


def _buttons(incident: Incident) -> list[dict[str, object]]:
    take = {**_button(ACK, "Acknowledge", incident), "style": "primary"}
    if incident.acknowledged_ms:
        take = _button(UNACK, "Unacknowledge", incident)
    confirm = {
        "title": _plain("Escalate now?"),
        "text": _plain("Whoever comes next is paged at once."),
        "confirm": _plain("Escalate"),
        "deny": _plain("Wait"),
    }
    escalate = {**_button(ESCALATE, "Escalate", incident), "style": "danger", "confirm": confirm}
    return [
        take,
        _button(ASSIGN_ME, "Assign me", incident),
        escalate,
        _button(UPDATE, "Update…", incident),
        _button(NOTE, "Add note…", incident),
        _button(RESOLVE, "Resolve…", incident),
    ]


def note_view(incident: Incident) -> dict[str, object]:
    """The form for a note."""
    return _view(NOTE, incident, "Add a note", "Add", [_input("text", "Note", multiline=True)])


def update_view(incident: Incident) -> dict[str, object]:
    """The form for an update."""
    statuses = [one for one in Status if not one.is_over]
    options = [{"text": _plain(one.value.capitalize()), "value": one.value} for one in statuses]
    chosen = next(o for o, s in zip(options, statuses, strict=True) if s is incident.status)
    select: dict[str, object] = {
        "type": "static_select",
        "action_id": "status",
        "options": options,
        "initial_option": chosen,
    }
    fields: list[dict[str, object]] = [
        _input("text", "What is known, and what is being done?", multiline=True),
        {"type": "input", "block_id": "status", "label": _plain("Status"), "element": select},
        _input("eta", "When is it expected to be over?", optional=True),
        _input("public", "For the status page, in words of its own", multiline=True, optional=True),
    ]
    return _view(UPDATE, incident, "Post an update", "Post", fields)


def resolve_view(incident: Incident) -> dict[str, object]:
    """The form that resolves it."""
    fields = [
        _input("resolution", "How was it resolved?", multiline=True),
        _input("root_cause", "What caused it?", multiline=True, optional=True),
        _input("cause", "Kind of cause, such as deploy", optional=True),
        _input("measures", "What prevents it? One a line", multiline=True, optional=True),
    ]
    return _view(RESOLVE, incident, "Resolve", "Resolve", fields)


def _view(
    which: str, incident: Incident, title: str, submit: str, blocks: Sequence[dict[str, object]]
) -> dict[str, object]:
    return {
        "type": "modal",
        "callback_id": which,
        "private_metadata": incident.number,
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain("Cancel"),
        "blocks": [_section(f"*{incident.number}* {escaped(incident.title[:200])}"), *blocks],
    }


def _input(
    name: str, label: str, *, multiline: bool = False, optional: bool = False
) -> dict[str, object]:
    element = {"type": "plain_text_input", "action_id": name, "multiline": multiline}
    return {
        "type": "input",
        "block_id": name,
        "label": _plain(label),
        "element": element,
        "optional": optional,
    }


def _button(action: str, words: str, incident: Incident) -> dict[str, object]:
    return {
        "type": "button",
        "action_id": action,
        "text": _plain(words),
        "value": incident.number,
    }


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text}


def _plain(words: str) -> dict[str, object]:
    return {"type": "plain_text", "text": words}


def _person(name: str, people: Mapping[str, str]) -> str:
    return people.get(name) or escaped(name)


def _moment(at_ms: int) -> str:
    """In the reader's own zone, as Slack shows dates; in UTC where it cannot."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"<!date^{at_ms // 1000}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"
