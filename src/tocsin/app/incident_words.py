"""How does a channel say an incident's words instead of an alert's? Its own texts are put in place
of those that were written for alerts; where it goes and how it is reached stays."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.alert.routing.receiver_config import IntegrationPart
from tocsin.kit.document import Document, Entries, Node, Scalar
from tocsin.model.incidents import Incident
from tocsin.model.labels import from_mapping
from tocsin.model.notices import Notice, NoticeAlert, fingerprint

_SUBJECT = "{{ .CommonAnnotations.summary }}"
_TEXT = "{{ .CommonAnnotations.description }}"
_SLACK = "{{ .CommonAnnotations.mrkdwn }}"
_LINK = "{{ .CommonAnnotations.link }}"
_HTML = (
    '<!DOCTYPE html><html><body><div style="white-space: pre-wrap; font-family: sans-serif">'
    f"{_TEXT}</div></body></html>"
)
_DROPPED: Mapping[str, tuple[str, ...]] = {
    "email": ("body", "headers", "actions"),
    "slack": ("message_text", "fields", "actions", "pretext", "image_url", "thumb_url"),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "apprise": {"title": _SUBJECT, "body": _TEXT},
    "discord": {"title": _SUBJECT, "message": _TEXT},
    "email": {"subject": _SUBJECT, "text": _TEXT, "html": _HTML, "send_resolved": "true"},
    "jira": {"summary": _SUBJECT, "description": _TEXT},
    "mattermost": {"text": f"**{_SUBJECT}**\n{_TEXT}"},
    "msteams": {"title": _SUBJECT, "summary": _SUBJECT, "text": _TEXT},
    "msteamsv2": {"title": _SUBJECT, "text": _TEXT},
    "opsgenie": {"message": _SUBJECT, "description": _TEXT},
    "pagerduty": {"description": _SUBJECT},
    "pushover": {"title": _SUBJECT, "message": _TEXT},
    "rocketchat": {"title": _SUBJECT, "title_link": _LINK, "text": _TEXT},
    "slack": {"title": _SUBJECT, "title_link": _LINK, "text": _SLACK, "fallback": _SUBJECT},
    "sns": {"subject": _SUBJECT, "message": _TEXT},
    "telegram": {"message": _TEXT, "parse_mode": ""},
    "twilio": {"message": _SUBJECT},
    "victorops": {"entity_display_name": _SUBJECT, "state_message": _TEXT},
    "webex": {"message": _TEXT},
    "wechat": {"message": _TEXT},
}


def with_words(part: IntegrationPart) -> Document:
    """The channel's part of the file, saying what is told of incidents."""
    node = part.part.node
    if not isinstance(node, Entries):
        return part.part
    nodes: dict[str, Node] = {
        key: child for key, child in node.nodes.items() if key not in _DROPPED.get(part.kind, ())
    }
    for key, text in _WORDS.get(part.kind, {}).items():
        nodes[key] = Scalar(node.place, text, plain=key == "send_resolved")
    keys = {key: node.keys.get(key, node.place) for key in nodes}
    return Document(Entries(node.place, nodes, keys), part.part.path)


def notice_of(
    receiver: str,
    incident: Incident,
    words: Mapping[str, str],
    *,
    at_ms: int,
    is_over: bool,
    suffix: str = "",
) -> Notice:
    """The message that says these words (`summary`, `description`, `mrkdwn`, `link`) about an
    incident; `suffix` sets it apart from others about the same one."""
    labels = from_mapping(
        {
            "alertname": incident.title[:200],
            "incident": incident.number,
            "severity": incident.severity,
            **({"service": ", ".join(incident.services)} if incident.services else {}),
        }
    )
    alert = NoticeAlert(
        labels=labels,
        annotations=from_mapping(dict(words)),
        starts_ms=incident.opened_ms,
        ends_ms=max(at_ms, incident.opened_ms + 1) if is_over else 0,
        generator_url=words.get("link", ""),
        fingerprint=fingerprint(from_mapping({"incident": incident.number})),
    )
    return Notice(
        receiver=receiver,
        group_key=f"incident/{incident.number}{suffix}",
        group_labels=from_mapping({"incident": incident.number}),
        alerts=(alert,),
        at_ms=at_ms,
    )
