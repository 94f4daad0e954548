"""How does a document about an incident begin? With what is known, in the sections people use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from tocsin.incident.afterwards.response_times import ResponseTimes, times_of
from tocsin.incident.evidence.bundle import Bundle
from tocsin.incident.words.fields import FIELDS as WORDS
from tocsin.incident.words.fields import Occasion, Value, duration_text, values_of
from tocsin.incident.words.template import Template
from tocsin.model.incidents import Entry, Incident
from tocsin.model.labels import get

_MOST_ENTRIES = 200
_MOST_LINES = 50
_LONGEST = 400
_QUIET_KINDS = frozenset(("pinned", "unpinned", "postmortem"))
_FIRST = re.compile(r"^(\d{0,9})([#+~=.)-])")
"""What would begin a block at the beginning of a line."""
_MARKS = re.compile(r"([\\`*\[\]<>|])")

OWN: Mapping[str, str] = {
    "date": "the day on which it was opened",
    "drafted_at": "when this was drafted",
    "time_to_detect": "from the beginning of the trouble to the opening",
    "time_to_acknowledge": "from the opening to the acknowledgement",
    "time_to_mitigate": "from the beginning of the trouble until users were helped",
    "time_to_resolve": "from the beginning of the trouble to the resolution",
    "people": "who took part, one by one or joined by commas",
    "timeline_lines": "what happened, one by one as lines of Markdown",
    "timeline_rest": "how many entries the lines leave out; empty when none",
    "alert_lines": "its alerts, as lines of Markdown",
    "change_lines": "deploys and other changes around it, as lines of Markdown",
    "graph_lines": "its graphs at the time, as pictures in Markdown",
    "evidence_lines": "links to the evidence that is kept, as lines of Markdown",
    "note_lines": "pinned notes, as paragraphs of Markdown",
}
FIELDS: Mapping[str, str] = {**WORDS, **OWN}
"""What a template may name, with what it means."""

TEMPLATE = """\
# {{ incident_id }}: {{ title }}

| | |
|---|---|
| Severity | {{ severity }} |
| Services | {{ service }} |
| Began | {{ started_at }} |
| Resolved | {{ resolved_at }} |
| Duration | {{ total_duration }} |
| Commander | {{ commander }} |
| Took part | {{ people }} |

## Summary

{{ description }}

{% if resolution_summary != "not known yet" %}
It was resolved so: {{ resolution_summary }}

{% endif %}
## Impact

_Who noticed what, how many, for how long? What did it cost?_

The trouble began at {{ started_at }} and lasted {{ total_duration }}. Affected services: \
{{ service }}.

| Time to | |
|---|---|
| detect | {{ time_to_detect }} |
| acknowledge | {{ time_to_acknowledge }} |
| mitigate | {{ time_to_mitigate }} |
| resolve | {{ time_to_resolve }} |

## Timeline

All times are UTC.

{% for line in timeline_lines %}
{{ line }}
{% endfor %}
{% if timeline_rest %}

{{ timeline_rest }} more entries are in the incident's timeline.
{% endif %}

{% if note_lines %}
### Pinned notes

{% for line in note_lines %}
{{ line }}

{% endfor %}
{% endif %}
### Alerts

{% for line in alert_lines %}
{{ line }}
{% else %}
No alert belonged to it.
{% endfor %}

### What had changed

{% for line in change_lines %}
{{ line }}
{% else %}
No deploy or change is known in this time.
{% endfor %}

{% if graph_lines %}
### Graphs at the time

{% for line in graph_lines %}
{{ line }}

{% endfor %}
{% endif %}
## Root cause

{{ root_cause }}

_Kind of cause: {{ cause }}. Why could it happen, and why was it not noticed earlier? \
Ask why again._

## What went well

-

## What went badly

-

## Action items

{% for measure in measures %}
- {{ measure }}
{% else %}
_What prevents it, finds it sooner, or makes it cheaper? Give each an owner and a date below._
{% endfor %}

## Lessons

-

## Evidence

{% for line in evidence_lines %}
{{ line }}
{% else %}
None was kept.
{% endfor %}

_Drafted by Tocsin at {{ drafted_at }} of what it has recorded. \
[The incident]({{ incident_link }})._
"""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft is made of, besides the incident."""

    timeline: Sequence[Entry]
    evidence: Sequence[tuple[int, str]] = ()
    """Ids and names of its files."""
    bundle_id: int = 0
    bundle: Bundle | None = None
    """The newest of them."""


def draft(template: Template, incident: Incident, found: Found, occasion: Occasion) -> str:
    """The Markdown. Raises Rejected when the template fails."""
    return template.fill(values(incident, found, occasion)) + "\n"


