"""How does a dashboard of Grafana become one of ours, and what does not translate?

Read after the public description of its JSON model
(https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).
Nothing is refused for what is unknown: it is named in the report, panel by panel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.dashboard import loose
from tocsin.dashboard.grafana_panels import Reading, Untranslated, panel_of
from tocsin.dashboard.grafana_variables import variables_of
from tocsin.dashboard.loose import Table
from tocsin.kit.fault import Rejected
from tocsin.model.dashboards import (
    COLUMNS,
    MOST_PANELS,
    MOST_VARIABLES,
    UID,
    Dashboard,
    Link,
    Panel,
    Variable,
)

__all__ = ["Translated", "Untranslated", "translated"]
_REFRESH = re.compile(r"\d{1,9}[smhdwy]")
_HEIGHT = 8


@dataclass(frozen=True, slots=True)
class Translated:
    """A dashboard and everything that it has not taken over."""

    uid: str
    dashboard: Dashboard
    left_out: tuple[Untranslated, ...]


def translated(plain: Table) -> Translated:
    """Ours of Grafana's. Raises Rejected when it has no panels at all or far too many."""
    reading = Reading()
    variables = variables_of(loose.tables(loose.table(plain, "templating"), "list"), reading)
    reading.sources = {one.name for one in variables.sources}
    placed = _placed(plain)
    if len(placed) > MOST_PANELS:
        raise Rejected(f"it has {len(placed)} panels; {MOST_PANELS} are the most")
    kept = [_checked(one, reading) for one in variables.kept[:MOST_VARIABLES]]
    panels = _numbered([panel_of(one, reading) for one in placed])
    _annotations(plain, reading)
    time = loose.table(plain, "time")
    refresh = loose.text(plain, "refresh")
    uid = loose.text(plain, "uid")
    dashboard = Dashboard(
        title=loose.text(plain, "title").strip()[:200] or "Without a title",
        description=loose.text(plain, "description")[:2000],
        tags=[tag[:40] for tag in loose.texts(plain, "tags")][:20],
        begin=loose.text(time, "from") or "now-6h",
        end=loose.text(time, "to") or "now",
        refresh=refresh if _REFRESH.fullmatch(refresh) else "",
        variables=kept,
        panels=panels,
        links=_links(plain, reading),
    )
    return Translated(uid if UID.fullmatch(uid) else "", dashboard, tuple(reading.left_out))


def _checked(one: Variable, reading: Reading) -> Variable:
    """Without what only datasources of Grafana know."""
    if any(f"${name}" in one.query for name in reading.sources):
        reading.note("", f"the variable {one.name} asks a datasource by a variable")
    return one


def _placed(plain: Table) -> list[Table]:
    """The panels with their places, those that rows hold after their rows."""
    if loose.tables(plain, "rows") and not loose.tables(plain, "panels"):
        return _of_old_rows(loose.tables(plain, "rows"))
    found: list[Table] = []
    for panel in loose.tables(plain, "panels"):
        found.append(panel)
        if loose.text(panel, "type") == "row":
            found.extend(loose.tables(panel, "panels"))
    return found


def _of_old_rows(rows: Sequence[Table]) -> list[Table]:
    """Until its version 5, rows held panels whose widths were twelfths."""
    found: list[Table] = []
    top = 0
    for row in rows:
        title, is_folded = loose.text(row, "title"), bool(row.get("collapse"))
        if title or is_folded:
            place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
            found.append({"type": "row", "title": title, "collapsed": is_folded, "gridPos": place})
            top += 1
        left = 0
        for panel in loose.tables(row, "panels"):
            wide = loose.whole(panel, "span", 12, 1, 12) * 2
            if left + wide > COLUMNS:
                left, top = 0, top + _HEIGHT
            place = {"x": left, "y": top, "w": wide, "h": _HEIGHT}
            found.append({**panel, "gridPos": place})
            left += wide
        top += _HEIGHT
    return found


def _numbered(panels: Sequence[Panel]) -> list[Panel]:
    """Each with a number of its own: copies of panels often share one."""
    taken: set[int] = set()
    found = []
    highest = max((one.id for one in panels), default=0)
    for panel in panels:
        its_id = panel.id
        if its_id < 1 or its_id in taken:
            highest += 1
            its_id = highest
        taken.add(its_id)
        fields = {name: getattr(panel, name) for name in Panel.__struct_fields__}
        found.append(Panel(**{**fields, "id": its_id}))
    return found


def _annotations(plain: Table, reading: Reading) -> None:
    for one in loose.tables(loose.table(plain, "annotations"), "list"):
        if not one.get("builtIn"):
            name = loose.text(one, "name") or "without a name"
            reading.note("", f"the annotation {name}: deploys and incidents are marked instead")


def _links(plain: Table, reading: Reading) -> list[Link]:
    found = []
    for one in loose.tables(plain, "links"):
        title, url = loose.text(one, "title") or "Link", loose.text(one, "url")
        if url.startswith(("https://", "http://")):
            found.append(Link(title=title[:100], url=url))
        else:
            reading.note("", f"the link {title!r} leads to other dashboards of Grafana")
    return found
