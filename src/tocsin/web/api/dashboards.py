"""Dashboards for programs: `/api/dashboards`, with their versions, their files and Grafana's."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.dashboard.answers import DashboardChanged, Kept, Listed
from tocsin.dashboard.checking import Problem, problems_of
from tocsin.dashboard.grafana import Untranslated
from tocsin.dashboard.reading import Form, Read, read, written
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.dashboards import Dashboard, Panel
from tocsin.web.api.alertmanager_json import iso
from tocsin.web.api.incident_json import as_json, body_of
from tocsin.web.api.logs import span_of
from tocsin.web.csrf import keep_body
from tocsin.web.dashboard_marks import Marks, marks_of
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services


class KeptShown(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard: `origin` is kept (made here), file, or shipped (by Tocsin); only kept ones can
    be changed."""

    uid: str
    version: int
    origin: str
    updated: str
    updated_by: str
    file: str
    dashboard: Dashboard


class NewBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new dashboard; without a uid, one is made of its title."""

    dashboard: Dashboard
    uid: str = ""
    note: str = ""


class SaveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another version: `version` is the one that was read."""

    dashboard: Dashboard
    version: int
    note: str = ""


class RestoreBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make version `restore` the newest; `version` is the one that was read."""

    restore: int
    version: int


class ChangedShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else was faster; `now` is what is kept."""

    error: str
    now: KeptShown


