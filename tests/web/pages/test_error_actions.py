"""Who may do what with issues on their pages, and what becomes of it; around an incident, too."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from tests.errortracking.error_world import ErrorDesk, desk_in, event
from tests.web.browser import Browser
from tests.web.site import Site, open_site
from tocsin.errortracking.answers import Act, IssuesAsked
from tocsin.errortracking.occurrences import OTHERS, Occurrences
from tocsin.kit.clock import FakeClock
from tocsin.model.errors import IssueState
from tocsin.model.incidents import Incident
from tocsin.oncall.roster import NO_ROSTER
from tocsin.state.users import Role
from tocsin.store.client import Store
from tocsin.web.guard import Guard
from tocsin.web.incident_errors import issue_news
from tocsin.web.incident_feed import IncidentFeed
from tocsin.web.pages import error_actions, error_projects

MINUTE = 60_000


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> AsyncIterator[ErrorDesk]:
    (tmp_path / "errors").mkdir()
    async with desk_in(store, tmp_path / "errors") as desk:
        yield desk


@pytest.fixture
async def site(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    roles = {"bo": Role.ADMIN, "mo": Role.MEMBER, "kim": Role.VIEWER}
    (tmp_path / "site").mkdir()
    async with open_site(tmp_path / "site", clock, users=roles) as site:
        yield site


async def _visitor(site: Site, desk: ErrorDesk, name: str) -> tuple[Browser, str]:
    addresses = (*error_actions.ADDRESSES, *error_projects.ADDRESSES)
    app = Starlette(routes=Guard(site.authenticator).routes(addresses))
    app.state.people = site.people
    app.state.services = SimpleNamespace(
        clock=site.clock,
        issues=desk.book,
        config=SimpleNamespace(auth_off=False, version="0", external_url="https://tocsin.test"),
        status=lambda: SimpleNamespace(ready=True, reason=""),
        scrape=SimpleNamespace(targets=tuple),
        oncall=SimpleNamespace(rota=SimpleNamespace(roster=NO_ROSTER)),
        incident_feed=IncidentFeed(),
    )
    browser, csrf = await site.logged_in(name)
    return Browser(app, cookies=browser.cookies), csrf


async def _issue(desk: ErrorDesk) -> int:
    await desk.take(event())
    return (await desk.book.find(IssuesAsked())).issues[0].id


async def test_a_member_resolves_and_a_viewer_or_a_foreign_site_does_not(
    site: Site, desk: ErrorDesk
) -> None:
    number = await _issue(desk)
    path, form = f"/errors/{number}/act", {"kind": "resolve"}
    kim, csrf = await _visitor(site, desk, "kim")
    assert (await kim.post(path, {"csrf": csrf, **form})).status == 403
    mo, csrf = await _visitor(site, desk, "mo")
    assert (await mo.post(path, form)).status == 403
    assert (await desk.book.get(number)).state is IssueState.OPEN
    answer = await mo.post(path, {"csrf": csrf, **form})
    assert (answer.status, answer.header("location")) == (303, f"/errors/{number}")
    assert (await desk.book.get(number)).state is IssueState.RESOLVED
    assert (await desk.book.acts(number))[-1].author == "mo"


async def test_an_old_version_is_a_conflict_that_names_who_was_first(
    site: Site, desk: ErrorDesk
) -> None:
    number = await _issue(desk)
    await desk.book.act(number, Act(kind="resolve", release="2.0"), "ana")
    mo, csrf = await _visitor(site, desk, "mo")
    form = {"csrf": csrf, "kind": "ignore", "version": "1"}
    answer = await mo.post(f"/errors/{number}/act", form, hx_request="true")
    assert answer.status == 409
    assert "ana was first" in answer.header("hx-trigger")
    page = await mo.post(f"/errors/{number}/act", form)
    assert page.status == 409
    assert "Resolved in 2.0" in page.text
    assert (await desk.book.get(number)).resolved_in == "2.0"


async def test_a_mistake_is_said_beside_the_button(site: Site, desk: ErrorDesk) -> None:
    number = await _issue(desk)
    mo, csrf = await _visitor(site, desk, "mo")
    form = {"csrf": csrf, "kind": "ignore", "count": "many", "unit": "times"}
    answer = await mo.post(f"/errors/{number}/act", form, hx_request="true")
    assert answer.status == 204
    assert "is not a count" in answer.header("hx-trigger")
    nothing = await mo.post("/errors/bulk", {"csrf": csrf, "do": "resolve"}, hx_request="true")
    assert "choose at least one issue" in nothing.header("hx-trigger")


async def test_a_project_comes_with_a_key_that_is_shown_once(site: Site, desk: ErrorDesk) -> None:
    bo, csrf = await _visitor(site, desk, "bo")
    answer = await bo.post(
        "/settings/projects", {"csrf": csrf, "name": "mobile", "platform": "node"}
    )
    found = re.search(r"https://(toc_[A-Za-z0-9]{40})@tocsin\.test/(\d+)", answer.text)
    assert found is not None
    assert (await desk.book.project("mobile")).number == int(found[2])
    assert await site.people.tokens.find(found[1]) is not None
    assert found[1] not in (await bo.get("/settings/projects")).text
    mo, csrf = await _visitor(site, desk, "mo")
    assert (await mo.post("/settings/projects", {"csrf": csrf, "name": "x"})).status == 403


async def test_a_key_for_pages_is_bound_to_them_and_stays_to_be_seen(
    site: Site, desk: ErrorDesk
) -> None:
    bo, csrf = await _visitor(site, desk, "bo")
    number = (await desk.book.project("shop")).number
    path, form = f"/settings/projects/{number}/keys", {"csrf": csrf, "origins": "https://a.example"}
    await bo.post(path, form)
    text = (await bo.get("/settings/projects")).text
    assert re.search(rf"https://tocpub_[A-Za-z0-9]{{40}}@tocsin\.test/{number}\b", text)
    assert "https://a.example" in text
    wrong = await bo.post(path, {**form, "origins": "<b>"})
    assert wrong.status == 400
    assert "is not an origin" in wrong.text


async def test_what_began_came_back_or_grew_around_an_incident(desk: ErrorDesk) -> None:
    now = desk.clock.now_ms()
    began = now - 10 * MINUTE

    def at(minutes: float, kind: str, **more: Any) -> dict[str, Any]:  # Any: as SDKs send it
        seconds = (now - minutes * MINUTE) / 1000
        return event(kind, calls=(kind,), timestamp=seconds, **more)

    await desk.take(*(at(80, kind) for kind in ("Old", "Gone", "Grown", "Away")))
    known = {one.kind: one for one in (await desk.book.find(IssuesAsked())).issues}
    await desk.book.act(known["Gone"].id, Act(kind="resolve"), "ana")
    await desk.take(event("Gone", calls=("Gone",)))
    await desk.take(at(4, "Fresh"), at(4, "Foreign", tags={"service": "mail"}))
    await desk.take(*(at(minutes, "Grown") for minutes in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0.5)))
    incident = Incident(
        id=1, number="INC-1", title="x", severity="P1", opened_ms=began, services=("shop",)
    )
    times = (began - 60 * MINUTE, began, desk.clock.now_ms() + 1)
    news = await issue_news(desk.book, incident, times)
    told = {one.kind: one.what for one in news}
    assert set(told) >= {"new error", "error is back", "more errors"}
    assert "Gone" in told["error is back"]
    assert "Grown" in told["more errors"]
    assert not any("Old" in one.what or "Away" in one.what for one in news)


async def test_errors_over_time_are_told_by_release_and_environment(
    desk: ErrorDesk, store: Store
) -> None:
    now = desk.clock.now_ms()
    for minutes, release, place in ((9, "1", "prod"), (9, "1", "test"), (2, "2", "prod")):
        when = (now - minutes * MINUTE) / 1000
        await desk.take(event(timestamp=when, release=release, environment=place))
    issue = (await desk.book.find(IssuesAsked())).issues[0]
    seen, of = Occurrences(store, desk.writer), await desk.book.numbers(issue.id)
    times = (now - 10 * MINUTE, now, MINUTE)
    assert {one: sum(row) for one, row in (await seen.over_time(of, times, "release")).items()} == {
        "1": 2,
        "2": 1,
    }
    assert sum((await seen.over_time(of, times, "environment"))["prod"]) == 2
    many = [event(kind="Many", release=f"r{number}") for number in range(60)]
    await desk.take(*many, event(kind="Many", release="r59"))
    of = await desk.book.numbers((await desk.book.find(IssuesAsked(words="Many"))).issues[0].id)
    found = await seen.over_time(of, (now - 10 * MINUTE, now + 2 * MINUTE, MINUTE), "release")
    assert (len(found), sum(found["r59"]), sum(found[OTHERS])) == (51, 2, 10)
    assert set(await seen.values("environment", times[0])) == {"prod", "test"}
    assert (await desk.book.find(IssuesAsked(words="environment:test"))).total == 1
    assert (await desk.book.find(replace(IssuesAsked(), words="environment:qa"))).total == 0
