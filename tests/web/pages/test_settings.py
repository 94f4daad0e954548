"""Keys and people through the page's own forms, behind the real guard and state."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette

from tests.web.browser import Answer, Browser
from tests.web.site import Site, open_site
from tocsin.kit.clock import FakeClock
from tocsin.oncall.roster import NO_ROSTER
from tocsin.state.tokens import TokenKind
from tocsin.state.users import Role
from tocsin.web.guard import Guard
from tocsin.web.incident_feed import IncidentFeed
from tocsin.web.pages import settings


@dataclass
class Person:
    """Somebody who is logged in and fills in forms."""

    browser: Browser
    csrf: str

    async def post(self, path: str, **form: str) -> Answer:
        return await self.browser.post(path, {"csrf": self.csrf, **form})


@pytest.fixture
async def site(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    roles = {"bo": Role.ADMIN, "kim": Role.VIEWER}
    async with open_site(tmp_path, clock, users=roles) as site:
        yield site


async def person(site: Site, name: str) -> Person:
    app = Starlette(routes=Guard(site.authenticator).routes(settings.ADDRESSES))
    app.state.people = site.people
    app.state.services = SimpleNamespace(
        clock=site.clock,
        config=SimpleNamespace(
            auth_off=False,
            version="0",
            external_url="",
            effective=lambda: {"store": {"password": "<hidden>"}},
            warnings=lambda: ["a word of warning"],
            prometheus_text=lambda: "",
        ),
        status=lambda: SimpleNamespace(ready=True, reason=""),
        scrape=SimpleNamespace(targets=tuple),
        oncall=SimpleNamespace(rota=SimpleNamespace(roster=NO_ROSTER)),
        incident_feed=IncidentFeed(),
    )
    browser, csrf = await site.logged_in(name)
    return Person(Browser(app, cookies=browser.cookies), csrf)


async def test_a_key_is_shown_once_and_works(site: Site) -> None:
    bo = await person(site, "bo")
    answer = await bo.post("/settings/keys", name="collector", scope="ingest", days="30")
    shown = re.search(r"toc_[A-Za-z0-9]{40}", answer.text)
    assert shown is not None
    token = await site.people.tokens.find(shown.group())
    assert token is not None
    assert (token.name, token.created_by) == ("collector", "bo")
    assert token.expires_at == site.clock.now_ms() + 30 * 86_400_000
    assert shown.group() not in (await bo.browser.get("/settings")).text


async def test_a_browsers_key_is_bound_to_its_origins(site: Site) -> None:
    bo = await person(site, "bo")
    await bo.post(
        "/settings/keys",
        name="shop",
        scope="ingest",
        origins="https://a.example, https://b.example",
    )
    (token,) = await site.people.tokens.all()
    assert (token.kind, token.origins) == (
        TokenKind.BROWSER,
        ("https://a.example", "https://b.example"),
    )


@pytest.mark.parametrize(
    ("form", "words"),
    [
        pytest.param({"name": "", "scope": "read"}, "A key needs a name", id="no name"),
        pytest.param({"name": "x"}, "A key needs at least one", id="no scope"),
        pytest.param({"name": "x", "scope": "all"}, "is not a scope", id="unknown scope"),
        pytest.param(
            {"name": "x", "scope": "read", "days": "9" * 30}, "A key ends after", id="days"
        ),
        pytest.param(
            {"name": "x", "scope": "ingest", "origins": "<b>"}, "is not an origin", id="no origin"
        ),
    ],
)
async def test_what_makes_no_sense_is_said_on_the_page(
    site: Site, form: dict[str, str], words: str
) -> None:
    bo = await person(site, "bo")
    answer = await bo.post("/settings/keys", **form)
    assert answer.status == 400
    assert words in answer.text
    assert "<b>&#39;" not in answer.text
    assert await site.people.tokens.all() == []


async def test_a_revoked_key_is_refused_and_that_is_recorded(site: Site) -> None:
    bo = await person(site, "bo")
    await bo.post("/settings/keys", name="ci", scope="read")
    (token,) = await site.people.tokens.all()
    answer = await bo.post(f"/settings/keys/{token.id}/revoke")
    assert "is refused from now on" in answer.text
    (token,) = await site.people.tokens.all()
    assert not token.is_valid(site.clock.now_ms())
    acts = [entry.what for entry in await site.people.audit.latest(2)]
    assert acts == ["token_revoked", "token_created"]


@pytest.mark.parametrize("number", [999, 1 << 40])
async def test_a_key_that_is_not_there_is_said_so(site: Site, number: int) -> None:
    bo = await person(site, "bo")
    assert (await bo.post(f"/settings/keys/{number}/revoke")).status == 400


async def test_a_person_is_added_with_a_one_time_password(site: Site) -> None:
    bo = await person(site, "bo")
    answer = await bo.post("/settings/people", name="Ann", role="member")
    shown = re.search(r"<pre[^>]*>([a-z0-9-]+)</pre>", answer.text)
    assert shown is not None
    ann = await site.people.users.check("ann", shown.group(1))
    assert ann is not None
    assert ann.must_change_password


async def test_the_last_administrator_stays_one(site: Site) -> None:
    bo = await person(site, "bo")
    me = next(user for user in await site.people.users.all() if user.name == "bo")
    answer = await bo.post(f"/settings/people/{me.id}/role", role="viewer")
    assert "last administrator" in answer.text
    assert (await site.people.users.get(me.id)).role is Role.ADMIN


async def test_a_form_without_its_token_does_nothing(site: Site) -> None:
    bo = await person(site, "bo")
    answer = await bo.browser.post("/settings/keys", {"name": "x", "scope": "admin"})
    assert answer.status == 403
    assert await site.people.tokens.all() == []


@pytest.mark.parametrize("path", ["/settings", "/settings/people", "/settings/configuration"])
async def test_only_administrators_see_keys_people_and_configuration(site: Site, path: str) -> None:
    kim = await person(site, "kim")
    assert (await kim.browser.get(path)).status == 403
    assert (await kim.browser.get("/settings/me")).status == 200


async def test_the_configuration_in_force_is_shown_with_its_warnings(site: Site) -> None:
    bo = await person(site, "bo")
    text = (await bo.browser.get("/settings/configuration")).text
    assert "&lt;hidden&gt;" in text
    assert "a word of warning" in text
