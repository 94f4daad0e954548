"""One dashboard: seen, changed, and how it was before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.dashboard.answers import DashboardChanged, Kept
from tocsin.dashboard.book import difference
from tocsin.dashboard.checking import Problem, problems_of
from tocsin.kit.fault import NotFound, Rejected
from tocsin.kit.markdown import to_html
from tocsin.model.dashboards import Dashboard
from tocsin.state.dashboards import DashboardVersion
from tocsin.web.api.dashboards import record, uid_of
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages import timerange
from tocsin.web.pages.render import answer_action, error_page, frame, html, page, respond, viewer
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_LONGEST_TEXT = 100_000


@dataclass(frozen=True, slots=True)
class DashboardView:
    """The page. `given` is what its script draws."""

    one: Kept
    given: Markup
    may_change: bool
    is_starred: bool
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionsView:
    """Versions, the newest first, each with how many lines differ from the one before."""

    one: Kept
    versions: tuple[DashboardVersion, ...]


async def _view(request: Request) -> Response:
    given, own = services(request), frame(request)
    try:
        one = await given.dashboards.get(uid_of(request))
    except NotFound as error:
        return error_page(request, 404, "No such dashboard", f"{error}. It may have been deleted.")
    mine = await given.dashboards.of_person(viewer(request).name)
    may_change = viewer(request).may_respond and one.may_change
    is_edited = own.query.get("edit") == "1"
    problems = await asyncio.to_thread(problems_of, one.dashboard) if is_edited else ()
    usual = {
        "from": one.dashboard.begin,
        "to": one.dashboard.end,
        "refresh": one.dashboard.refresh,
    }
    time = timerange.read({**usual, **own.query}, own.now)
    view = DashboardView(
        one=one,
        given=_as_script(one, may_change=may_change),
        may_change=may_change,
        is_starred=one.uid in mine.stars,
        problems=tuple(problems),
    )
    return respond(html("pages/dashboard.html", replace(own, time=time), view=view))


def _as_script(one: Kept, *, may_change: bool) -> Markup:
    """JSON that may stand in a script element: no text in it can end the element."""
    content = msgspec.json.encode(
        {
            "uid": one.uid,
            "version": one.version,
            "may_change": may_change,
            "dashboard": one.dashboard,
        }
    ).decode()
    return Markup(content.replace("<", "\\u003c"))  # the sign is only ever within its texts


async def _history(request: Request) -> Response:
    book, uid = services(request).dashboards, uid_of(request)
    one = await book.get(uid)
    view = VersionsView(one, tuple(await book.versions(uid)))
    return page(request, "pages/dashboard_history.html", view=view)


async def _version(request: Request) -> Response:
    """What one version changed, and what has changed since."""
    book, uid = services(request).dashboards, uid_of(request)
    number = int(str(request.path_params["version"])[:9])
    now = await book.get(uid)
    one, then = await book.version(uid, number)
    try:
        _, before = await book.version(uid, number - 1)
    except NotFound:
        before = Dashboard(title=then.title)
    return page(
        request,
        "pages/dashboard_version.html",
        now=now,
        one=one,
        changed=await asyncio.to_thread(difference, before, then),
        since=await asyncio.to_thread(difference, then, now.dashboard),
    )


async def _restore(request: Request) -> Response:
    form, book, uid = await form_of(request), services(request).dashboards, uid_of(request)
    version, was = (_number(form.get(name)) for name in ("version", "was"))
    try:
        made = await book.restore(uid, version, was, identity(request).name)
    except DashboardChanged as error:
        return error_page(request, 409, "Somebody else saved it first", f"{error}; look again.")
    await record(request, "dashboard_restored", made)
    return RedirectResponse(f"/dashboards/{uid}", 303)


async def _star(request: Request) -> Response:
    """Mark it for whoever asks, or not."""
    form, uid, who = await form_of(request), uid_of(request), viewer(request).name
    is_on = form.get("on") == "1"
    book = services(request).dashboards
    if is_on:
        await book.get(uid)
    await book.star(who, uid, is_on=is_on)
    back = str(form.get("back", ""))
    where = back if back.startswith("/dashboards") else f"/dashboards/{uid}"
    return answer_action(request, "Starred." if is_on else "No longer starred.", where)


async def _seen(request: Request) -> Response:
    """Whoever asks looks at it now."""
    uid = uid_of(request)
    await services(request).dashboards.get(uid)
    await services(request).dashboards.saw(viewer(request).name, uid)
    return Response(status_code=204)


async def _delete(request: Request) -> Response:
    uid = uid_of(request)
    gone = await services(request).dashboards.delete(uid, identity(request).name)
    await record(request, "dashboard_deleted", gone)
    return RedirectResponse(f"/dashboards?deleted={uid}", 303)


async def _undelete(request: Request) -> Response:
    uid = uid_of(request)
    made = await services(request).dashboards.undelete(uid, identity(request).name)
    await record(request, "dashboard_taken_back", made)
    return RedirectResponse(f"/dashboards/{uid}", 303)


async def _copy(request: Request) -> Response:
    """A copy that may be changed."""
    book, who = services(request).dashboards, identity(request).name
    one = await book.get(uid_of(request))
    fields = {name: getattr(one.dashboard, name) for name in Dashboard.__struct_fields__}
    title = f"{one.dashboard.title} (copy)"[:200]
    made = await book.create(Dashboard(**{**fields, "title": title}), who, note=f"of {one.uid}")
    await record(request, "dashboard_made", made)
    return RedirectResponse(f"/dashboards/{made.uid}?edit=1", 303)


async def _markdown(request: Request) -> Response:
    """Safe HTML of a panel's text."""
    text = str((await form_of(request)).get("text", ""))[:_LONGEST_TEXT]
    # Brackets without end take a second.
    return respond(await asyncio.to_thread(to_html, text))


def _number(text: object) -> int:
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise Rejected("a version is a whole number")


_ONE = "/dashboards/{uid}"

ADDRESSES: Addresses = (
    post("/dashboards/markdown", _markdown, Access.READ),
    get(_ONE, _view, Access.READ),
    get(f"{_ONE}/history", _history, Access.READ),
    get(f"{_ONE}/history/{{version:int}}", _version, Access.READ),
    post(f"{_ONE}/restore", _restore, Access.RESPOND),
    post(f"{_ONE}/star", _star, Access.READ),
    post(f"{_ONE}/seen", _seen, Access.READ),
    post(f"{_ONE}/delete", _delete, Access.RESPOND),
    post(f"{_ONE}/undelete", _undelete, Access.RESPOND),
    post(f"{_ONE}/copy", _copy, Access.RESPOND),
)
