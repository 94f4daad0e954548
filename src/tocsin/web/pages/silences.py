"""What is held back, by whom and until when? The page Silences and maintenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.attention.announce import lead_of
from tocsin.alert.attention.recurrence import wall
from tocsin.alert.attention.silence import Silence, Silences
from tocsin.alert.attention.window import CONFIGURATION, Occurrence, Schedule
from tocsin.alert.routing.matchers import matcher_text, matches_all
from tocsin.model.labels import Labels, Matcher
from tocsin.web.api.maintenance import words_of
from tocsin.web.pages.render import page
from tocsin.web.pages.silence_calendar import Calendar, Span, Stretch, calendar, stretch
from tocsin.web.routing import Access, Addresses, get
from tocsin.web.services import Services, services

STATES = ("active", "pending", "expired")
_SHOWN = 100
_SOON_MS = 900_000
_TONES = {"active": "silenced", "pending": "info", "expired": "unknown"}


@dataclass(frozen=True, slots=True)
class Row:
    """One silence or window as a person reads it; `held` alerts are hidden by it now."""

    id: str
    kind: str
    """"silence" or "maintenance"."""
    state: str
    tone: str
    name: str
    comment: str
    conditions: Sequence[str]
    by: str
    starts_s: float
    ends_s: float
    when: str
    held: int
    is_soon: bool
    """Whether it ends soon: its author is asked to extend it."""
    is_configured: bool
    again: str
    """The query that prefills a new one of the same conditions."""


@dataclass(frozen=True, slots=True)
class SilencesView:
    """The page; `rows` are those of `state` that the words `asked` are in."""

    state: str
    asked: str
    counts: Counter[str]
    rows: Sequence[Row]
    more: int
    held: int
    soon: Sequence[Row]
    total: int
    calendar: Calendar | None


def rows_of(used: Services, now_ms: int) -> list[Row]:
    """Every silence and every window: open ones by their end, then those to come, then past."""
    states = used.alerts.states()
    firing = [one.alert.labels for one in states]
    held = Counter(silence_id for one in states for silence_id in one.silenced_by)
    silences = used.alerts.silences
    found = [_silence_row(silences, one, held[one.id], now_ms) for one in silences.all()]
    found += [_window_row(one, firing, now_ms) for one in used.maintenance.all()]
    order = {state: at for at, state in enumerate(STATES)}
    return sorted(
        found,
        key=lambda row: (
            (
                order[row.state],
                row.starts_s if row.state == "pending" else row.ends_s,
            )
            if row.state != "expired"
            else (order[row.state], -row.ends_s)
        ),
    )


def _silence_row(silences: Silences, silence: Silence, held: int, now_ms: int) -> Row:
    conditions, state = silences.matchers(silence), silence.state(now_ms)
    soon_ms = max(60_000, lead_of(silence, _SOON_MS))
    return Row(
        id=silence.id,
        kind="silence",
        state=state,
        tone=_TONES[state],
        name=silence.comment or "Silence",
        comment="",
        conditions=[matcher_text(one) for one in conditions],
        by=silence.created_by,
        starts_s=silence.starts_ms / 1000,
        ends_s=silence.ends_ms / 1000,
        when="",
        held=held,
        is_soon=state == "active" and silence.ends_ms - now_ms <= soon_ms,
        is_configured=False,
        again=_again(conditions, "silence"),
    )


def _window_row(schedule: Schedule, firing: Sequence[Labels], now_ms: int) -> Row:
    window, state = schedule.window, schedule.state(now_ms)
    current = schedule.between(now_ms, now_ms + 1)
    one = current[0] if current else schedule.following(now_ms)
    starts, ends = (one.starts_ms, one.ends_ms) if one else (window.starts_ms, window.ends_ms)
    return Row(
        id=window.id,
        kind="maintenance",
        state=state,
        tone=_TONES[state],
        name=window.name,
        comment=window.comment,
        conditions=[matcher_text(one) for one in schedule.conditions],
        by="the configuration" if window.source == CONFIGURATION else window.created_by,
        starts_s=starts / 1000,
        ends_s=ends / 1000,
        when=words_of(window) if window.rule else "",
        held=_held(schedule.conditions, firing) if state == "active" else 0,
        is_soon=False,
        is_configured=window.source == CONFIGURATION,
        again=_again(schedule.conditions, "maintenance"),
    )


def _held(conditions: Sequence[Matcher], firing: Iterable[Labels]) -> int:
    return sum(matches_all(conditions, labels) for labels in firing)


def _again(conditions: Iterable[Matcher], kind: str) -> str:
    pairs = [("matcher", matcher_text(one)) for one in conditions]
    return urlencode([*pairs, ("kind", kind)])


def view_of(rows: Sequence[Row], state: str, asked: str, drawn: Calendar | None) -> SilencesView:
    """The page of one state, or of all that are not over when `state` is empty."""
    counts = Counter(row.state for row in rows)
    wanted = [
        row
        for row in rows
        if (row.state == state if state in STATES else row.state != "expired")
        and (not asked or _has(row, asked.lower()))
    ]
    return SilencesView(
        state=state if state in STATES else "",
        asked=asked,
        counts=counts,
        rows=wanted[:_SHOWN],
        more=max(0, len(wanted) - _SHOWN),
        held=sum(row.held for row in rows),
        soon=[row for row in rows if row.is_soon][:5],
        total=len(rows),
        calendar=drawn,
    )


def _has(row: Row, words: str) -> bool:
    text = " ".join((row.name, row.comment, row.by, row.when, *row.conditions)).lower()
    return all(word in text for word in words.split())


def spans_of(used: Services, asked: Stretch) -> list[Span]:
    """What is on the calendar in that stretch."""
    now = used.clock.now_ms()
    after, before = asked.starts_ms, asked.ends_ms
    found = [
        Span(
            name=silence.comment or "Silence",
            href=f"/silences/{silence.id}",
            kind="silence",
            tone=_TONES[silence.state(now)],
            starts_ms=silence.starts_ms,
            ends_ms=silence.ends_ms,
            words=_words(silence.starts_ms, silence.ends_ms, asked.zone),
        )
        for silence in used.alerts.silences.all()
        if silence.starts_ms < before and silence.ends_ms > after
    ]
    return found + [
        _window_span(one, now, asked.zone) for one in used.maintenance.between(after, before)
    ]


def _window_span(one: Occurrence, now_ms: int, place: str) -> Span:
    is_open = one.starts_ms <= now_ms < one.ends_ms
    state = "active" if is_open else "pending" if one.starts_ms > now_ms else "expired"
    return Span(
        name=one.window.name,
        href=f"/silences/{one.window.id}",
        kind="maintenance",
        tone=_TONES[state],
        starts_ms=one.starts_ms,
        ends_ms=one.ends_ms,
        words=_words(one.starts_ms, one.ends_ms, place),
    )


def _words(starts_ms: int, ends_ms: int, place: str) -> str:
    first: datetime = wall(starts_ms, place)
    last: datetime = wall(ends_ms, place)
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


async def _page(request: Request) -> Response:
    used, query = services(request), request.query_params
    now = used.clock.now_ms()
    drawn = None
    if query.get("view") in ("week", "month"):
        asked = stretch(query["view"], query.get("day", ""), query.get("zone") or "UTC", now)
        drawn = calendar(asked, spans_of(used, asked), now)
    view = view_of(
        rows_of(used, now), query.get("state", ""), query.get("q", "")[:200].strip(), drawn
    )
    return page(request, "pages/silences.html", view=view)


ADDRESSES: Addresses = (get("/silences", _page, Access.READ),)
