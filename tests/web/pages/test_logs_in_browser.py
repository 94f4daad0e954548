"""Somebody finds the line: search, context, live tail, patterns and what differs, in Chromium."""

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

SERVICE = "till"
OTHER = "desk"
FAILS = 'service:till "refused by the bank"'


def send(product: Product, lines: Sequence[dict[str, object]]) -> None:
    """As an application does."""
    body = "\n".join(json.dumps(line) for line in lines).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    request = urllib.request.Request(f"{product.http}/api/logs/lines", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["accepted"] == len(lines)


def said(at: float, message: str, level: str = "info", **fields: object) -> dict[str, object]:
    """One line."""
    line = {"timestamp": round(at * 1000), "level": level, "message": message, "service": SERVICE}
    return {**line, "host": "till-1", **fields}


@pytest.fixture(scope="module")
def now() -> float:
    """When the till's fifty minutes end, however long the tests take after that."""
    return time.time()


def the_last(minutes: int, now: float) -> str:
    """That stretch of the till's time, for an address."""
    return f"from={round((now - minutes * 60) * 1000)}&to={round(now * 1000)}"


@pytest.fixture(scope="module")
def told(product: Product, now: float) -> Product:
    """Fifty minutes of a till; in the last ten, cards of one region are refused."""
    lines = []
    for n in range(3_000):
        at = now - 3_000 + n
        lines.append(
            said(at, f"receipt {n} printed in {n % 40} ms", region="north", took_ms=n % 40)
        )
        if n >= 2_400 and n % 5 == 0:
            trace = f"{n:032x}"
            why = f"card {n} refused by the bank"
            lines.append(said(at, why, "error", region="south", trace_id=trace))
        if n % 10 == 0:
            lines.append(said(at, f"drawer {n} opened", "debug", service=OTHER))
    send(product, lines)
    return product


def test_a_search_finds_marks_and_opens_a_line_with_its_fields(told: Product, page: Page) -> None:
    visit(page, "/logs")
    page.get_by_label("Question").fill(FAILS)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", name="120 lines")).to_be_visible()
    first = page.locator(".line").first
    expect(first.locator("mark").first).to_have_text("refused by the bank")
    expect(first).to_contain_text("error")
    first.locator("summary").click()
    expect(first.locator("dl.fields")).to_contain_text("south")
    first.get_by_role("link", name="Exclude region south").click()
    expect(page.get_by_label("Question")).to_have_value(f"{FAILS} -region:south")
    expect(page.get_by_role("heading", name="No lines here")).to_be_visible()


def test_the_keyboard_walks_over_lines_and_opens_one(told: Product, page: Page) -> None:
    visit(page, f"/logs?q={FAILS}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".line > summary").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator(".line").first.locator("dl.fields")).to_be_visible()


def test_older_lines_come_while_one_scrolls_each_once(
    told: Product, page: Page, now: float
) -> None:
    visit(page, f"/logs?q=service:{SERVICE} printed&{the_last(51, now)}")

    def all_there() -> bool:
        page.keyboard.press("End")
        return page.locator(".lines .end").count() == 1

    eventually(all_there)  # one page of lines after another
    found = page.eval_on_selector_all(".line", "all => all.map((one) => one.dataset.line)")
    assert len(found) == len(set(found)) == 3_000


def test_context_shows_what_was_said_before_and_after(told: Product, page: Page) -> None:
    visit(page, f"/logs?q={FAILS}")
    page.locator(".line > summary").nth(5).click()
    page.get_by_role("link", name="Before and after").click()
    expect(page).to_have_url(re.compile(r"/logs/line/\d+-\d+-\d+$"))
    expect(page.locator(".chunk.here .msg")).to_contain_text("refused by the bank")
    expect(page.locator(".chunk.before .line")).to_have_count(20)
    expect(page.locator(".chunk.after .line").first).to_contain_text("receipt")
    page.get_by_role("link", name="Show more around it").click()
    expect(page.locator(".chunk.before .line")).to_have_count(100)


def test_a_live_tail_shows_a_line_at_once_pauses_and_catches_up(told: Product, page: Page) -> None:
    visit(page, f"/logs?q=service:{SERVICE} waves")
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("status").filter(has_text="since you began")).to_be_visible()
    send(told, [said(time.time(), "the sea waves hello", "warn")])
    line = page.locator(".chunk.live .line")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("the sea waves hello")
    line.locator("summary").click()
    expect(line.locator("dl.fields")).to_contain_text("till-1")
    expect(line.locator("a[href^='/logs/line/']").first).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    send(told, [said(time.time(), f"wave {n} waves back") for n in range(3)])
    expect(page.get_by_role("status").filter(has_text="3 new, held back")).to_be_visible()
    expect(line).to_have_count(1)
    page.get_by_role("button", name="Catch up").click()
    expect(line).to_have_count(4)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "false")


