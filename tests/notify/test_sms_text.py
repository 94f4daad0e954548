"""How long a text message may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.notify.sms_text import parts_of, shortened


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("", 1, id="nothing is still one part"),
        pytest.param("a" * 160, 1, id="160 characters are one"),
        pytest.param("a" * 161, 2, id="one more makes two of 153"),
        pytest.param("a" * 306, 2, id="306 fill two"),
        pytest.param("a" * 307, 3, id="307 need a third"),
        pytest.param("€" * 80, 1, id="the euro sign takes two places"),
        pytest.param("€" * 81, 2, id="81 of them do not fit into one"),
        pytest.param("a" + "€" * 152, 2, id="a pair of places is never torn"),
        pytest.param("ä" * 160, 1, id="umlauts are in the alphabet"),
        pytest.param("ж" * 70, 1, id="70 others are one part"),
        pytest.param("ж" * 71, 2, id="71 of them are two"),
        pytest.param("a" * 70 + "ж", 2, id="one other character makes all of them wide"),
        pytest.param("😀" * 35, 1, id="an emoji takes two places"),
        pytest.param("😀" * 36, 2, id="36 emojis are too many for one"),
    ],
)
def test_parts_are_counted_as_networks_do(text: str, parts: int) -> None:
    assert parts_of(text) == parts


def test_words_stay_whole_and_dots_say_that_there_is_more() -> None:
    text = "Disk of host-1 is almost full. " * 12
    cut = shortened(text, 1)
    assert len(cut) <= 160
    assert cut.endswith("...")
    assert text.startswith(cut.removesuffix("..."))
    assert text[len(cut) - 3] == " "


def test_a_wide_text_gets_the_one_character_for_dots() -> None:
    assert shortened("ж" * 100, 1) == "ж" * 69 + "…"


@given(st.text(max_size=700), st.integers(1, 4))
def test_what_is_left_fits_and_is_the_beginning(text: str, most: int) -> None:
    cut = shortened(text, most)
    assert parts_of(cut) <= most
    if cut != text:
        assert text.startswith(cut.removesuffix("...").removesuffix("…"))
