"""Whose request is it that a proxy hands on? What visitors write themselves does not count."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from tocsin.web.pages.status import _who


@pytest.mark.parametrize(
    ("peer", "lines", "who"),
    [
        pytest.param("8.8.8.8", ["198.51.100.1"], "8.8.8.8", id="nobody between"),
        pytest.param("10.0.0.2", ["198.51.100.1"], "198.51.100.1", id="a proxy"),
        pytest.param("10.0.0.2", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="it adds a word"),
        pytest.param("10.0.0.2", ["6.6.6.6", "198.51.100.1"], "198.51.100.1", id="it adds a line"),
        pytest.param("10.0.0.2", ["nonsense"], "10.0.0.2", id="no address"),
        pytest.param("", [], "", id="nothing is known"),
    ],
)
def test_a_visitor_is_known_by_what_the_last_proxy_noted(
    peer: str, lines: list[str], who: str
) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    client = (peer, 1) if peer else None
    assert _who(Request({"type": "http", "headers": headers, "client": client})) == who
