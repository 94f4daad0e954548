"""The pages in a real Chromium, against the real product: what only a browser can tell."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.web.pages.paths import PATHS
from tests.web.pages.visiting import scrape_now, visit
from tocsin.web.pages import filters

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_a_screen_and_a_phone_and_nothing_complains(page: Page, path: str) -> None:
    visit(page, path)
    expect(page.locator("h1")).to_have_count(1)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        _fits(page, width)


_TOO_WIDE = """width => [...document.querySelectorAll("main *")]
    .filter(one => one.getBoundingClientRect().right > width && !one.closest(".scroll, tc-table"))
    .map(one => one.outerHTML.slice(0, 200))"""


def _fits(page: Page, width: int) -> None:
    """Wait, as charts follow their frame a moment later; then say what sticks out."""
    try:
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
    except TimeoutError as error:
        sticks_out = page.evaluate(_TOO_WIDE, width)
        raise AssertionError(f"wider than {width} px: {sticks_out}") from error


def test_a_query_is_typed_completed_and_drawn(page: Page) -> None:
    page.goto("/explore?from=now-5m")
    editor = page.get_by_role("textbox", name="PromQL query")
    editor.wait_for()
    editor.press_sequentially("sum(scrape_dur")
    page.get_by_role("option", name="scrape_duration_seconds").first.click()
    editor.press("Control+Enter")
    page.locator("tc-chart canvas").wait_for()
    expect(page).to_have_url(re.compile(re.escape("a=sum%28scrape_duration_seconds%29")))


def test_a_wrong_query_says_where(page: Page) -> None:
    page.goto("/explore")
    page.get_by_role("textbox", name="PromQL query").wait_for()
    page.route(
        "**/api/v1/query_range*",
        lambda route: route.fulfill(
            status=200,
            content_type="application/json",
            body=json.dumps(
                {"status": "error", "errorType": "bad_data", "error": "1:5: parse error: x"}
            ),
        ),
    )
    page.get_by_role("textbox", name="PromQL query").press_sequentially("sum((up")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("1:5: parse error")


def test_the_palette_goes_to_a_page_and_finds_a_metric(page: Page) -> None:
    visit(page, "/")
    page.keyboard.press("Control+k")
    page.keyboard.type("scrape_duration")
    page.get_by_role("option", name="scrape_duration_seconds").first.click()
    page.wait_for_url("**/browse?metric=scrape_duration_seconds*")
    expect(page.get_by_role("heading", name="scrape_duration_seconds").first).to_be_visible()


def test_the_keyboard_goes_to_pages_and_moves_through_rows(page: Page) -> None:
    visit(page, "/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/targets*")
    page.locator("tc-table:defined tbody tr").first.wait_for()
    page.keyboard.press("j")
    expect(page.locator("tc-table tbody tr:focus")).to_have_count(1)


def test_a_target_is_scraped_at_once(page: Page) -> None:
    visit(page, "/targets")
    assert scrape_now(page) > 0


def test_a_drop_rule_is_made_and_taken_back(page: Page) -> None:
    visit(page, "/browse/cardinality")
    page.get_by_label("Selector of a new drop rule").fill('{__name__="not_there"}')
    page.get_by_role("button", name="Drop what this matches").click()
    page.get_by_role("button", name="Take it again").click()
    page.get_by_text('Takes {__name__="not_there"} again.').wait_for()
    page.get_by_role("button", name="Take it again").wait_for(state="detached")
    visit(page, "/browse/cardinality")
    expect(page.locator("main")).not_to_contain_text("not_there")


def test_the_time_range_is_one_for_the_product_and_goes_back(page: Page) -> None:
    visit(page, "/explore?a=up&from=now-5m")
    chart = page.locator("tc-chart .u-over")
    chart.wait_for()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 80, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=1*")
    expect(page.locator("a[data-go=t]")).to_have_attribute("href", re.compile("from=1"))
    page.go_back()
    page.wait_for_url("**from=now-5m*")


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Light or dark").first.click()
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", re.compile("^(light|dark)$"))
    chosen = html.get_attribute("data-theme") or ""
    page.goto("/targets")
    expect(html).to_have_attribute("data-theme", chosen)


UNITS = {
    "up": "",
    "process_resident_memory_bytes": "bytes",
    "sum(rate(node_network_receive_bytes_total[5m]))": "bytes/s",
    "rate(http_requests_total[5m])": "/s",
    "histogram_quantile(0.95, sum by (le) (rate(a_seconds_bucket[5m])))": "seconds",
    "sum by (le) (rate(a_seconds_bucket[5m]))": "/s",
    "rate(node_cpu_seconds_total[1m])": "",
    "scrape_duration_seconds": "seconds",
    "process_start_timestamp_seconds": "",
    "rate(a_bytes_total[1m]) / rate(b_total[1m])": "",
    'a_bytes{path="/x/y"}': "bytes",
    "count by (job) (a_bytes)": "",
    "cpu_usage_ratio": "ratio",
}


def test_a_query_tells_its_unit(page: Page) -> None:
    page.goto("/")
    found = page.evaluate(
        "async (all) => all.map((await import('/static/lib/format.js')).guessUnit)",
        list(UNITS),
    )
    assert dict(zip(UNITS, found, strict=True)) == UNITS


def test_scripts_write_numbers_as_the_server_does(page: Page) -> None:
    page.goto("/")
    numbers = [0, 0.0012, 0.5, 9.99, 12.34, 950, 999.6, 12_345, 4_560_000, 7.2e9, -1500]
    spans = [0, 0.00085, 0.012, 0.999, 3.2, 59.9, 61, 250, 7500, 90_000, 700_000]
    shares = [0, 0.0005, 0.5, 0.97, 0.99, 0.9998, 0.99999, 1]
    si, duration, percent = page.evaluate(
        "async ([a, b, c]) => { const f = await import('/static/lib/format.js');"
        " return [a.map(f.si), b.map(f.duration), c.map(f.percent)]; }",
        [numbers, spans, shares],
    )
    assert si == [filters.si(number) for number in numbers]
    assert duration == [filters.duration(span) for span in spans]
    assert percent == [filters.percent(share) for share in shares]


def test_ticks_of_an_axis_are_told_apart(page: Page) -> None:
    page.goto("/")
    axes = [[[0.9996, 0.9998, 1], "ratio"], [[0, 0.5, 1], "ratio"], [[1000.1, 1000.2], ""]]
    words = page.evaluate(
        "async (all) => { const f = await import('/static/lib/format.js');"
        " return all.map(([ticks, unit]) => f.tickWords(ticks, unit)); }",
        axes,
    )
    assert words == [
        ["99.96 %", "99.98 %", "100 %"],
        ["0 %", "50 %", "100 %"],
        ["1000.1", "1000.2"],
    ]
