"""How do incidents and their response go over time? Pure counting over what was kept.

What counts: incidents opened in the range that are neither drills nor part of another one. Each
measure counts only incidents for which it is known; how many those are stands beside it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from tocsin.incident.afterwards.response_times import MEASURES, times_of
from tocsin.model.incidents import Entry, Incident
from tocsin.model.labels import get

NONE_NAMED = "none named"
_MACHINES = frozenset(("", "tocsin"))
PAGE_KINDS = ("page",)
ANSWER_KINDS = ("acknowledged",)
ACT_KINDS = (
    "assigned",
    "role",
    "severity",
    "status",
    "edited",
    "linked",
    "note",
    "image",
    "update",
    "merged",
    "resolved",
)
"""What counts as having acted on an incident, when a person does it."""
ALL_KINDS = (*PAGE_KINDS, *ANSWER_KINDS, *ACT_KINDS)
NIGHT = (23, 7)
"""From 23:00 to 07:00, by a person's own clocks."""
_TOP = 100


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One measure over several incidents, in ms; None when none of them has it."""

    count: int
    mean_ms: float | None = None
    median_ms: float | None = None
    p90_ms: float | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents that have something in common: a week, a service, a cause, a severity."""

    name: str
    incidents: int
    measures: Mapping[str, Spread]
    """By the names of `MEASURES`."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What being on call was for one person."""

    person: str
    pages: int
    """Messages that were brought: a text and a call about one incident are two."""
    incidents: int
    at_night: int
    """Pages between 23:00 and 07:00 by the person's clocks."""
    nights: int
    """Nights with at least one page."""
    sleep_hours: int
    """Hours of the clock between 23:00 and 07:00 in which at least one page came."""
    weekends: int
    """Pages on Saturdays and Sundays."""
    failed: int
    """Messages that could not be brought; they are not among the pages."""


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """How much an alert asked of people. Shares are None without incidents."""

    alert: str
    incidents: int
    pages: int
    acknowledged: float | None
    """Share of its incidents that a person acknowledged."""
    acted_on: float | None
    """Share of its incidents in which a person did more than acknowledge."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `heatmap[weekday][hour]` counts openings, Monday first."""

    start_ms: int
    end_ms: int
    zone: str
    counted: int
    left_out: Mapping[str, int]
    """Why others in the range do not count, and how many."""
    unfinished: int
    """Counted ones that are not resolved: they have no time to resolve yet."""
    overall: Row
    by_week: tuple[Row, ...]
    by_severity: tuple[Row, ...]
    by_service: tuple[Row, ...]
    by_cause: tuple[Row, ...]
    by_hour: tuple[Row, ...]
    heatmap: tuple[tuple[int, ...], ...]
    load: tuple[Load, ...]
    noise: tuple[Noise, ...]
    rest: Mapping[str, int] = {}
    """How many rows of a table are not listed."""


def statistics_of(
    incidents: Sequence[Incident],
    entries: Sequence[Entry],
    span: tuple[int, int],
    zone: str,
    zone_of: Callable[[str], str] = lambda _: "UTC",
) -> Statistics:
    """Of incidents opened within `span` and their entries of ALL_KINDS. `zone` is
    for weeks and hours, `zone_of` tells a person's own. Takes up to tenths of seconds."""
    place = ZoneInfo(zone)
    counted, left_out = _counted(incidents, span)
    of = _by_incident(entries)

    def at(one: Incident) -> datetime:
        return datetime.fromtimestamp(one.opened_ms / 1000, place)

    services = _rows(counted, lambda one: one.services or (NONE_NAMED,))
    causes = _rows(counted, lambda one: (one.cause.strip().lower() or NONE_NAMED,))
    load, noise = _load(counted, of, zone_of), _noise(counted, of)
    tables = {"services": services, "causes": causes, "people": load, "alerts": noise}
    sizes = {name: len(rows) for name, rows in tables.items()}
    return Statistics(
        start_ms=span[0],
        end_ms=span[1],
        zone=zone,
        counted=len(counted),
        left_out=left_out,
        unfinished=sum(not one.resolved_ms for one in counted),
        overall=_row("all", counted),
        by_week=_weeks(counted, span, place),
        by_severity=_by_name(_rows(counted, lambda one: (one.severity,))),
        by_service=services[:_TOP],
        by_cause=causes[:_TOP],
        by_hour=_by_name(_rows(counted, lambda one: (f"{at(one).hour:02d}",))),
        heatmap=_heatmap(at(one) for one in counted),
        load=load[:_TOP],
        noise=noise[:_TOP],
        rest={name: size - _TOP for name, size in sizes.items() if size > _TOP},
    )


def _by_incident(entries: Sequence[Entry]) -> Mapping[int, Sequence[Entry]]:
    found = defaultdict[int, list[Entry]](list)
    for entry in entries:
        found[entry.incident_id].append(entry)
    return found


def _counted(
    incidents: Sequence[Incident], span: tuple[int, int]
) -> tuple[list[Incident], dict[str, int]]:
    kept: list[Incident] = []
    why: Counter[str] = Counter()
    for one in incidents:
        if not span[0] <= one.opened_ms < span[1]:
            continue
        if one.is_drill:
            why["drills"] += 1
        elif one.merged_into:
            why["merged into another one"] += 1
        else:
            kept.append(one)
    return kept, dict(why)


