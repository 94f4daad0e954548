"""The colours can be read, in both themes (WCAG 2.2, success criteria 1.4.3, 1.4.6 and 1.4.11)."""

from __future__ import annotations

import itertools
import re

import pytest

from tocsin.web.pages.assets import STATIC

TEXT = (STATIC / "css/tokens.css").read_text("utf-8")
_VALUE = re.compile(r"--([\w-]+):\s*([^;]+);")


def _block(selector: str) -> dict[str, str]:
    start = TEXT.index(f"{selector} {{")
    return dict(_VALUE.findall(TEXT[start : TEXT.index("}", start)]))


LIGHT = _block("\n:root")
THEMES = {"light": LIGHT, "dark": {**LIGHT, **_block(':root[data-theme="dark"]')}}


def _colour(theme: dict[str, str], name: str) -> tuple[float, float, float]:
    value = theme[name]
    while value.startswith("var("):
        value = theme[value[6:-1]]
    return tuple(int(value[at : at + 2], 16) / 255 for at in (1, 3, 5))  # type: ignore[return-value]  # three of them


def _luminance(colour: tuple[float, float, float]) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(theme: dict[str, str], front: str, back: str) -> float:
    """The ratio of WCAG: 1 (the same) to 21 (black on white)."""
    a, b = (_luminance(_colour(theme, name)) for name in (front, back))
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("back", ["bg", "surface", "raised", "sunken"])
def test_numbers_and_text_can_be_read(theme: str, back: str) -> None:
    assert contrast(THEMES[theme], "ink", back) >= 7
    assert contrast(THEMES[theme], "text", back) >= 7
    assert contrast(THEMES[theme], "dim", back) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", ["ok", "info", "warning", "critical", "unknown"])
def test_states_can_be_read_and_seen(theme: str, state: str) -> None:
    for back in (f"{state}-fill", "surface", "bg"):
        assert contrast(THEMES[theme], f"{state}-text", back) >= 4.5
    assert contrast(THEMES[theme], state, "surface") >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_neighbouring_series_differ_in_lightness(theme: str) -> None:
    lights = [_luminance(_colour(THEMES[theme], f"c{n}")) for n in range(1, 13)]
    for one, other in itertools.pairwise(lights):
        assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 1.2


def test_a_system_that_wishes_for_dark_gets_the_same_dark() -> None:
    assert _block(':root:not([data-theme="light"])') == _block(':root[data-theme="dark"]')
