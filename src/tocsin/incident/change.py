"""What does each act make of an incident? Pure: the incident and the act in, the changed incident
and what its timeline says of it out. An act that changes nothing says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from tocsin.incident import bounds
from tocsin.incident.request import Author, Draft, Edit, Resolution
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Entry, Incident, Link, Status

Changed: TypeAlias = tuple[Incident, tuple[Entry, ...]]

FIELDS = "fields"
"""In an entry's data: the names of the incident's fields that it changed, separated by spaces."""
_ALERTS = "alerts"
"""In an entry's data: the fingerprints of alerts, separated by spaces."""
_MOST_ALERTS = 100
NUMBER = "{number}"
"""The number of an incident that has none yet."""


def entry(
    kind: str, author: Author, at_ms: int, text: str, data: Mapping[str, str] | None = None
) -> Entry:
    """One event of a timeline."""
    return Entry(
        at_ms=at_ms,
        kind=kind,
        author=author.name,
        source=author.source,
        text=text,
        data=data or {},
    )


def opened(draft: Draft, author: Author, now: int) -> Changed:
    """A new incident. Raises Rejected for one that makes no sense."""
    one = Incident(
        number=NUMBER,
        severity=draft.severity,
        title=bounds.title(draft.title),
        description=bounds.prose(draft.description, "description"),
        services=bounds.words(draft.services, "services"),
        tags=bounds.words(draft.tags, "tags"),
        links=bounds.links(draft.links)[: bounds.MOST_LINKS],
        assignee=bounds.name(draft.assignee, "assignee"),
        roles={bounds.name(k, "role"): bounds.name(v, "name") for k, v in draft.roles.items()},
        source=author.source,
        opened_by=author.name,
        join_key=draft.join_key,
        started_ms=min(draft.started_ms or now, now),
        opened_ms=now,
        is_public=draft.is_public,
        is_drill=draft.is_drill,
    )
    drill = "Drill: " if one.is_drill else ""
    text = f"{drill}{one.severity} opened: {one.title}"
    data = {"severity": one.severity, "join_key": one.join_key}
    told = entry("opened", author, now, text, {k: v for k, v in data.items() if v})
    if draft.taken is None:
        return one, (told,)
    taken, more = acknowledged(one, draft.taken, now)
    return taken, (told, *more)


def acknowledged(one: Incident, author: Author, now: int, alerts: Sequence[str] = ()) -> Changed:
    """Somebody has taken it on, perhaps by these of its alerts; the first keeps it. Raises Rejected
    when it is over."""
    _refuse_over(one, "acknowledged")
    if one.acknowledged_ms:
        return one, ()
    status = Status.INVESTIGATING if one.status is Status.OPEN else one.status
    after = replace(
        one,
        acknowledged_ms=now,
        acknowledged_by=author.name,
        first_acknowledged_ms=one.first_acknowledged_ms or now,
        status=status,
    )
    data = {FIELDS: "acknowledged status", "from": one.status.value, "to": status.value}
    if alerts:
        data[_ALERTS] = " ".join(alerts[:_MOST_ALERTS])
    return after, (entry("acknowledged", author, now, "Acknowledged", data),)


def taken_with(one: Entry) -> list[str]:
    """The alerts, at most 100, by which the incident was taken on with this entry."""
    return one.data.get(_ALERTS, "").split() if one.kind == "acknowledged" else []


def unacknowledged(one: Incident, author: Author, now: int) -> Changed:
    """Nobody has it any more: it escalates anew."""
    _refuse_over(one, "given back")
    if not one.acknowledged_ms:
        return one, ()
    status = Status.OPEN if one.status is Status.INVESTIGATING else one.status
    after = replace(one, acknowledged_ms=0, acknowledged_by="", status=status)
    whose = f" (it was {one.acknowledged_by}'s)" if one.acknowledged_by else ""
    data = {FIELDS: "acknowledged status", "from": one.acknowledged_by}
    return after, (entry("unacknowledged", author, now, f"Given back{whose}", data),)


def assigned(one: Incident, person: str, author: Author, now: int) -> Changed:
    """To a person; to nobody when it is empty."""
    person = bounds.name(person, "assignee")
    if person == one.assignee:
        return one, ()
    text = f"Assigned to {person}" if person else f"Not assigned to {one.assignee} any more"
    data = {FIELDS: "assignee", "from": one.assignee, "to": person}
    return replace(one, assignee=person), (entry("assigned", author, now, text, data),)


