"""From the list to the span, to what was said meanwhile, and back, in Chromium."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Sequence

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product
from tests.waiting import eventually
from tests.web.pages.test_accessible import AXE, _problems
from tests.web.pages.visiting import visit

pytestmark = pytest.mark.browser

TRACE, BIG = "ab" * 16, "cd" * 16
MS = 1_000_000


def span(
    of: str, number: int, name: str, begin_ns: int, took_ms: int, up: int = 0, **more: object
) -> dict[str, object]:
    """A span as an SDK sends it."""
    return {
        "traceId": of,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{up:016x}" if up else "",
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(begin_ns),
        "endTimeUnixNano": str(begin_ns + took_ms * MS),
        **more,
    }


def post(product: Product, path: str, body: object) -> None:
    request = urllib.request.Request(
        product.http + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def send(product: Product, service: str, spans: Sequence[dict[str, object]]) -> None:
    name = {"key": "service.name", "value": {"stringValue": service}}
    resource = {"attributes": [name]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}
    post(product, "/v1/traces", body)


@pytest.fixture(scope="module")
def traced(product: Product) -> Product:
    """A failed order over two services, with a line of its log; and a trace of 5,000 spans."""
    began = (time.time_ns() // 10**9 - 60) * 10**9
    failed = {"status": {"code": 2, "message": "statement timeout"}}
    table = [{"key": "db.sql.table", "value": {"stringValue": "orders"}}]
    send(
        product,
        "front",
        [
            span(TRACE, 1, "GET /order", began, 500),
            span(TRACE, 2, "POST", began + 10 * MS, 470, 1),
        ],
    )
    send(
        product,
        "orders",
        [
            span(TRACE, 3, "POST /orders", began + 20 * MS, 450, 2),
            span(TRACE, 4, "INSERT", began + 30 * MS, 400, 3, attributes=table, **failed),
        ],
    )
    many = [span(BIG, 1, "batch", began, 5_000)]
    many += [span(BIG, n, f"item {n}", began + n * MS, 1, 1) for n in range(2, 5_001)]
    send(product, "batch", many)
    line = {
        "message": "order 77 could not be written",
        "level": "error",
        "service": "orders",
        "trace_id": TRACE,
        "span_id": f"{4:016x}",
        "timestamp": began // MS + 40,
    }
    post(product, "/api/logs/lines", line)

    def is_there() -> bool:
        with urllib.request.urlopen(f"{product.http}/api/traces/{BIG}", timeout=30) as answer:
            return bool(json.load(answer)["spans_total"] == 5_000)

    eventually(is_there)
    return product


def test_from_the_list_to_the_span_to_its_lines_and_back(page: Page, traced: Product) -> None:
    visit(page, "/traces?q=db.sql.table:orders")
    row = page.locator("#traces tbody tr").filter(has_text="GET /order")
    expect(row).to_contain_text("INSERT 400 ms")
    row.get_by_role("link").first.click()
    page.wait_for_url(re.compile(f"/traces/{TRACE}"))
    expect(page.locator(".cause")).to_contain_text("statement timeout")
    panel = page.locator("[data-detail]")
    expect(panel).to_contain_text("db.sql.table")
    rows = page.get_by_role("row")
    page.locator("tc-trace.live").wait_for()
    expect(rows).to_have_count(4)
    expect(page.locator(".wf-row.active")).to_contain_text("INSERT")
    page.keyboard.press("k")
    expect(panel).to_contain_text("POST /orders")
    expect(page).to_have_url(re.compile(f"span={3:016x}"))
    page.keyboard.press("ArrowLeft")
    expect(rows).to_have_count(3)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("j")
    expect(panel.get_by_role("link", name="order 77 could not be written")).to_be_visible()
    logs = page.locator("[data-logs]")
    expect(logs).to_contain_text("order 77 could not be written")
    logs.get_by_role("link", name="Open in Logs").click()
    expect(page.locator(".lines")).to_contain_text("order 77 could not be written")
    page.go_back()
    expect(page.locator(".wf-row.active")).to_contain_text("INSERT")
    page.locator("[data-back]").click()
    page.wait_for_url(re.compile(r"/traces\?"))


def test_thousands_of_spans_are_walked_and_searched_without_drawing_all(
    page: Page, traced: Product
) -> None:
    visit(page, f"/traces/{BIG}")
    page.locator("tc-trace.live").wait_for()
    grid = page.get_by_role("treegrid")
    expect(grid).to_have_attribute("aria-rowcount", "5000")
    assert page.get_by_role("row").count() < 120
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator(".wf-row.active")).to_contain_text("item 5000")
    page.get_by_label("Find a span").fill('name:"item 2500"')
    expect(page.locator("[data-count]")).to_have_text("1 of 5000")
    page.keyboard.press("Enter")
    expect(page.locator(".wf-row.active")).to_contain_text("item 2500")
    expect(page.locator("[data-detail]")).to_contain_text("item 2500")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Critical path").click()
    expect(grid).not_to_have_attribute("aria-rowcount", "5000")


def test_the_palette_opens_a_trace_by_its_id(page: Page, traced: Product) -> None:
    visit(page, "/")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search or run a command").fill(TRACE)
    expect(page.get_by_role("option", name=TRACE)).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/traces/{TRACE}"))


def test_services_are_drawn_and_lead_to_their_operations(page: Page, traced: Product) -> None:
    visit(page, "/traces/services")
    page.get_by_role("link", name=re.compile(r"^orders\s*0\.")).click()
    expect(page.locator("#operations")).to_contain_text("POST /orders")
    page.get_by_role("link", name="POST /orders").click()
    expect(page.locator("#traces")).to_contain_text("GET /order")


def test_axe_finds_nothing_where_there_are_traces(chromium: Browser, traced: Product) -> None:
    if not AXE.exists():
        pytest.skip("axe is not installed: npm ci --ignore-scripts")
    context = chromium.new_context(base_url=traced.http, reduced_motion="reduce")
    page = context.new_page()
    for path in ("/traces", f"/traces/{TRACE}", "/traces/services?service=orders"):
        visit(page, path)
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            found = _problems(page)
            assert not found, f"{path} {theme}\n" + "\n".join(f"{r}: {n}" for r, n in found)
    context.close()
