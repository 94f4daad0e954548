"""What is done to a request's head before the parser sees it."""

from __future__ import annotations

import pytest

from tocsin.web.request_head import readable


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        pytest.param(
            "GET /q?a=größe HTTP/1.1\r\n\r\n".encode(),
            b"GET /q?a=gr%C3%B6%C3%9Fe HTTP/1.1\r\n\r\n",
            id="letters of the URL are percent-encoded",
        ),
        pytest.param(
            b"POST /q HTTP/1.1\r\nX: \xff\r\n\r\n\xffupgrade: h2c\r\n\r\n",
            b"POST /q HTTP/1.1\r\nX: \xff\r\n\r\n\xffupgrade: h2c\r\n\r\n",
            id="other headers and the body stay as they are",
        ),
        pytest.param(
            b"GET /%C3?\xc3%20[24h]", b"GET /%C3?%C3%20[24h]", id="a line that was cut is encoded"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nupgrade:H2C\r\nB: c\r\n\r\n\r\nUpgrade: h2c\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n\r\nUpgrade: h2c\r\n",
            id="the offer of HTTP/2 is left out of the head",
        ),
        pytest.param(b"", b"", id="nothing stays nothing"),
    ],
)
def test_a_head_is_made_readable(sent: bytes, read: bytes) -> None:
    assert readable(sent) == read