def role_given(one: Incident, role: str, person: str, author: Author, now: int) -> Changed:
    """Somebody does something; nobody does when `person` is empty."""
    role, person = bounds.name(role, "role"), bounds.name(person, "name")
    if not role:
        raise Rejected("a role needs a name, such as commander")
    before = one.roles.get(role, "")
    if before == person:
        return one, ()
    roles = {**one.roles, role: person}
    if not person:
        del roles[role]
    if len(roles) > bounds.MOST_ROLES:
        raise Rejected(f"at most {bounds.MOST_ROLES} roles fit")
    text = f"{role.capitalize()}: {person or 'nobody'}"
    data = {FIELDS: "roles", "role": role, "from": before, "to": person}
    return replace(one, roles=roles), (entry("role", author, now, text, data),)


def severity_changed(
    one: Incident, severity: str, author: Author, now: int, *, why: str = "", is_worse: bool = False
) -> Changed:
    """To another severity, for that reason. Who has taken it on took on what it was: when others
    make it worse, it waits for an answer again."""
    if severity == one.severity:
        return one, ()
    because = f": {bounds.prose(why, 'reason')}" if why.strip() else ""
    text = f"Severity {one.severity} → {severity}{because}"
    data = {FIELDS: "severity", "from": one.severity, "to": severity}
    after = replace(one, severity=severity)
    told: tuple[Entry, ...] = (entry("severity", author, now, text, data),)
    if is_worse and author.name not in (one.acknowledged_by, one.assignee):
        after, more = lapsed(after, author, now)
        told += more
    return after, told


def lapsed(one: Incident, author: Author, now: int) -> Changed:
    """Nobody has it any more because it became worse: it escalates anew, and may be taken on
    anew. Of one that nobody has, or that is over, nothing changes."""
    if one.is_over or not one.acknowledged_ms:
        return one, ()
    words = f"It waits for an answer again: {one.acknowledged_by} had acknowledged less"
    data = {FIELDS: "acknowledged", "from": one.acknowledged_by}
    after = replace(one, acknowledged_ms=0, acknowledged_by="")
    return after, (entry("unacknowledged", author, now, words, data),)


def status_changed(one: Incident, status: Status, author: Author, now: int, text: str) -> Changed:
    """To another status of one that is not over. Raises Rejected for one that is: it is to be
    opened again first; and for closing what is not resolved."""
    if status is one.status:
        return (one, ()) if not text.strip() else noted(one, text, author, now)
    if status is Status.RESOLVED:
        return resolved(one, Resolution(resolution=text), author, now)
    if status is Status.CLOSED:
        return closed(one, author, now)
    _refuse_over(one, f"set to {status.value}")
    mitigated = one.mitigated_ms
    if status is Status.MONITORING:
        mitigated = mitigated or now
    elif status.value in ("open", "investigating"):
        mitigated = 0
    words = f"{one.status.value.capitalize()} → {status.value}"
    if text.strip():
        words += f": {bounds.prose(text, 'text')}"
    data = {FIELDS: "status", "from": one.status.value, "to": status.value}
    after = replace(one, status=status, mitigated_ms=mitigated)
    return after, (entry("status", author, now, words, data),)


_NAMES = {
    "root_cause": "root cause",
    "measures": "preventive measures",
    "started_ms": "start",
    "is_public": "visibility on the status page",
}


def edited(one: Incident, edit: Edit, author: Author, now: int) -> Changed:
    """With other texts; the entry keeps what they were."""
    wanted = {name: _checked(name, value) for name, value in edit.fields.items()}
    changed = {name: value for name, value in wanted.items() if getattr(one, name) != value}
    if not changed:
        return one, ()
    if edit.started_ms is not None and not 0 < edit.started_ms <= now:
        raise Rejected("an incident starts in the past")
    names = [_NAMES.get(name, name) for name in changed]
    data = {FIELDS: " ".join(changed)}
    for name in changed:
        data[f"{name}.from"] = _text(getattr(one, name))
        data[f"{name}.to"] = _text(changed[name])
    text = f"Changed {', '.join(names)}"
    if list(changed) == ["title"]:
        text = f"Title: {changed['title']}"
    after = replace(one, **changed)
    return after, (entry("edited", author, now, text, data),)


def _checked(name: str, value: object) -> object:
    match name, value:
        case "title", str():
            return bounds.title(value)
        case "services" | "tags", tuple():
            return bounds.words(value, name)
        case "measures", tuple():
            return bounds.lines(value, "preventive measures")
        case "cause", str():
            return bounds.name(value, "cause")
        case _, str():
            return bounds.prose(value, _NAMES.get(name, name))
    return value


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def promised(one: Incident, at_ms: int, author: Author, now: int) -> Changed:
    """The next update will come then; 0: none is promised any more."""
    if at_ms == one.next_update_ms:
        return one, ()
    if at_ms and at_ms <= now:
        raise Rejected("the next update must be promised for a time that is still to come")
    text = "Next update promised" if at_ms else "No further update promised"
    data = {FIELDS: "next_update", "from": str(one.next_update_ms), "to": str(at_ms)}
    return replace(one, next_update_ms=at_ms), (entry("edited", author, now, text, data),)


