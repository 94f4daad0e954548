"""Every dashboard: searched, starred, made, and read from files of ours and of Grafana."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.dashboard.answers import Listed
from tocsin.dashboard.reading import read
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.dashboards import Dashboard
from tocsin.state.dashboards import UidTaken
from tocsin.web.api.dashboards import Imported, has, imported, keep, record, shown
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.render import page, viewer
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_SHOWN_TAGS = 30


@dataclass(frozen=True, slots=True)
class DashboardsView:
    """The list. `problems` are files of the configuration's folder that cannot be shown."""

    starred: Sequence[Listed]
    recent: Sequence[Listed]
    others: Sequence[Listed]
    total: int
    tags: Sequence[str]
    stars: frozenset[str]
    problems: Sequence[str]
    deleted: str = ""


async def _list(request: Request) -> Response:
    book, query = services(request).dashboards, request.query_params
    words, tag = query.get("q", "").casefold().split(), query.get("tag", "")
    everything = await book.all()
    mine = await book.of_person(viewer(request).name)
    found = [one for one in everything if has(one, words, tag)]
    by_uid = {one.uid: one for one in found}
    is_searched = bool(words or tag)
    recent = [] if is_searched else [by_uid[uid] for uid in mine.seen if uid in by_uid][:6]
    counted: dict[str, int] = {}
    for each in everything:
        for name in each.tags:
            counted[name] = counted.get(name, 0) + 1
    view = DashboardsView(
        starred=[by_uid[uid] for uid in mine.stars if uid in by_uid],
        recent=recent,
        others=found,
        total=len(everything),
        tags=sorted(counted, key=lambda name: (-counted[name], name))[:_SHOWN_TAGS],
        stars=frozenset(mine.stars),
        problems=book.folder.problems,
        deleted=query.get("deleted", "")[:40],
    )
    return page(request, "pages/dashboards.html", view=view)


async def _new(request: Request) -> Response:
    """An empty one, opened to be edited."""
    title = str((await form_of(request)).get("title", "")).strip()[:200] or "New dashboard"
    made = await services(request).dashboards.create(Dashboard(title=title), identity(request).name)
    await record(request, "dashboard_made", made)
    return RedirectResponse(f"/dashboards/{made.uid}?edit=1", 303)


@dataclass(frozen=True, slots=True)
class ImportView:
    """What was given, and what became of it; `found` is None before anything was."""

    text: str = ""
    found: Imported | None = None
    problem: str = ""
    is_taken: bool = False


async def _import_page(request: Request) -> Response:
    return page(request, "pages/dashboard_import.html", view=ImportView())


async def _import(request: Request) -> Response:
    """Tell what a file becomes; with `keep`, keep it."""
    form = await form_of(request)
    file = form.get("file")
    text = str(form.get("text", ""))
    if isinstance(file, UploadFile) and file.filename:
        text = (await file.read()).decode("utf-8-sig", "replace")
    if not text.strip():
        problem = "choose a file, or paste what is in it"
        return page(request, "pages/dashboard_import.html", view=ImportView(problem=problem))
    try:
        found = await asyncio.to_thread(read, text, "the file")
    except Rejected as error:
        view = ImportView(text=text, problem=str(error))
        return page(request, "pages/dashboard_import.html", status=400, view=view)
    how = str(form.get("keep", ""))
    uid = "" if how == "copy" else found.uid
    if not how:
        view = ImportView(text, await imported(found, uid), is_taken=await _is_taken(request, uid))
        return page(request, "pages/dashboard_import.html", view=view)
    try:
        made = shown(await keep(request, found, uid, is_replaced=how == "replace"))
    except (UidTaken, Rejected) as error:
        view = ImportView(text, await imported(found, uid), str(error), isinstance(error, UidTaken))
        return page(request, "pages/dashboard_import.html", status=400, view=view)
    left = len(found.left_out)
    return RedirectResponse(
        f"/dashboards/{made.uid}" + (f"?{urlencode({'left_out': left})}" if left else ""), 303
    )


async def _is_taken(request: Request, uid: str) -> bool:
    if not uid:
        return False
    try:
        await services(request).dashboards.get(uid)
    except NotFound:
        return False
    return True


ADDRESSES: Addresses = (
    get("/dashboards", _list, Access.READ),
    post("/dashboards/new", _new, Access.RESPOND),
    get("/dashboards/import", _import_page, Access.RESPOND),
    post("/dashboards/import", _import, Access.RESPOND),
)
