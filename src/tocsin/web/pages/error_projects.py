"""Where do applications send their errors? Settings, Projects: their addresses with keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.errortracking.answers import Project
from tocsin.kit.fault import Fault
from tocsin.state.tokens import Scope, Token, TokenKind
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.connect import PLACEHOLDER, address_of
from tocsin.web.pages.error_snippets import dsn_of, error_snippets
from tocsin.web.pages.render import page
from tocsin.web.pages.settings import Outcome, Secret
from tocsin.web.people import people
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

PLATFORMS = ("python", "node", "javascript", "java", "go", "ruby", "php", "dotnet", "rust")
_NOTHING = Outcome()


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project, and its address with each key that is public anyway."""

    project: Project
    dsn: str
    """With a placeholder for the key."""
    public: Sequence[tuple[Token, str]]


async def _projects(request: Request, outcome: Outcome = _NOTHING) -> Response:
    base, now = address_of(request), services(request).clock.now_ms()
    keys = [one for one in await people(request).tokens.all() if one.is_valid(now)]
    public = [one for one in keys if one.kind is TokenKind.BROWSER]
    rows = [
        ProjectRow(
            project=one,
            dsn=dsn_of(base, PLACEHOLDER, one.number),
            public=[(key, dsn_of(base, key.prefix, one.number)) for key in public],
        )
        for one in await services(request).issues.projects()
    ]
    return page(
        request,
        "pages/settings_projects.html",
        status=400 if outcome.problem else 200,
        said=outcome.said,
        problem=outcome.problem,
        secret=outcome.secret,
        section="/settings/projects",
        rows=rows,
        platforms=PLATFORMS,
        snippets=error_snippets(base, dsn_of(base, PLACEHOLDER, "1"), PLACEHOLDER),
    )


async def _make(request: Request) -> Response:
    """A project and its first key, shown once."""
    form = await form_of(request)
    name, platform = str(form.get("name") or ""), str(form.get("platform") or "")
    who, book = identity(request).name, services(request).issues
    try:
        made = await book.make_project(name, who, platform=platform)
        await people(request).audit.record(who, "project_created", made.name)
        secret = await _keyed(request, made, "")
    except Fault as fault:
        return await _projects(request, Outcome(problem=_sentence(fault)))
    return await _projects(request, Outcome(said=f"The project {made.name}.", secret=secret))


async def _key(request: Request) -> Response:
    """Another key for a project, shown once."""
    form = await form_of(request)
    try:
        project = await services(request).issues.project(str(request.path_params["number"]))
        secret = await _keyed(request, project, str(form.get("origins") or ""))
    except Fault as fault:
        return await _projects(request, Outcome(problem=_sentence(fault)))
    return await _projects(request, Outcome(secret=secret))


async def _keyed(request: Request, project: Project, origins: str) -> Secret:
    who, known = identity(request).name, people(request)
    text, token = await known.tokens.create(
        f"errors of {project.name}",
        [Scope.INGEST],
        created_by=who,
        origins=origins.replace(",", " ").split(),
    )
    detail = {"scopes": "ingest", "kind": token.kind.value}
    await known.audit.record(who, "token_created", token.name, detail=detail)
    base = address_of(request)
    dsn = dsn_of(base, text, project.number)
    first = "javascript" if origins else project.platform
    return Secret(f"The DSN of {project.name}", dsn, error_snippets(base, dsn, text, first))


def _sentence(fault: Fault) -> str:
    return f"{str(fault)[:1].upper()}{str(fault)[1:]}."


ADDRESSES: Addresses = (
    get("/settings/projects", _projects, Access.ADMIN),
    post("/settings/projects", _make, Access.ADMIN),
    post("/settings/projects/{number:int}/keys", _key, Access.ADMIN),
)