def noted(
    one: Incident, text: str, author: Author, now: int, data: Mapping[str, str] | None = None
) -> Changed:
    """With a note; Rejected for an empty one."""
    words = bounds.prose(text, "note")
    if not words:
        raise Rejected("a note needs a text")
    return one, (entry("note", author, now, words, data),)


def linked(one: Incident, links: Sequence[Link], author: Author, now: int) -> Changed:
    """With more that belongs to it; what is linked already stays as it is."""
    known = {(link.kind, link.ref) for link in one.links}
    fresh = {
        (link.kind, link.ref): link
        for link in bounds.links(links)
        if (link.kind, link.ref) not in known
    }
    if not fresh:
        return one, ()
    if len(one.links) + len(fresh) > bounds.MOST_LINKS:
        raise Rejected(f"at most {bounds.MOST_LINKS} links fit an incident")
    listed = ", ".join(f"{link.kind} {link.title or link.ref}"[:200] for link in fresh.values())
    data = {FIELDS: "links", "links": " ".join(f"{k}:{r}"[:300] for k, r in fresh)[:2000]}
    after = replace(one, links=(*one.links, *fresh.values()))
    return after, (entry("linked", author, now, f"Linked {listed}"[:2000], data),)


def unlinked(one: Incident, kind: str, ref: str, author: Author, now: int) -> Changed:
    """Without that link; Rejected when it is not there."""
    kept = tuple(link for link in one.links if (link.kind, link.ref) != (kind, ref))
    if len(kept) == len(one.links):
        raise Rejected(f"{one.number} has no link {kind} {ref[:100]}")
    gone = next(link for link in one.links if (link.kind, link.ref) == (kind, ref))
    text = f"Unlinked {kind} {gone.title or ref}"[:2000]
    data = {FIELDS: "links", "unlinked": f"{kind}:{ref}"[:300]}
    return replace(one, links=kept), (entry("linked", author, now, text, data),)


def resolved(one: Incident, how: Resolution, author: Author, now: int) -> Changed:
    """Over, and how. Of one that is resolved already only the words change; Rejected when it is
    closed."""
    if one.status is Status.CLOSED:
        raise Rejected(f"{one.number} is closed: open it again to resolve it anew")
    edit = Edit(
        resolution=how.resolution or None,
        root_cause=how.root_cause or None,
        cause=how.cause or None,
        measures=how.measures or None,
    )
    after, told = edited(one, edit, author, now)
    if one.status is Status.RESOLVED:
        return after, told
    after = replace(
        after,
        status=Status.RESOLVED,
        resolved_ms=now,
        mitigated_ms=one.mitigated_ms or now,
        next_update_ms=0,
    )
    words = f"Resolved: {after.resolution}" if how.resolution else "Resolved"
    said = dict(told[0].data) if told else {}
    fields = f"{said.pop(FIELDS, '')} status next_update".strip()
    data = {**said, FIELDS: fields, "from": one.status.value}
    return after, (entry("resolved", author, now, words, data),)


def closed(one: Incident, author: Author, now: int) -> Changed:
    """Nothing more is to be done. Raises Rejected for one that is not resolved."""
    if one.status is Status.CLOSED:
        return one, ()
    if one.status is not Status.RESOLVED:
        raise Rejected(f"{one.number} is {one.status.value}: resolve it before it is closed")
    data = {FIELDS: "status", "from": one.status.value}
    after = replace(one, status=Status.CLOSED, closed_ms=now)
    return after, (entry("closed", author, now, "Closed", data),)


def reopened(one: Incident, author: Author, now: int, why: str) -> Changed:
    """It is not over after all, and nobody has taken it on. Raises Rejected for one that became
    part of another; of one that is not over nothing changes."""
    if not one.is_over:
        return one, ()
    if one.merged_into:
        raise Rejected(
            f"{one.number} became part of {one.merged_into}: open that one again instead"
        )
    data = {FIELDS: "status acknowledged", "from": one.status.value}
    after = replace(
        one,
        status=Status.OPEN,
        resolved_ms=0,
        closed_ms=0,
        mitigated_ms=0,
        acknowledged_ms=0,
        acknowledged_by="",
    )
    because = f": {bounds.prose(why, 'reason')}" if why.strip() else ""
    return after, (entry("reopened", author, now, f"Opened again{because}", data),)


def _refuse_over(one: Incident, what: str) -> None:
    if one.is_over:
        raise Rejected(f"{one.number} is {one.status.value} and cannot be {what}: open it again")