class VersionShown(msgspec.Struct, frozen=True, kw_only=True):
    """A version; its dashboard only where one is asked for."""

    version: int
    at: str
    by: str
    note: str
    dashboard: Dashboard | None = None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a file became: what of it did not translate, what will not work, and what was kept
    (nothing with `dry`)."""

    uid: str
    is_grafana: bool
    dashboard: Dashboard
    left_out: list[Untranslated]
    problems: list[Problem]
    kept: KeptShown | None = None


def shown(one: Kept) -> KeptShown:
    """As the API tells it."""
    return KeptShown(
        uid=one.uid,
        version=one.version,
        origin=one.origin,
        updated=iso(one.updated_ms) if one.updated_ms else "",
        updated_by=one.updated_by,
        file=one.file,
        dashboard=one.dashboard,
    )


async def record(request: Request, what: str, one: Kept) -> None:
    """Write into the audit trail what became of a dashboard."""
    ip = request.client.host if request.client else ""
    detail = {"title": one.dashboard.title, "version": str(one.version)}
    await people(request).audit.record(identity(request).name, what, one.uid, detail=detail, ip=ip)


async def _list(request: Request) -> Response:
    """Every dashboard by title; `q` are words that it has, `tag` one of its tags."""
    words = request.query_params.get("q", "").casefold().split()
    tag = request.query_params.get("tag", "")
    found = await services(request).dashboards.all()
    return as_json([one for one in found if has(one, words, tag)])


def has(one: Listed, words: list[str], tag: str) -> bool:
    """Whether a dashboard has every word in its title, description or tags, and the tag."""
    text = f"{one.title} {one.description} {' '.join(one.tags)} {one.uid}".casefold()
    return all(word in text for word in words) and (not tag or tag in one.tags)


async def _create(request: Request) -> Response:
    """Make a dashboard."""
    body = await body_of(request, NewBody)
    made = await services(request).dashboards.create(
        body.dashboard, identity(request).name, uid=body.uid, note=body.note
    )
    await record(request, "dashboard_made", made)
    return as_json(shown(made), 201)


async def _get(request: Request) -> Response:
    """One dashboard."""
    return as_json(shown(await services(request).dashboards.get(uid_of(request))))


async def _put(request: Request) -> Response:
    """Save another version; 409 with the newest when somebody was faster."""
    body, book = await body_of(request, SaveBody), services(request).dashboards
    who, uid = identity(request).name, uid_of(request)
    try:
        made = await book.save(uid, body.dashboard, body.version, who, note=body.note)
    except DashboardChanged as error:
        return as_json(ChangedShown(error=str(error), now=shown(error.now)), 409)
    await record(request, "dashboard_changed", made)
    return as_json(shown(made))


async def _delete(request: Request) -> Response:
    """Delete one; for 30 days it can be taken back."""
    gone = await services(request).dashboards.delete(uid_of(request), identity(request).name)
    await record(request, "dashboard_deleted", gone)
    return as_json(shown(gone))


async def _undelete(request: Request) -> Response:
    """Take back one that was deleted."""
    made = await services(request).dashboards.undelete(uid_of(request), identity(request).name)
    await record(request, "dashboard_taken_back", made)
    return as_json(shown(made))


async def _add_panel(request: Request) -> Response:
    """Put a panel below the others; its id and place are chosen."""
    panel = await body_of(request, Panel)
    made = await services(request).dashboards.add_panel(
        uid_of(request), panel, identity(request).name
    )
    await record(request, "dashboard_changed", made)
    return as_json(shown(made))


async def _versions(request: Request) -> Response:
    """The versions that are kept, the newest first."""
    found = await services(request).dashboards.versions(uid_of(request))
    return as_json(
        [VersionShown(version=o.version, at=iso(o.at_ms), by=o.author, note=o.note) for o in found]
    )


async def _version(request: Request) -> Response:
    """One version with its dashboard."""
    number = int(str(request.path_params["version"])[:9])
    one, dashboard = await services(request).dashboards.version(uid_of(request), number)
    return as_json(
        VersionShown(
            version=one.version,
            at=iso(one.at_ms),
            by=one.author,
            note=one.note,
            dashboard=dashboard,
        )
    )


async def _restore(request: Request) -> Response:
    """Make an older version the newest; 409 when somebody was faster."""
    body, book = await body_of(request, RestoreBody), services(request).dashboards
    who, uid = identity(request).name, uid_of(request)
    try:
        made = await book.restore(uid, body.restore, body.version, who)
    except DashboardChanged as error:
        return as_json(ChangedShown(error=str(error), now=shown(error.now)), 409)
    await record(request, "dashboard_restored", made)
    return as_json(shown(made))


async def _file(request: Request) -> Response:
    """The dashboard as a file, to be kept in git: `format` is yaml or json."""
    form = request.query_params.get("format", "yaml")
    if form not in ("yaml", "json"):
        raise Rejected("format is yaml or json")
    found = await services(request).dashboards.get(uid_of(request))
    kind: Form = "json" if form == "json" else "yaml"
    text = await asyncio.to_thread(written, found.uid, found.dashboard, kind)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{found.uid}.{form}"',
    }
    return Response(text, 200, headers, media_type=f"application/{form}")


async def _import(request: Request) -> Response:
    """Read a file, ours or Grafana's, tell what did not translate, and keep it; only tell with
    `dry=1`; replace the dashboard of the same uid with `replace=1`."""
    await keep_body(request)
    text = (await request.body()).decode("utf-8", "replace")
    query = request.query_params
    found = await asyncio.to_thread(read, text, "the body")
    uid = query.get("uid", "") or found.uid
    kept = None
    if query.get("dry") != "1":
        kept = shown(await keep(request, found, uid, is_replaced=query.get("replace") == "1"))
    return as_json(await imported(found, uid, kept), 201 if kept else 200)


async def imported(found: Read, uid: str, kept: KeptShown | None = None) -> Imported:
    """What a file became."""
    return Imported(
        uid=kept.uid if kept else uid,
        is_grafana=found.is_grafana,
        dashboard=found.dashboard,
        left_out=list(found.left_out),
        problems=await asyncio.to_thread(problems_of, found.dashboard),
        kept=kept,
    )


async def keep(request: Request, found: Read, uid: str, *, is_replaced: bool) -> Kept:
    """Keep what was read in the name of whoever asks."""
    book, who = services(request).dashboards, identity(request).name
    note = "imported from Grafana" if found.is_grafana else "imported"
    now = None
    if uid and is_replaced:
        try:
            now = await book.get(uid)
        except NotFound:
            now = None  # there is nothing to replace
    if now is not None:
        made = await book.save(uid, found.dashboard, now.version, who, note=note)
    else:
        made = await book.create(found.dashboard, who, uid=uid, note=note)
    await record(request, "dashboard_imported", made)
    return made


async def _check(request: Request) -> Response:
    """What will not work of a dashboard: queries that cannot be read, unknown variables."""
    return as_json(await asyncio.to_thread(problems_of, await body_of(request, Dashboard)))


async def _marks(request: Request) -> Response:
    """Releases and incidents of a range, which dashboards mark on their graphs."""
    return as_json(await marks_of(services(request), span_of(request)))


def uid_of(request: Request) -> str:
    """The uid in the path."""
    return str(request.path_params["uid"])


_READ, _RESPOND = Access.READ, Access.RESPOND
_ONE = "/api/dashboards/{uid}"

ADDRESSES: Addresses = (
    Address("/api/dashboards", _list, _READ, answer=list[Listed]),
    Address("/api/dashboards", _create, _RESPOND, ("POST",), NewBody, KeptShown),
    Address("/api/dashboards/import", _import, _RESPOND, ("POST",), answer=Imported),
    Address("/api/dashboards/check", _check, _READ, ("POST",), Dashboard, list[Problem]),
    Address("/api/dashboards/marks", _marks, _READ, answer=Marks),
    Address(_ONE, _get, _READ, answer=KeptShown),
    Address(_ONE, _put, _RESPOND, ("PUT",), SaveBody, KeptShown),
    Address(_ONE, _delete, _RESPOND, ("DELETE",), None, KeptShown),
    Address(f"{_ONE}/undelete", _undelete, _RESPOND, ("POST",), None, KeptShown),
    Address(f"{_ONE}/panels", _add_panel, _RESPOND, ("POST",), Panel, KeptShown),
    Address(f"{_ONE}/versions", _versions, _READ, answer=list[VersionShown]),
    Address(f"{_ONE}/versions/{{version:int}}", _version, _READ, answer=VersionShown),
    Address(f"{_ONE}/restore", _restore, _RESPOND, ("POST",), RestoreBody, KeptShown),
    Address(f"{_ONE}/file", _file, _READ),
)
