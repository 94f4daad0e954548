"""What people may with names, passwords and sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.guard.callers import HTML, basic
from tests.web.site import PASSWORD, Site, open_site
from tocsin.kit.clock import FakeClock


async def test_guessing_passwords_is_slowed_down(site: Site) -> None:
    for _ in range(10):
        await site.browser().get("/read", authorization=basic("bo", "wrong guess"))
    answer = await site.browser().get("/read", authorization=basic("bo", PASSWORD))
    assert answer.status == 429
    assert int(answer.header("retry-after")) > 100


async def test_a_one_time_password_opens_nothing_but_its_change(site: Site) -> None:
    once = await site.people.users.reset_password("bo")
    answer = await site.browser().get("/read", authorization=basic("bo", once.password))
    assert answer.status == 401
    browser = site.browser()
    answer = await browser.post("/login", {"name": "bo", "password": once.password})
    assert answer.header("location") == "/password"
    assert (await browser.get("/read", accept=HTML)).header("location") == "/password?next=%2Fread"
    assert (await browser.get("/read")).status == 403
    assert (await browser.get("/password")).status == 200


async def test_a_browser_is_sent_to_the_login_and_back(site: Site) -> None:
    answer = await site.browser().get("/read?a=1&b=2", accept=HTML)
    assert answer.status == 303
    assert answer.header("location") == "/login?next=%2Fread%3Fa%3D1%26b%3D2"
    part = await site.browser().get("/read", accept="text/html", hx_request="true")
    assert (part.status, part.header("hx-redirect")) == (401, "/login")
    script = await site.browser().get("/read", accept="*/*", sec_fetch_site="same-origin")
    assert (script.status, "Basic" in script.header("www-authenticate")) == (401, False)


async def test_a_session_needs_its_token_to_change_something(site: Site) -> None:
    browser, token = await site.logged_in("bo")
    assert (await browser.get("/read")).text == "session bo "
    assert (await browser.post("/read")).status == 403
    assert (await browser.post("/read", {"csrf": "wrong"})).status == 403
    assert (await browser.post("/read", {"csrf": ""})).status == 403
    assert (await browser.post("/read", x_csrf_token=token)).text == "session bo "
    by_form = await browser.post("/read", {"csrf": token, "x": "1"})
    assert by_form.text == f"session bo csrf={token}&x=1"


@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        pytest.param({"sec_fetch_site": "same-origin"}, True, id="the browser says: own site"),
        pytest.param({"sec_fetch_site": "cross-site"}, False, id="the browser says: another site"),
        pytest.param({"sec_fetch_site": "same-site"}, False, id="a neighbour is another site"),
        pytest.param({"origin": "http://tocsin.test"}, True, id="the own origin"),
        pytest.param({"origin": "http://evil.test"}, False, id="another origin"),
        pytest.param({"origin": "null"}, False, id="no origin to be known"),
        pytest.param({"origin": "http://[::1"}, False, id="a broken origin"),
        pytest.param({"origin": "http://tocsin.test.evil"}, False, id="a longer name"),
    ],
)
async def test_another_sites_page_cannot_use_the_session(
    site: Site, headers: dict[str, str], is_allowed: bool
) -> None:
    browser, token = await site.logged_in("bo")
    answer = await browser.post("/read", x_csrf_token=token, **headers)
    assert (answer.status == 200) is is_allowed
    with_password = await site.browser().post(
        "/read", authorization=basic("bo", PASSWORD), **headers
    )
    assert (with_password.status == 200) is is_allowed


async def test_a_large_form_is_not_looked_into(site: Site) -> None:
    browser, token = await site.logged_in("bo")
    answer = await browser.post("/read", {"x": "y" * (1 << 20), "csrf": token})
    assert answer.status == 413


async def test_the_proxys_address_counts_as_our_own(tmp_path: Path, clock: FakeClock) -> None:
    async with open_site(tmp_path, clock, external_url="https://t.example/") as site:
        browser, token = await site.logged_in("bo")
        answer = await browser.post("/read", x_csrf_token=token, origin="https://t.example")
        assert answer.status == 200
