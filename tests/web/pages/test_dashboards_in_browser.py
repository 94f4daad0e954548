"""Somebody makes a dashboard, fills it from queries and log views, and reads it on a phone."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product
from tests.web.pages.conftest import complaints_of
from tests.web.pages.test_accessible import AXE, _problems

pytestmark = pytest.mark.browser


def _call(product: Product, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{product.http}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def lines(product: Product) -> Product:
    """A till that says something now."""
    said = [{"level": "error", "service": "kiosk", "message": f"card {n}"} for n in range(5)]
    assert _call(product, "POST", "/api/logs", said)["success"]
    return product


def test_made_filled_saved_and_there_after_a_reload(product: Product, page: Page) -> None:
    page.goto("/dashboards")
    page.get_by_text("New dashboard").click()
    page.get_by_label("Title").fill("Kiosk")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="Add a panel").click()
    drawer = page.get_by_role("dialog", name="Add a panel")
    drawer.get_by_label("Title").first.fill("Samples a second")
    drawer.locator("tc-promql .cm-content").click()
    page.keyboard.type("sum(rate(tocsin_writer_samples_total[1m]))")
    drawer.get_by_label("Title").first.focus()  # what the editor offers is closed
    expect(drawer.locator(".dash-preview canvas")).to_be_visible()
    drawer.get_by_role("button", name="Add", exact=True).click()
    panel = page.get_by_role("region", name="Samples a second")
    expect(panel.locator("canvas")).to_be_visible()
    expect(page.get_by_text("not saved")).to_be_visible()

    panel.press("Shift+ArrowRight")
    panel.press("ArrowRight")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("What changes").fill("the first panel")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    expect(page).not_to_have_url(re.compile("edit=1"))
    page.reload()
    expect(page.get_by_role("region", name="Samples a second").locator("canvas")).to_be_visible()
    uid = page.url.split("/dashboards/")[1].split("?")[0]
    kept = _call(product, "GET", f"/api/dashboards/{uid}")["dashboard"]["panels"][0]
    assert (kept["x"], kept.get("w", 12)) == (1, 13)

    page.goto(f"/dashboards/{uid}/history")
    page.get_by_role("link", name="the first panel").click()
    expect(page.locator(".difference")).to_contain_text("+- id: 1")


def test_a_saved_log_view_is_a_panel_in_two_clicks(lines: Product, page: Page) -> None:
    made = {"uid": "two-clicks", "dashboard": {"title": "Two clicks"}}
    uid = _call(lines, "POST", "/api/dashboards", made)["uid"]
    page.goto("/logs?q=service:kiosk")
    page.locator(".views > summary").click()
    page.get_by_label("Name of the view").fill("Kiosk's lines")
    page.locator(".views").get_by_role("button", name="Save").click()
    page.goto("/logs")
    page.locator(".views > summary").click()
    page.get_by_role("link", name="Add the view Kiosk's lines to a dashboard").click()
    page.locator(".views").get_by_role("button", name="Two clicks").click()
    expect(page).to_have_url(re.compile(f"/dashboards/{uid}"))
    panel = page.get_by_role("region", name="Kiosk's lines")
    expect(panel.locator(".line")).to_have_count(5)
    panel.locator(".dash-menu summary").click()
    expect(panel.get_by_role("link", name="Open in Logs")).to_have_attribute(
        "href", re.compile(r"/logs\?q=service%3Akiosk")
    )
    expect(panel.get_by_role("link", name="Make an alert of this")).to_be_visible()


def test_a_query_of_explore_is_a_panel(product: Product, page: Page) -> None:
    page.goto("/explore?a=sum(up)&view=table")
    page.get_by_text("Add to dashboard").click()
    page.get_by_label("Title of a new dashboard").fill("From Explore")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="From Explore")).to_be_visible()
    panel = page.get_by_role("region", name="sum(up)")
    expect(panel.locator("td.num")).to_have_count(1)


def test_a_panel_that_fails_says_so_and_the_others_are_drawn(
    product: Product, chromium: Browser
) -> None:
    panels = [
        {"id": 1, "kind": "graph", "title": "Wrong", "queries": [{"expr": "rate(x["}]},
        {
            "id": 2,
            "kind": "graph",
            "title": "Far too much",
            "x": 12,
            "queries": [{"expr": '{__name__=~"tocsin_.*"}'}],
        },
        {"id": 3, "kind": "stat", "y": 8, "title": "$job", "queries": [{"expr": 'up{job="$job"}'}]},
        {"id": 4, "kind": "text", "y": 16, "text": "<b>x</b> **$job**"},
    ]
    variables = [{"name": "job", "options": ["apps", "tocsin"]}]
    board = {"title": "Mixed", "panels": panels, "variables": variables}
    _call(product, "POST", "/api/dashboards", {"uid": "mixed", "dashboard": board})
    context = chromium.new_context(
        base_url=product.http, viewport={"width": 390, "height": 844}, has_touch=True
    )
    page = context.new_page()
    complaints = complaints_of(page, product.http)
    page.goto("/dashboards/mixed")
    wrong = page.get_by_role("region", name="Wrong")
    expect(wrong.get_by_role("alert")).to_contain_text("The query is not understood.")
    many = page.get_by_role("region", name="Far too much")
    many.scroll_into_view_if_needed()
    expect(many.locator("canvas")).to_be_visible()
    expect(many).to_contain_text("50 largest are drawn")
    page.get_by_label("job", exact=True).select_option("tocsin")
    expect(page).to_have_url(re.compile("var-job=tocsin"))
    text = page.get_by_role("region", name="Text")
    text.scroll_into_view_if_needed()
    expect(text).to_contain_text("<b>x</b> tocsin")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.go_back()
    expect(text).to_contain_text("<b>x</b> apps")
    context.close()
    assert [one for one in complaints if "400 (Bad Request)" not in one] == []


def test_a_dashboard_of_grafana_is_imported_with_its_report(product: Product, page: Page) -> None:
    file = {
        "uid": "of-grafana",
        "title": "Of Grafana",
        "schemaVersion": 39,
        "panels": [
            {
                "id": 1,
                "type": "timeseries",
                "title": "Up",
                "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
                "targets": [{"refId": "A", "expr": "up"}],
                "transformations": [{"id": "organize"}],
            }
        ],
    }
    page.goto("/dashboards/import")
    page.get_by_label("Or paste it").fill(json.dumps(file))
    page.get_by_role("button", name="Read it").click()
    expect(
        page.get_by_role("row", name=re.compile("Up.*the transformation organize"))
    ).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("region", name="Up").locator("canvas")).to_be_visible()
    page.get_by_label("More", exact=True).click()
    page.get_by_role("button", name="Delete (can be undone)").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Of Grafana")).to_be_visible()
    expect(page.get_by_role("region", name="Up").locator("canvas")).to_be_visible()
    if AXE.exists():
        assert _problems(page) == []