def spread(values: Sequence[int]) -> Spread:
    """The measure over these values; percentiles between two values are interpolated."""
    if not values:
        return Spread(count=0)
    found = np.array(values, np.float64)
    median, p90 = np.percentile(found, (50, 90)).tolist()
    return Spread(count=len(values), mean_ms=float(found.mean()), median_ms=median, p90_ms=p90)


def _row(name: str, incidents: Sequence[Incident]) -> Row:
    times = [times_of(one) for one in incidents]
    measures = {
        measure: spread([value for one in times if (value := read(one)) is not None])
        for measure, read in MEASURES.items()
    }
    return Row(name=name, incidents=len(incidents), measures=measures)


def _rows(
    incidents: Sequence[Incident], names: Callable[[Incident], Iterable[str]]
) -> tuple[Row, ...]:
    """One for each name, that with the most incidents first."""
    of = defaultdict[str, list[Incident]](list)
    for one in incidents:
        for name in names(one):
            of[name].append(one)
    rows = [_row(name, own) for name, own in of.items()]
    return tuple(sorted(rows, key=lambda row: (-row.incidents, row.name)))


def _by_name(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.name))


def _weeks(
    incidents: Sequence[Incident], span: tuple[int, int], place: ZoneInfo
) -> tuple[Row, ...]:
    """Every week of the range by its Monday, also those without incidents."""
    of = defaultdict[str, list[Incident]](list)
    for one in incidents:
        of[_monday(one.opened_ms, place)].append(one)
    first = datetime.fromisoformat(_monday(span[0], place))
    last = datetime.fromisoformat(_monday(max(span[0], span[1] - 1), place))
    count = (last - first).days // 7 + 1
    names = [f"{first + timedelta(weeks=week):%Y-%m-%d}" for week in range(min(count, 160))]
    return tuple(_row(name, of[name]) for name in names)


def _monday(at_ms: int, place: ZoneInfo) -> str:
    day = datetime.fromtimestamp(at_ms / 1000, place).date()
    return f"{day - timedelta(days=day.weekday()):%Y-%m-%d}"


def _heatmap(moments: Iterable[datetime]) -> tuple[tuple[int, ...], ...]:
    found = np.zeros((7, 24), np.int64)
    for one in moments:
        found[one.weekday(), one.hour] += 1
    return tuple(tuple(row) for row in found.tolist())


def _load(
    incidents: Sequence[Incident],
    of: Mapping[int, Sequence[Entry]],
    zone_of: Callable[[str], str],
) -> tuple[Load, ...]:
    sent = defaultdict[str, list[Entry]](list)
    failed: Counter[str] = Counter()
    for one in incidents:
        for entry in of.get(one.id, ()):
            person = entry.data.get("person", "")
            if entry.kind != "page" or not person:
                continue
            if entry.data.get("state", "sent") == "sent":
                sent[person].append(entry)
            else:
                failed[person] += 1
    rows = [_load_of(name, sent[name], failed[name], zone_of(name)) for name in {*sent, *failed}]
    return tuple(sorted(rows, key=lambda row: (-row.pages, row.person)))


def _load_of(person: str, pages: Sequence[Entry], failed: int, zone: str) -> Load:
    place = ZoneInfo(zone)
    moments = [datetime.fromtimestamp(one.at_ms / 1000, UTC).astimezone(place) for one in pages]
    night = [at for at in moments if at.hour >= NIGHT[0] or at.hour < NIGHT[1]]
    return Load(
        person=person,
        pages=len(pages),
        incidents=len({one.incident_id for one in pages}),
        at_night=len(night),
        # What comes after midnight belongs to the night that began the evening before.
        nights=len({(at - timedelta(hours=NIGHT[1])).date() for at in night}),
        sleep_hours=len({(at.date(), at.hour, at.utcoffset()) for at in night}),
        weekends=sum(at.weekday() >= 5 for at in moments),
        failed=failed,
    )


def _noise(incidents: Sequence[Incident], of: Mapping[int, Sequence[Entry]]) -> tuple[Noise, ...]:
    """By the alert that opened an incident: its pages are that alert's."""
    by_alert = defaultdict[str, list[Incident]](list)
    for one in incidents:
        first = next(iter(one.of_kind("alert")), None)
        if first is not None:
            by_alert[get(first.labels, "alertname") or first.title or first.ref].append(one)
    rows = []
    for name, own in by_alert.items():
        entries = [entry for one in own for entry in of.get(one.id, ())]
        sent = [e for e in entries if e.kind == "page" and e.data.get("state", "sent") == "sent"]
        acted = {entry.incident_id for entry in entries if _is_act(entry)}
        answered = {
            entry.incident_id
            for entry in entries
            if entry.kind in ANSWER_KINDS and entry.author not in _MACHINES
        }
        rows.append(
            Noise(
                alert=name,
                incidents=len(own),
                pages=len(sent),
                acknowledged=len(answered) / len(own),
                acted_on=len(acted) / len(own),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.pages, -row.incidents, row.alert)))


def _is_act(entry: Entry) -> bool:
    return (
        entry.kind in ACT_KINDS
        and entry.author not in _MACHINES
        and entry.source not in ("alerts", "tocsin")
    )