def test_the_histogram_zooms_by_dragging_and_by_keys(told: Product, page: Page) -> None:
    visit(page, f"/logs?q=service:{SERVICE}")
    plot = page.locator(".histogram .plot")
    box = plot.bounding_box()
    assert box is not None
    whole = page.locator(".histogram h2").inner_text()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d{13}&to=\d{13}"))
    expect(page.locator(".histogram h2")).not_to_have_text(whole)
    expect(page.locator("[data-lines][data-ready]")).to_be_attached()
    before = page.url
    page.locator(".histogram .plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(before)


def test_the_question_box_completes_fields_and_values(told: Product, page: Page) -> None:
    visit(page, "/logs")
    page.get_by_label("Question").press_sequentially("regi")
    page.get_by_role("option", name="region:").click()
    page.get_by_role("option", name="region:south").click()
    expect(page.get_by_label("Question")).to_have_value("region:south")


def test_a_view_is_saved_found_and_deleted(told: Product, page: Page) -> None:
    visit(page, f"/logs?q={FAILS}&cols=region")
    expect(page.locator(".line .col").first).to_have_text("region=south")
    views = page.locator(".views > summary")
    views.click()
    page.get_by_label("Name of the view").fill("Refused cards")
    page.get_by_role("button", name="Save", exact=True).click()
    visit(page, "/logs")
    views.click()
    page.get_by_role("link", name="Refused cards", exact=True).click()
    expect(page.get_by_label("Question")).to_have_value(FAILS)
    views.click()
    with page.expect_navigation():
        page.get_by_role("button", name="Delete the view Refused cards").click()
    expect(views).to_be_visible()
    expect(page.get_by_role("link", name="Refused cards", exact=True)).to_have_count(0)


def test_patterns_tell_what_is_new_and_one_is_muted(told: Product, page: Page, now: float) -> None:
    since = round((now - 15 * 60) * 1000)
    visit(page, f"/logs/patterns?q=service:{SERVICE} -waves&since={since}&{the_last(60, now)}")
    new = page.locator("#new")
    expect(new).to_contain_text("card <num> refused by the bank")
    expect(new.locator("tbody tr")).to_have_count(1)
    expect(page.locator("#all")).to_contain_text("receipt <num> printed in <num> ms")
    page.locator("#all").get_by_role("button", name="Mute receipt").click()
    expect(page.locator("#muted")).to_contain_text("receipt <num> printed")
    expect(page.locator("#all")).not_to_contain_text("receipt <num> printed")
    visit(page, f"/logs?q=service:{SERVICE} printed")
    expect(page.get_by_role("heading", name="No lines here")).to_be_visible()
    visit(page, "/logs/patterns")
    page.get_by_role("button", name="Show again").click()
    expect(page.locator("#muted")).to_have_count(0)


def test_comparing_tells_which_patterns_and_values_differ(
    told: Product, page: Page, now: float
) -> None:
    visit(page, f"/logs/compare?q=service:{SERVICE} -waves&{the_last(10, now)}")
    patterns, values = page.locator("#patterns"), page.locator("#values")
    expect(patterns.locator("tbody tr").first).to_contain_text("refused by the bank")
    expect(patterns.locator("tbody tr").first).to_contain_text(re.compile("new|×"))
    expect(values).to_contain_text("south")
    visit(page, f"/logs/compare?kind=question&q2=service:{OTHER}&q=service:{SERVICE}")
    expect(patterns).to_contain_text("drawer <num> opened")
    expect(patterns.get_by_text("gone")).to_be_visible()


def test_a_question_becomes_an_alert_in_two_clicks(told: Product, page: Page) -> None:
    visit(page, f"/logs?q={FAILS}")
    page.get_by_role("link", name="Make an alert").click()
    expect(page).to_have_url(re.compile("/rules/new"))
    expression = page.get_by_role("textbox", name="Expression")
    expect(expression).to_have_value(re.compile(r'logs\{q="service:till \\"refused by'))


def test_a_mistake_is_shown_with_its_place_and_the_page_stays(told: Product, page: Page) -> None:
    visit(page, "/logs?q=level:(error")
    expect(page.get_by_role("alert")).to_contain_text("a closing parenthesis is expected here")
    expect(page.get_by_label("Question")).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [f"/logs?q={FAILS}", "/logs?q=level:(error", "/logs/patterns", "/logs/compare?from=now-10m"],
)
def test_axe_finds_nothing_with_lines_there(
    chromium: Browser, told: Product, path: str, theme: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe is not installed: npm ci --ignore-scripts")
    context = chromium.new_context(base_url=told.http, reduced_motion="reduce")
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    visit(page, path)
    if page.locator(".line").count():
        page.locator(".line > summary").first.click()
        expect(page.locator(".line dl.fields")).to_be_visible()
    found = _problems(page)
    context.close()
    assert not found, "\n".join(f"{rule}: {nodes}" for rule, nodes in found)


@pytest.mark.parametrize("path", ["/logs", "/logs/patterns", "/logs/compare"])
def test_on_a_phone_nothing_is_wider_than_the_screen(
    chromium: Browser, told: Product, path: str
) -> None:
    context = chromium.new_context(base_url=told.http, viewport={"width": 390, "height": 844})
    page = context.new_page()
    visit(page, path)
    width = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert width == 390
