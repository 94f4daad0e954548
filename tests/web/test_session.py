from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.site import PASSWORD, Site, open_site
from tocsin.kit.clock import FakeClock
from tocsin.state.users import Role
from tocsin.web.session import safe_next


@pytest.fixture
async def site(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    async with open_site(tmp_path, clock) as site:
        yield site


async def test_logging_in_leads_where_the_person_wanted_to_go(site: Site) -> None:
    browser = site.browser()
    form = await browser.get("/login?next=%2Fread%3Fa%3D1")
    assert 'name="next" value="/read?a=1"' in form.text
    answer = await browser.post("/login", {"name": "Bo", "password": PASSWORD, "next": "/read?a=1"})
    assert (answer.status, answer.header("location")) == (303, "/read?a=1")
    assert (await browser.get("/read")).text == "session bo "
    assert (await browser.get("/login?next=/read")).header("location") == "/read"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    answer = await site.browser().post("/login", {"name": "bo", "password": PASSWORD})
    cookie = answer.header("set-cookie")
    assert cookie.startswith("tocsin_session=")
    for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=2592000"):
        assert part in cookie
    assert "Secure" not in cookie


async def test_over_tls_the_cookie_is_bound_to_it(site: Site) -> None:
    browser = site.browser(scheme="https")
    answer = await browser.post("/login", {"name": "bo", "password": PASSWORD})
    cookie = answer.header("set-cookie")
    assert cookie.startswith("__Host-tocsin_session=")
    assert "Secure" in cookie
    assert (await browser.get("/read")).status == 200


async def test_behind_a_tls_proxy_too(tmp_path: Path, clock: FakeClock) -> None:
    async with open_site(tmp_path, clock, external_url="https://t.example") as site:
        answer = await site.browser("t.example").post(
            "/login", {"name": "bo", "password": PASSWORD}
        )
        assert "Secure" in answer.header("set-cookie")


async def test_a_wrong_password_says_so_and_is_recorded(site: Site) -> None:
    answer = await site.browser().post("/login", {"name": "<bo>", "password": "wrong"})
    assert answer.status == 401
    assert "The name or the password is wrong." in answer.text
    assert 'value="&lt;bo&gt;"' in answer.text
    assert answer.header("set-cookie") == ""
    assert [entry.what for entry in await site.people.audit.latest()] == ["login_failed"]


async def test_guessing_is_slowed_down(site: Site) -> None:
    browser = site.browser()
    for _ in range(10):
        await browser.post("/login", {"name": "bo", "password": "wrong"})
    answer = await browser.post("/login", {"name": "bo", "password": PASSWORD})
    assert answer.status == 429
    assert "too many wrong passwords" in answer.text
    assert answer.header("retry-after") == "300"


async def test_another_site_cannot_log_somebody_in(site: Site) -> None:
    form = {"name": "bo", "password": PASSWORD}
    answer = await site.browser().post("/login", form, sec_fetch_site="cross-site")
    assert (answer.status, answer.header("set-cookie")) == (403, "")


async def test_logging_out_ends_the_session(site: Site) -> None:
    browser, token = await site.logged_in("bo")
    cookies = dict(browser.cookies)
    assert (await browser.post("/logout")).status == 403
    answer = await browser.post("/logout", {"csrf": token})
    assert answer.header("location") == "/login"
    assert browser.cookies == {}
    browser.cookies = cookies
    assert (await browser.get("/read")).status == 401


async def test_a_new_login_ends_the_old_session(site: Site) -> None:
    browser, _ = await site.logged_in("bo")
    old = dict(browser.cookies)
    await browser.post("/login", {"name": "bo", "password": PASSWORD})
    assert browser.cookies != old
    browser.cookies = old
    assert (await browser.get("/read")).status == 401


async def test_the_first_login_sets_a_lasting_password(site: Site) -> None:
    once = await site.people.users.reset_password("bo")
    browser = site.browser()
    answer = await browser.post("/login", {"name": "bo", "password": once.password})
    assert answer.header("location") == "/password"
    page = await browser.get("/password")
    assert "Set a password of your own" in page.text
    (secret,) = browser.cookies.values()
    session = await site.people.sessions.find(secret)
    assert session is not None
    new = "quite another password"
    form = {"csrf": session.csrf, "old": once.password, "new": new, "again": new}
    assert (await browser.post("/password", form)).header("location") == "/"
    assert (await browser.get("/read")).text == "session bo "
    assert await site.people.users.check("bo", new) is not None


@pytest.mark.parametrize(
    ("old", "new", "again", "problem"),
    [
        ("wrong", "quite another password", "quite another password", "The old password is wrong."),
        (PASSWORD, "short", "short", "The new password is shorter than 10 characters."),
        (PASSWORD, "quite another password", "different", "The two new passwords differ."),
    ],
)
async def test_a_password_that_cannot_be_set_says_why(
    site: Site, old: str, new: str, again: str, problem: str
) -> None:
    browser, token = await site.logged_in("bo")
    form = {"csrf": token, "old": old, "new": new, "again": again}
    answer = await browser.post("/password", form)
    assert answer.status == 400
    assert problem in answer.text


async def test_a_disabled_person_is_out_at_once(site: Site) -> None:
    await site.people.users.add("ann", PASSWORD, role=Role.ADMIN)
    browser, _ = await site.logged_in("bo")
    assert (await browser.get("/read")).status == 200
    (user,) = [u for u in await site.people.users.all() if u.name == "bo"]
    await site.people.users.disable(user.id)
    assert (await browser.get("/read")).status == 401


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/read?a=1#b", "/read?a=1#b"),
        ("", "/"),
        ("https://evil.test", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("/\t/evil.test", "/"),
        ("/a\\..\\b", "/"),
        ("javascript:alert(1)", "/"),
        ("/login?next=/login", "/"),
        ("/" + "a" * 3000, "/"),
    ],
)
def test_the_login_leads_to_no_other_site(target: str, leads_to: str) -> None:
    assert safe_next(target) == leads_to
