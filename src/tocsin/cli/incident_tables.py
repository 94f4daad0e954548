"""How do incidents look in a terminal?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tocsin.model.incident_shown import EntryShown, IncidentShown

_STYLES = ("bold red", "red", "yellow", "")
_DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000, 3_600_000, 60_000


def listed(found: Sequence[IncidentShown]) -> Table:
    """One line each where there is room; where there is not, the titles are folded."""
    shown = Table(box=None, pad_edge=False)
    for column in ("incident", "", "status", "opened", "who", "title (services)"):
        is_title = column.startswith("title")
        shown.add_column(column, overflow="fold", no_wrap=not is_title and column != "who")
    for one in found:
        who = one.assignee or one.acknowledged_by
        title = f"DRILL {one.title}" if one.is_drill else one.title
        services = f" ({', '.join(one.services)})" if one.services else ""
        shown.add_row(
            Text(one.number),
            Text(one.severity, _style(one.severity)),
            Text(one.status),
            Text(_minute(one.opened)),
            Text(who or ("-" if one.resolved else "nobody")),
            Text(f"{title}{services}"),
        )
    return shown


def long(one: IncidentShown, timeline: Sequence[EntryShown]) -> Iterator[RenderableType]:
    """All that is known of one."""
    name = f" {one.severity_name}" if one.severity_name else ""
    yield Text.assemble(
        (f"{one.number} ", "bold"), (one.severity, _style(one.severity)), name, " ", one.status
    )
    yield Text(one.title, "bold")
    if one.description:
        yield Text(one.description)
    yield Text()
    facts = Table(box=None, pad_edge=False, show_header=False)
    for title, value in _facts(one):
        if value:
            facts.add_row(Text(title, "dim"), Text(value))
    yield facts
    yield Text()
    yield _told(timeline)


def _facts(one: IncidentShown) -> Iterator[tuple[str, str]]:
    yield "services", ", ".join(one.services)
    yield "assignee", one.assignee
    yield from one.roles.items()
    yield "tags", ", ".join(one.tags)
    yield "started", _moment(one.started)
    yield "opened", f"{_moment(one.opened)}, {_took(one.took.detect_ms)} after it began"
    by = f" by {one.acknowledged_by}" if one.acknowledged_by else ""
    after = _took(one.took.acknowledge_ms)
    yield "acknowledged", f"{_moment(one.acknowledged)}{by}, after {after}" if after else ""
    yield "late by", _took(one.took.late_ms) if one.took.late_ms else ""
    yield "mitigated", _moment(one.mitigated)
    after = _took(one.took.resolve_ms)
    yield "resolved", f"{_moment(one.resolved)}, {after} after it began" if after else ""
    yield "resolution", one.resolution
    yield "root cause", one.root_cause
    yield "cause", one.cause
    for measure in one.measures:
        yield "measure", measure
    yield "part of", one.merged_into
    yield "next update", _moment(one.next_update)
    for link in one.links:
        is_over = " (over)" if link.kind == "alert" and link.ends else ""
        yield link.kind, f"{link.title or link.ref}{is_over}  {link.url}".strip()
    yield "page", one.page if one.page.startswith("http") else ""


def _told(timeline: Sequence[EntryShown]) -> Table:
    shown = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        shown.add_column(overflow="fold")
    for entry in timeline:
        who = entry.author if entry.author == "tocsin" else f"{entry.author} ({entry.source})"
        shown.add_row(Text(_moment(entry.at), "dim"), Text(who, "cyan"), Text(entry.text))
    return shown


def _style(severity: str) -> str:
    last = severity[-1:]
    return _STYLES[min(int(last), len(_STYLES) - 1)] if last.isdecimal() else ""


def _moment(text: str) -> str:
    return text[:19].replace("T", " ") + "Z" if text else ""


def _minute(text: str) -> str:
    return text[:16].replace("T", " ") + "Z" if text else ""


def _took(ms: int | None) -> str:
    if ms is None:
        return ""
    if ms >= _DAY_MS:
        return f"{ms // _DAY_MS} d {ms % _DAY_MS // _HOUR_MS} h"
    if ms >= _HOUR_MS:
        return f"{ms // _HOUR_MS} h {ms % _HOUR_MS // _MINUTE_MS} min"
    if ms >= _MINUTE_MS:
        return f"{ms // _MINUTE_MS} min"
    return f"{ms // 1000} s"
