"""A small site behind the real guard: one address of each access, login, and the admin API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.state.fresh import state_file
from tests.web.browser import Browser
from tocsin.kit.clock import FakeClock
from tocsin.oncall.roster import NO_ROSTER
from tocsin.state.config import AuthConfig
from tocsin.state.database import Database
from tocsin.state.users import Role, Users
from tocsin.web import session
from tocsin.web.api import admin
from tocsin.web.authenticator import Authenticator
from tocsin.web.guard import Front, Guard
from tocsin.web.identity import identity
from tocsin.web.incident_feed import IncidentFeed
from tocsin.web.people import People
from tocsin.web.problem import problem
from tocsin.web.routing import Access, Address

PASSWORD = "correct horse battery"


async def _whoami(request: Request) -> Response:
    body = (await request.body()).decode() if request.method == "POST" else ""
    return PlainTextResponse(f"{identity(request).kind.value} {identity(request).name} {body}")


async def _page(request: Request) -> Response:
    return Response("<p>page</p>", media_type="text/html")


async def _not_found(request: Request, _error: Exception) -> Response:
    return problem(request, 404, f"there is nothing at {request.url.path}")


ADDRESSES = (
    Address("/", _page, Access.READ),
    Address("/public", _whoami, Access.PUBLIC),
    Address("/read", _whoami, Access.READ, ("GET", "POST")),
    Address("/ingest", _whoami, Access.INGEST, ("POST",)),
    Address("/browser", _whoami, Access.BROWSER_INGEST, ("POST",)),
    Address("/admin", _whoami, Access.ADMIN, ("GET", "POST")),
)


class Site:
    """The application and everything that a test wants to look at."""

    def __init__(self, database: Database, clock: FakeClock, auth: AuthConfig, url: str) -> None:
        self.clock = clock
        self.database = database
        self.people = People.of(database, clock, auth, external_url=url)
        self.authenticator = Authenticator(self.people)
        guard = Guard(self.authenticator)
        app = Starlette(
            routes=guard.routes((*ADDRESSES, *session.ADDRESSES, *admin.ADDRESSES)),
            exception_handlers={404: _not_found},
        )
        app.state.people = self.people
        config = SimpleNamespace(
            auth_off=auth.is_off,
            version="0",
            external_url=url,
            effective=lambda: {"listen": {"http": "x"}},
        )
        app.state.services = SimpleNamespace(
            clock=clock,
            config=config,
            status=lambda: SimpleNamespace(ready=True),
            scrape=SimpleNamespace(targets=tuple),
            oncall=SimpleNamespace(rota=SimpleNamespace(roster=NO_ROSTER)),
            incident_feed=IncidentFeed(),
        )
        self.app = Front(app, self.people)

    def browser(self, host: str = "tocsin.test", scheme: str = "http") -> Browser:
        """A browser without cookies."""
        return Browser(self.app, host, scheme)

    async def logged_in(self, name: str, *, scheme: str = "http") -> tuple[Browser, str]:
        """A browser of that user, and its form token."""
        browser = self.browser(scheme=scheme)
        answer = await browser.post("/login", {"name": name, "password": PASSWORD})
        assert answer.status == 303
        (secret,) = browser.cookies.values()
        found = await self.people.sessions.find(secret)
        assert found is not None
        return browser, found.csrf


_seeds: dict[tuple[tuple[str, Role], ...], bytes] = {}
"""Database files with these users: made once, because hashing passwords is slow on purpose."""


@asynccontextmanager
async def open_site(
    folder: Path,
    clock: FakeClock,
    *,
    auth: str = "on",
    external_url: str = "",
    users: Mapping[str, Role] = MappingProxyType({"bo": Role.ADMIN}),
) -> AsyncIterator[Site]:
    """The site over a database of its own that knows these users, all with `PASSWORD`."""
    seed = tuple(users.items())
    file = folder / "state.db"
    if seed in _seeds:
        file.write_bytes(_seeds[seed])
    database = state_file(file)
    await database.open()
    if seed not in _seeds:
        people = Users(database, clock)
        for name, role in users.items():
            await people.add(name, PASSWORD, role=role)
        await database.close()
        _seeds[seed] = file.read_bytes()
        await database.open()
    yield Site(database, clock, AuthConfig.from_config(auth), external_url)
    await database.close()
