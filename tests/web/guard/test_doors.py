"""Doors without login, headers of pages, and answers to nobody."""

from __future__ import annotations

import pytest

from tests.web.guard.callers import HTML, key
from tests.web.site import Site
from tocsin.state.tokens import Scope


@pytest.mark.parametrize("host", ["localhost:7777", "127.0.0.1:7777", "[::1]:7777", "a.localhost"])
async def test_with_login_off_everybody_here_may_do_everything(open_door: Site, host: str) -> None:
    browser = open_door.browser(host)
    for path in ("/read", "/ingest", "/browser", "/admin"):
        answer = await browser.post(path)
        assert answer.text.startswith("local local")
    assert (await browser.get("/login")).header("location") == "/"


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost.evil", "0.0.0.0"])
async def test_with_login_off_other_names_are_not_answered(open_door: Site, host: str) -> None:
    assert (await open_door.browser(host).get("/read")).status == 421


async def test_with_login_off_other_sites_can_still_not_change_anything(open_door: Site) -> None:
    browser = open_door.browser("127.0.0.1:7777")
    for headers in ({"origin": "https://evil.test"}, {"sec_fetch_site": "cross-site"}):
        assert (await browser.post("/admin", **headers)).status == 403
        assert (await browser.post("/ingest", **headers)).status == 403
    shop = await browser.post("/browser", origin="http://localhost:3000")
    assert shop.header("access-control-allow-origin") == "http://localhost:3000"


async def test_pages_carry_the_headers_that_protect_them(site: Site) -> None:
    browser, _ = await site.logged_in("bo", scheme="https")
    answer = await browser.get("/")
    assert "default-src 'none'" in answer.header("content-security-policy")
    assert "unsafe-inline" not in answer.header("content-security-policy")
    assert "frame-ancestors 'none'" in answer.header("content-security-policy")
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("referrer-policy") == "same-origin"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("strict-transport-security") == "max-age=31536000"


async def test_an_unknown_address_is_told_in_the_callers_form(site: Site) -> None:
    answer = await site.browser().get("/nowhere")
    assert answer.status == 404
    assert answer.json["error"] == "there is nothing at /nowhere"
    page = await site.browser().get("/<script>", accept=HTML)
    assert page.status == 404
    assert "&lt;script&gt;" in page.text


async def test_grpc_senders_are_known_by_their_metadata(site: Site) -> None:
    text, reader = await key(site, Scope.INGEST), await key(site, Scope.READ)
    who = site.authenticator
    assert await who.grpc_sender({"authorization": f"Bearer {text}"}) == "ci"
    assert await who.grpc_sender({"x-api-key": text}) == "ci"
    assert await who.grpc_sender({"authorization": f"Bearer {reader}"}) is None
    assert await who.grpc_sender({}) is None


async def test_health_answers_while_the_database_is_away(site: Site) -> None:
    text = await key(site, Scope.READ)
    async with site.database.transaction() as connection:
        await connection.exec_driver_sql("ALTER TABLE tokens RENAME TO gone")
    headers = {"authorization": f"Bearer {text}"}
    assert (await site.browser().get("/public", **headers)).status == 200
    answer = await site.browser().get("/read", **headers)
    assert (answer.status, answer.header("retry-after")) == (503, "5")


async def test_tocsin_may_read_its_own_metrics_and_nothing_more(site: Site) -> None:
    bearer = f"Bearer {site.authenticator.own_key.reveal()}"
    assert (await site.browser().get("/read", authorization=bearer)).text == "token itself "
    assert (await site.browser().post("/ingest", authorization=bearer)).status == 403
    assert (await site.browser().get("/admin", authorization=bearer)).status == 403
