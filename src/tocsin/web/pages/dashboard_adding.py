"""A question or a query becomes a panel: choose a dashboard, and it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.dashboard.answers import Listed
from tocsin.dashboard.book import with_panel
from tocsin.kit.fault import Rejected
from tocsin.model.dashboards import Dashboard, Kind, Panel, PanelQuery, Style
from tocsin.query.logs.parse import parse as parse_question
from tocsin.web.api.dashboards import record
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.explore import LETTERS
from tocsin.web.pages.render import frame, html, page, respond, viewer
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_OFFERED = 12
_LOGS_ROWS, _ROWS = 10, 8


@dataclass(frozen=True, slots=True)
class Choice:
    """Where it may go: the person's own dashboards first. `fields` say what it is."""

    fields: Sequence[tuple[str, str]]
    dashboards: Sequence[Listed]
    more: int
    words: str = ""


async def _choose(request: Request) -> Response:
    """Which dashboard? A part for a menu, or a page without script."""
    book, query = services(request).dashboards, dict(request.query_params)
    query = {**_explored(request), **query}
    mine = await book.of_person(viewer(request).name)
    words = query.pop("find", "").strip()
    first = {uid: place for place, uid in enumerate((*mine.stars, *mine.seen))}
    everything = [one for one in await book.all() if one.origin == "kept"]
    found = [one for one in everything if words.casefold() in one.title.casefold()]
    found.sort(key=lambda one: (first.get(one.uid, len(first)), -one.updated_ms))
    choice = Choice(
        fields=[(key, value) for key, value in query.items() if value and key in _FIELDS],
        dashboards=found[:_OFFERED],
        more=len(found) - _OFFERED,
        words=words,
    )
    if "hx-request" in request.headers:
        return respond(html("parts/dashboard_choice.html", frame(request), choice=choice))
    return page(request, "pages/dashboard_choose.html", choice=choice)


def _explored(request: Request) -> dict[str, str]:
    """How Explore shows its queries just now: its address says so."""
    address = request.headers.get("hx-current-url", "")
    parts = urlsplit(address)
    if parts.path != "/explore":
        return {}
    return {key: value for key, value in parse_qsl(parts.query) if key == "view"}


async def _add(request: Request) -> Response:
    """Put the panel onto the dashboard, or onto a new one."""
    form = await form_of(request)
    given = {key: str(value) for key, value in form.items()}
    panel = panel_of(given)
    book, who, uid = services(request).dashboards, identity(request).name, given.get("uid", "")
    if uid:
        made = await book.add_panel(uid, panel, who)
        await record(request, "dashboard_changed", made)
    else:
        title = given.get("dashboard", "").strip()[:200] or panel.title or "New dashboard"
        one = with_panel(Dashboard(title=title), panel)
        made = await book.create(one, who, note=f"with {panel.title or panel.kind}")
        await record(request, "dashboard_made", made)
    newest = max(one.id for one in made.dashboard.panels)
    return RedirectResponse(f"/dashboards/{made.uid}?added={newest}", 303)


_FIELDS = ("kind", "title", "q", "cols", "by", "view", *LETTERS)
_SHOWN_AS: Mapping[str, tuple[Kind, Style]] = {
    "": ("graph", "line"),
    "graph": ("graph", "line"),
    "stacked": ("graph", "stacked"),
    "table": ("table", "line"),
    "heatmap": ("heatmap", "line"),
}


def panel_of(given: Mapping[str, str]) -> Panel:
    """The panel of a question (`q`) or of queries (`a` to `h`). Raises Rejected."""
    title = given.get("title", "").strip()[:200]
    if given.get("kind") in ("logs", "log_counts"):
        question = given.get("q", "").strip()
        parse_question(question)
        is_list = given["kind"] == "logs"
        columns = [name for name in given.get("cols", "").replace(",", " ").split() if name][:6]
        return Panel(
            id=0,
            kind="logs" if is_list else "log_counts",
            title=title or question[:80] or "All lines",
            w=24 if is_list else 12,
            h=_LOGS_ROWS if is_list else _ROWS,
            question=question,
            columns=columns,
            by=given.get("by", "level"),
        )
    queries = [given.get(letter, "").strip() for letter in LETTERS]
    if not any(queries):
        raise Rejected("there is no query to put onto a dashboard; write one first")
    kind, style = _SHOWN_AS.get(given.get("view", ""), ("graph", "line"))
    return Panel(
        id=0,
        kind=kind,
        style=style,
        title=title or next(filter(None, queries))[:80],
        h=_ROWS,
        queries=[PanelQuery(expr=expr) for expr in queries if expr],
    )


ADDRESSES: Addresses = (
    get("/dashboards/choose", _choose, Access.RESPOND),
    post("/dashboards/add", _add, Access.RESPOND),
)
