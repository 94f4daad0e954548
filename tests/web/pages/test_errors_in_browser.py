"""An error becomes an issue that somebody resolves in a browser, and that comes back."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.product import Product
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.browser]

HOSTILE = """<img src=x onerror='window.broken=1'><script>alert(1)</script>"""


def _event(kind: str, value: str, **more: Any) -> dict[str, Any]:  # Any: as SDKs send it
    frame = {
        "filename": "shop/pay.py",
        "function": f"charge_{kind}",
        "module": "shop.pay",
        "lineno": 41,
        "in_app": True,
        "pre_context": ["def charge(card):"],
        "context_line": "    raise Declined(card)",
        "post_context": [""],
        "vars": {"card": HOSTILE, "password": "hunter2"},
    }
    library = {"filename": "aiohttp/web.py", "function": "handle", "lineno": 7, "in_app": False}
    return {
        "event_id": secrets.token_hex(16),
        "timestamp": time.time(),
        "platform": "python",
        "level": "error",
        "release": "shop@1.0.0",
        "environment": "production",
        "user": {"id": "u-1"},
        "tags": {"plan": "pro"},
        "breadcrumbs": [{"timestamp": time.time() - 2, "category": "http", "message": HOSTILE}],
        "exception": {
            "values": [
                {"type": kind, "value": value, "stacktrace": {"frames": [library, library, frame]}}
            ]
        },
        **more,
    }


def _send(product: Product, event: dict[str, Any]) -> None:  # Any: as SDKs send it
    headers = {
        "Content-Type": "application/json",
        "X-Sentry-Auth": "Sentry sentry_version=7, sentry_key=none",
    }
    body = json.dumps(event).encode()
    answer = eventually(lambda: _taken(product, body, headers))
    assert answer == event["event_id"]


def _taken(product: Product, body: bytes, headers: dict[str, str]) -> str:
    answer = product.client.send("POST", "/api/1/store/", body, headers)
    return str(answer.json["id"]) if answer.status == 200 else ""


def _listed(page: Page, title: str, path: str = "/errors") -> None:
    """Look at the list until it has that issue."""

    def seen() -> bool:
        page.goto(path)
        return page.locator(".issue-row", has_text=title).count() > 0

    eventually(seen)


def test_an_error_is_seen_resolved_and_seen_again_when_it_comes_back(
    page: Page, product: Product
) -> None:
    _send(product, _event("CardDeclined", f"of ana {HOSTILE}"))
    _listed(page, "CardDeclined")
    row = page.locator(".issue-row", has_text="CardDeclined")
    expect(row.locator(".badge", has_text="New")).to_be_visible()
    row.locator("[data-open]").click()
    expect(page.locator(".issue-title")).to_contain_text("CardDeclined: of ana <img")
    expect(page.locator(".call.ours .src.here")).to_contain_text("raise Declined(card)")
    expect(page.locator(".vars")).to_contain_text("onerror")
    expect(page.locator("main")).not_to_contain_text("hunter2")
    expect(page.locator(".library summary")).to_contain_text("2 calls of libraries")
    expect(page.locator(".library .call").first).to_be_hidden()
    assert page.evaluate("window.broken") is None
    page.get_by_label("Comment").fill("The bank is **down**")
    page.get_by_label("Comment").press("Control+Enter")
    expect(page.locator("#history strong")).to_have_text("down")
    page.get_by_role("button", name="I take it").click()
    expect(page.get_by_label("Assignee")).to_have_value("local")
    page.get_by_role("button", name="Resolve", exact=True).click()
    expect(page.locator(".issue-head .badge", has_text="Resolved")).to_be_visible()
    address = page.url.partition("?")[0]
    _send(product, _event("CardDeclined", f"of ana {HOSTILE}"))

    def is_back() -> bool:
        page.goto(address)
        return page.locator(".issue-head .badge", has_text="Regressed").count() > 0

    eventually(is_back)
    expect(page.locator(".facts")).to_contain_text("Came back")
    expect(page.locator("#history")).to_contain_text("It is back in shop@1.0.0")
    _listed(page, "CardDeclined", "/errors?state=regressed")


def test_rows_are_walked_and_resolved_by_keyboard_and_merged_by_choice(
    page: Page, product: Product
) -> None:
    for kind in ("KeyLost", "CartEmpty", "CartGone"):
        _send(product, _event(kind, "for the keyboard"))
        _listed(page, kind, "/errors?q=keyboard")
    expect(page.locator(".issue-row")).to_have_count(3)
    page.keyboard.press("j")
    expect(page.locator(".issue-row:focus")).to_contain_text("CartGone")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".issue-row:focus")).to_contain_text("KeyLost")
    page.keyboard.press("e")
    expect(page.locator(".issue-row", has_text="KeyLost")).to_have_count(0)
    for kind in ("CartEmpty", "CartGone"):
        page.get_by_label(re.compile(f"Choose {kind}")).check()
    expect(page.locator("[data-count]")).to_have_text("2 chosen:")
    page.get_by_role("button", name="Merge").click()
    expect(page.locator(".issue-row")).to_have_count(1)
    page.locator(".issue-row [data-open]").click()
    expect(page.locator("#prints")).to_contain_text("2 fingerprints")
    page.get_by_label("More").first.click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for ever").click()
    expect(page).to_have_url(re.compile("/errors$"))


def test_what_somebody_else_did_meanwhile_is_said_and_not_overwritten(
    page: Page, product: Product
) -> None:
    _send(product, _event("Raced", "by two people"))
    _listed(page, "Raced", "/errors?q=Raced")
    page.locator(".issue-row [data-open]").click()
    browser = page.context.browser
    assert browser is not None
    # A page of its own: that its request is refused is a complaint of the console's.
    with browser.new_context(base_url=product.http) as other:
        late = other.new_page()
        late.goto(page.url)
        late.locator("tc-errors:defined").wait_for()
        late.evaluate("clearInterval(document.querySelector('tc-errors').timer)")
        page.locator("summary", has_text="Ignore").click()
        page.get_by_role("button", name="Until 100 more events").click()
        expect(page.locator(".issue-head .badge", has_text="Ignored")).to_be_visible()
        with late.expect_response(lambda answer: answer.status == 409):
            late.get_by_role("button", name="Resolve", exact=True).click()
        expect(late.locator(".toast")).to_contain_text("local was first")
        expect(late.locator(".issue-head .badge", has_text="Ignored")).to_be_visible()


def test_the_list_and_an_issue_fit_a_phone_and_a_line_without_issue_says_so(
    page: Page, product: Product
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    _send(product, _event("Narrow" * 12, "long " * 80, transaction="x" * 300))
    _listed(page, "Narrow", "/errors?q=Narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".issue-row [data-open]").click()
    expect(page.locator(".issue-title")).to_contain_text("Narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    answer = product.client.send("GET", "/errors?line=nothing", headers={"Accept": "text/html"})
    assert answer.status == 404
    assert "No issue is known for this line" in answer.text
