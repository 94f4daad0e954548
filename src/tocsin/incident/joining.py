"""What do alerts and other incidents make of an incident? Pure, as `change`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tocsin.incident import bounds
from tocsin.incident.change import FIELDS, Changed, acknowledged, entry, lapsed
from tocsin.incident.config import IncidentsConfig
from tocsin.incident.request import Author, Firing
from tocsin.kit.fault import Rejected
from tocsin.model.incidents import Incident, Link, Status
from tocsin.model.labels import get

ALERT = "alert"
_NAMED = 8


def fired(
    one: Incident, firing: Firing, author: Author, now: int, config: IncidentsConfig
) -> Changed:
    """Alerts that fire belong to it: the new ones are linked, those that had ended fire again. It
    becomes as severe as the worst of the new ones; those it knew have had their say, and people
    may have said otherwise since."""
    known = {link.ref: link for link in one.of_kind(ALERT)}
    again = {link.ref: link for link in firing.links if link.ref in known}
    fresh = [link for link in firing.links if link.ref not in known]
    back = [link for link in again.values() if known[link.ref].ends_ms]
    rest = _with_room(one, len(fresh), again)
    added = fresh[: bounds.MOST_LINKS - len(rest)]
    news = [*back, *added]
    after, told = one, []
    if news:
        kept = (replace(link, **_again(link, again)) for link in rest)
        merged = tuple(dict.fromkeys((*one.services, *firing.services)))[: bounds.MOST_SERVICES]
        after = replace(one, links=(*kept, *added), services=merged)
    if news and not firing.is_quiet:
        fields = "links services" if after.services != one.services else "links"
        data = {FIELDS: fields, "alerts": " ".join(link.ref for link in news[:100])}
        told.append(entry("alert_fired", author, now, f"{_listed(news)} fired", data))
    worst = config.worst(firing.severity or one.severity, one.severity)
    if worst != one.severity and (added or firing.insists):
        why = f"Severity {one.severity} → {worst}: {_listed(news or firing.links)} fired"
        data = {FIELDS: "severity", "from": one.severity, "to": worst}
        told.append(entry("severity", author, now, why, data))
        after, more = lapsed(replace(after, severity=worst), author, now)
        told += more
    if added and firing.taken and firing.severity == after.severity:
        after, more = acknowledged(after, firing.taken, now)
        told += more
    return after, tuple(told)


def _again(link: Link, again: Mapping[str, Link]) -> dict[str, int]:
    if link.kind != ALERT or link.ref not in again or not link.ends_ms:
        return {}
    return {"starts_ms": again[link.ref].starts_ms, "ends_ms": 0}


def _with_room(one: Incident, wanted: int, again: Mapping[str, Link]) -> tuple[Link, ...]:
    """Its links, without the alerts that ended first when there is no room for so many more."""
    surplus = len(one.links) + wanted - bounds.MOST_LINKS
    if surplus <= 0:
        return one.links
    over = [link for link in one.of_kind(ALERT) if link.ends_ms and link.ref not in again]
    gone = {link.ref for link in sorted(over, key=lambda link: link.ends_ms)[:surplus]}
    return tuple(link for link in one.links if link.kind != ALERT or link.ref not in gone)


def ended(
    one: Incident, ends_ms: Mapping[str, int], author: Author, now: int, *, is_quiet: bool = False
) -> Changed:
    """Alerts of it are over, by fingerprint, since when."""
    gone = [link for link in one.of_kind(ALERT) if link.ref in ends_ms and not link.ends_ms]
    if not gone:
        return one, ()
    links = tuple(
        replace(link, ends_ms=max(1, ends_ms[link.ref]))
        if link.kind == ALERT and link.ref in ends_ms and not link.ends_ms
        else link
        for link in one.links
    )
    after = replace(one, links=links)
    if is_quiet:
        return after, ()
    left = sum(1 for link in after.of_kind(ALERT) if not link.ends_ms)
    rest = f"; {left} still fire{'s' if left == 1 else ''}" if left else "; none fires any more"
    data = {FIELDS: "links", "alerts": " ".join(link.ref for link in gone[:100])}
    return after, (entry("alert_resolved", author, now, f"{_listed(gone)} resolved{rest}", data),)


def merged(
    one: Incident, into: Incident, author: Author, now: int, config: IncidentsConfig
) -> tuple[Changed, Changed]:
    """The first becomes part of the second, which then has all that belonged to it. Raises Rejected
    when that makes no sense."""
    _refuse(one, into)
    known = {(link.kind, link.ref) for link in into.links}
    links = [link for link in one.links if (link.kind, link.ref) not in known]
    worst = into.severity if into.is_over else config.worst(into.severity, one.severity)
    larger = replace(
        into,
        links=(*into.links, *links)[: bounds.MOST_LINKS],
        services=tuple(dict.fromkeys((*into.services, *one.services)))[: bounds.MOST_SERVICES],
        tags=tuple(dict.fromkeys((*into.tags, *one.tags)))[: bounds.MOST_SERVICES],
        severity=worst,
        started_ms=min(into.started_ms, one.started_ms),
    )
    took = entry(
        "merged",
        author,
        now,
        f"{one.number} became part of this: {one.title}",
        {FIELDS: _changed(into, larger), "merged": one.number},
    )
    told = [took]
    if worst != into.severity:
        data = {FIELDS: "severity", "from": into.severity, "to": worst}
        text = f"Severity {into.severity} → {worst}: as {one.number} had it"
        told.append(entry("severity", author, now, text, data))
    smaller = replace(
        one,
        status=Status.CLOSED,
        merged_into=into.number,
        resolved_ms=one.resolved_ms or now,
        closed_ms=now,
        next_update_ms=0,
    )
    gone = entry(
        "merged",
        author,
        now,
        f"Became part of {into.number}: {into.title}",
        {FIELDS: "status next_update", "merged_into": into.number, "from": one.status.value},
    )
    return (smaller, (gone,)), (larger, tuple(told))


def _changed(before: Incident, after: Incident) -> str:
    names = ("links", "services", "tags", "started_ms")
    return " ".join(name for name in names if getattr(before, name) != getattr(after, name))


def _refuse(one: Incident, into: Incident) -> None:
    if one.id == into.id:
        raise Rejected(f"{one.number} cannot become part of itself")
    for each in (one, into):
        if each.merged_into:
            raise Rejected(
                f"{each.number} became part of {each.merged_into} already: name that one instead"
            )
    if into.is_over and not one.is_over:
        raise Rejected(
            f"{into.number} is {into.status.value} while {one.number} is not over: open "
            f"{into.number} again first, or merge it into {one.number}"
        )


def _listed(links: Sequence[Link]) -> str:
    counts: dict[str, int] = {}
    for link in links:
        name = link.title or get(link.labels, "alertname") or link.ref
        counts[name] = counts.get(name, 0) + 1
    named = list(counts.items())[:_NAMED]
    shown = [f"{name} ({count} times)" if count > 1 else name for name, count in named]
    more = f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else ""
    return ", ".join(shown) + more