def values(incident: Incident, found: Found, occasion: Occasion) -> dict[str, Value]:
    """Every field of `FIELDS`."""
    times = times_of(incident)
    page = f"/incidents/{incident.number}"
    told = [one for one in found.timeline if one.kind not in _QUIET_KINDS]
    words = {
        name: tuple(inline(one) for one in value) if isinstance(value, tuple) else value
        for name, value in values_of(incident, occasion).items()
    }
    for name in ("title", "service", "assignee", "commander", "communications"):
        words[name] = inline(str(words[name]))
    return {
        **words,
        "incident_link": page,
        "date": f"{_at(incident.opened_ms):%Y-%m-%d}",
        "drafted_at": f"{_at(occasion.at_ms):%Y-%m-%d %H:%M} UTC",
        **_durations(times),
        "people": people_of(incident, found.timeline, occasion),
        "timeline_lines": tuple(_line(one, incident) for one in told[:_MOST_ENTRIES]),
        "timeline_rest": str(len(told) - _MOST_ENTRIES) if len(told) > _MOST_ENTRIES else "",
        "alert_lines": _alerts(incident),
        "change_lines": _changes(found.bundle),
        "graph_lines": _graphs(page, found),
        "evidence_lines": tuple(
            f"- [{inline(name)}]({page}/evidence/{its_id})" for its_id, name in found.evidence
        ),
        "note_lines": _pinned(found.timeline),
    }


def _durations(times: ResponseTimes) -> dict[str, Value]:
    named = {
        "time_to_detect": times.detect_ms,
        "time_to_acknowledge": times.acknowledge_ms,
        "time_to_mitigate": times.mitigate_ms,
        "time_to_resolve": times.resolve_ms,
    }
    return {
        name: "not known" if value is None else _duration(value) for name, value in named.items()
    }


def _duration(ms: int) -> str:
    """To the second below an hour: quick responses differ by seconds."""
    if ms >= 3_600_000:
        return duration_text(ms)
    minutes, seconds = divmod(round(ms / 1000), 60)
    parts = ((minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than a second"


def people_of(incident: Incident, timeline: Sequence[Entry], occasion: Occasion) -> tuple[str, ...]:
    """Who wrote on its timeline or had something to do in it, in that order."""
    own = (incident.assignee, *incident.roles.values(), incident.acknowledged_by)
    wrote = (one.author for one in timeline if one.source not in ("tocsin", "alerts"))
    names = (one for one in (*own, *wrote) if one and one != "tocsin")
    return tuple(inline(occasion.name_of(one)) for one in dict.fromkeys(names))[:_MOST_LINES]


def _line(entry: Entry, incident: Incident) -> str:
    at = _at(entry.at_ms)
    is_same_day = at.date() == _at(incident.opened_ms).date()
    when = f"{at:%H:%M:%S}" if is_same_day else f"{at:%Y-%m-%d %H:%M:%S}"
    who = "" if entry.author == "tocsin" else f"{inline(entry.author)}: "
    return f"- **{when}** {who}{inline(entry.text)}"


def _alerts(incident: Incident) -> tuple[str, ...]:
    found: list[str] = []
    for link in incident.of_kind("alert")[:_MOST_LINES]:
        name = link.title or get(link.labels, "alertname") or link.ref
        labels = ", ".join(f"{key}={value}" for key, value in link.labels if key != "alertname")
        since = f" from {_at(link.starts_ms):%H:%M:%S}" if link.starts_ms else ""
        until = f" to {_at(link.ends_ms):%H:%M:%S}" if link.ends_ms else ""
        found.append(f"- **{inline(name)}**{since}{until} ({inline(labels)})")
    rest = len(incident.of_kind("alert")) - len(found)
    return (*found, f"- and {rest} more") if rest > 0 else tuple(found)


def _changes(bundle: Bundle | None) -> tuple[str, ...]:
    changes = bundle.changes if bundle else ()
    found = [
        f"- **{_at(one.at_ms):%Y-%m-%d %H:%M:%S}** {inline(one.kind)}: {inline(one.title)}"
        + (f" ({inline(one.service)})" if one.service else "")
        for one in changes[:_MOST_LINES]
    ]
    rest = len(changes) - len(found)
    return (*found, f"- and {rest} more") if rest > 0 else tuple(found)


def _graphs(page: str, found: Found) -> tuple[str, ...]:
    if found.bundle is None:
        return ()
    return tuple(
        f"![{inline(one.title)}]({page}/evidence/{found.bundle_id}/{one.id}.svg)"
        for one in found.bundle.graphs
        if re.fullmatch(r"g\d+", one.id)
    )


def _pinned(timeline: Sequence[Entry]) -> tuple[str, ...]:
    pinned: dict[int, bool] = {}
    for one in timeline:
        if one.kind in ("pinned", "unpinned"):
            pinned[int(one.data.get("entry", "0") or 0)] = one.kind == "pinned"
    return tuple(
        f"> **{inline(one.author)}**: {inline(one.text)}" for one in timeline if pinned.get(one.id)
    )


def inline(text: str) -> str:
    """The text on one line of Markdown, meaning nothing but itself; at most 400 characters."""
    flat = " ".join(text.split())
    if len(flat) > _LONGEST:
        flat = f"{flat[:_LONGEST]}…"
    return _FIRST.sub(r"\1\\\2", _MARKS.sub(r"\\\1", flat))


def _at(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
