"""Which pages of other sites may send with a public key."""

from __future__ import annotations

from tests.web.browser import Answer
from tests.web.guard.callers import key
from tests.web.site import Site
from tocsin.state.tokens import Scope

SHOP = "https://shop.example"


async def cors(site: Site, origin: str, *, text: str = "") -> tuple[Answer, Answer]:
    browser = site.browser()
    headers = {
        "origin": origin,
        "access_control_request_method": "POST",
        "access_control_request_headers": "content-type, x-api-key",
    }
    asked = await browser.send("OPTIONS", "/browser", headers=headers)
    sent = await browser.post(f"/browser?key={text}", origin=origin)
    return asked, sent


async def test_a_page_of_an_allowed_origin_may_send(site: Site) -> None:
    text = await key(site, Scope.INGEST, origins=(SHOP,))
    asked, sent = await cors(site, SHOP, text=text)
    assert (asked.status, sent.status) == (204, 200)
    for answer in (asked, sent):
        assert answer.header("access-control-allow-origin") == SHOP
        assert answer.header("vary") == "Origin"
    assert asked.header("access-control-allow-methods") == "POST"
    assert asked.header("access-control-allow-headers") == "content-type, x-api-key"
    assert sent.text == "browser-key ci "


async def test_a_page_of_another_origin_may_not(site: Site) -> None:
    text = await key(site, Scope.INGEST, origins=(SHOP,))
    asked, sent = await cors(site, "https://evil.example", text=text)
    assert asked.header("access-control-allow-origin") == ""
    assert sent.header("access-control-allow-origin") == ""
    assert sent.status == 401
    assert "the origin https://evil.example is not allowed" in sent.json["error"]


async def test_a_public_key_opens_no_other_address(site: Site) -> None:
    text = await key(site, Scope.INGEST, origins=(SHOP,))
    for origin in (SHOP, ""):
        answer = await site.browser().post(f"/ingest?key={text}", origin=origin)
        assert answer.status in (401, 403)
    elsewhere = await site.browser().send("OPTIONS", "/ingest", headers={"origin": SHOP})
    assert elsewhere.status == 405


async def test_a_refusal_can_be_read_by_the_allowed_page(site: Site) -> None:
    await key(site, Scope.INGEST, origins=("https://*.example",))
    _, sent = await cors(site, SHOP, text="tocpub_wrong")
    assert (sent.status, sent.header("access-control-allow-origin")) == (401, SHOP)
