from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.fault import Rejected
from tocsin.kit.signed_link import Expired, LinkMaker, SignedLink, new_key

KEY = bytes(range(32))
LINKS = LinkMaker(KEY, "https://tocsin.example/")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_link_comes_back_as_it_was_made() -> None:
    url = LINKS.make("acknowledge", "abc", "a@example.com", 2_000)
    start = "https://tocsin.example/answer/"
    assert url.startswith(start)
    link = LINKS.read(url.removeprefix(start), 1_999.0)
    assert link == SignedLink("acknowledge", "abc", "a@example.com", 2_000)


def test_an_old_link_is_told_from_a_forged_one() -> None:
    token = LINKS.token("acknowledge", "abc", "a@example.com", 2_000)
    with pytest.raises(Expired):
        LINKS.read(token, 2_000.0)


def test_a_link_of_another_key_is_none() -> None:
    other = LinkMaker(bytes.fromhex(new_key()), "https://tocsin.example")
    with pytest.raises(Rejected, match="not one that Tocsin made"):
        LINKS.read(other.token("acknowledge", "abc", "a@example.com", 2_000), 1.0)


@given(st.data())
def test_no_changed_character_leaves_a_link_valid(data: st.DataObject) -> None:
    token = LINKS.token("silence", "f" * 64, "a@example.com", 2_000)
    at = data.draw(st.integers(0, len(token) - 1))
    char = data.draw(st.sampled_from(ALPHABET).filter(lambda c: c != token[at]))
    with pytest.raises(Rejected):
        LINKS.read(token[:at] + char + token[at + 1 :], 1.0)


@pytest.mark.parametrize("token", ["", "A", "AAAA", "=", "ä", "a b", "A" * 5000, "../../x"])
def test_what_is_no_token_is_refused_in_words(token: str) -> None:
    with pytest.raises(Rejected, match="not one that Tocsin made"):
        LINKS.read(token, 1.0)


def test_a_short_key_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LinkMaker(b"short", "")
