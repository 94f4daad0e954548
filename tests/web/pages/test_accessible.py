"""Can people use the pages who see little or use no mouse? As axe and the keyboard tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.product import Product
from tests.web.pages.paths import PATHS
from tests.web.pages.visiting import visit

pytestmark = pytest.mark.browser

_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
AXE = Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"
_RULES = """
async () => (await axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
  resultTypes: ["violations"],
})).violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 160))])
"""


def _problems(page: Page) -> Any:  # Any: what axe answers
    page.evaluate(AXE.read_text("utf-8"))
    return page.evaluate(_RULES)


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_in_either_theme(chromium: Browser, product: Product, path: str) -> None:
    if not AXE.exists():
        pytest.skip("axe is not installed: npm ci --ignore-scripts")
    context = chromium.new_context(base_url=product.http, reduced_motion="reduce")
    page = context.new_page()
    visit(page, path)
    found = []
    for theme in _THEMES:
        page.emulate_media(color_scheme=theme)
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme
        found += [f"{theme} {rule}: {nodes}" for rule, nodes in _problems(page)]
    context.close()
    assert not found, "\n".join(found)


def test_the_first_step_of_the_keyboard_skips_to_the_page(page: Page) -> None:
    visit(page, "/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_focus_goes_through_the_page_in_the_order_of_reading(page: Page) -> None:
    visit(page, "/targets")
    tops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "() => { const at = document.activeElement; return at.closest('#main')"
            " ? at.getBoundingClientRect().top + scrollY : null; }"
        )
        if where is not None:
            tops.append(where)
    assert tops
    rows = [round(top / 40) for top in tops]
    assert rows == sorted(rows)


def test_whatever_has_the_focus_shows_it(page: Page) -> None:
    visit(page, "/explore")
    for _ in range(12):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            "() => { const at = document.activeElement; const style = getComputedStyle(at);"
            " return style.outlineStyle !== 'none' || at.matches('tc-promql, body'); }"
        )
        assert shown, page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


def test_a_chart_is_read_by_keyboard(page: Page) -> None:
    page.goto("/explore?a=up&from=now-5m")
    page.locator("tc-chart canvas").wait_for()
    plot = page.get_by_role("group", name=re.compile("up: "))
    plot.press("End")
    expect(page.locator("tc-chart .tip")).to_be_visible()
    last = page.locator("tc-chart .tip .when").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("tc-chart .tip .when")).not_to_have_text(last)
    page.keyboard.press("Escape")
    expect(page.locator("tc-chart .tip")).to_be_hidden()


def test_a_series_is_isolated_and_another_added_by_keyboard(page: Page) -> None:
    page.goto("/explore?a=scrape_duration_seconds or up&from=now-5m")
    rows = page.locator(".legend tbody tr")
    rows.nth(1).wait_for()
    rows.nth(0).press("Enter")
    expect(page.locator(".legend tr.off")).to_have_count(rows.count() - 1)
    rows.nth(1).press("Control+Enter")
    expect(page.locator(".legend tr.off")).to_have_count(rows.count() - 2)


def test_nothing_moves_for_those_who_want_it_still(chromium: Browser, product: Product) -> None:
    context = chromium.new_context(base_url=product.http, reduced_motion="reduce")
    page = context.new_page()
    visit(page, "/ui")
    moving = page.evaluate(
        "() => document.getAnimations().filter((one) => one.playState === 'running').length"
    )
    context.close()
    assert moving == 0
