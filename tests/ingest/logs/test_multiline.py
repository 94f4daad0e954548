"""What belongs together in a file stays one line."""

from __future__ import annotations

import pytest

from tocsin.ingest.logs.multiline import MOST_LINES, joined

TEXTS = {
    "a Python traceback": [
        "2026-05-04 13:00:00,250 ERROR shop: boom\nTraceback (most recent call last):\n"
        '  File "a.py", line 1, in <module>\n    pay()\nValueError: no',
        "2026-05-04 13:00:01,250 INFO shop: next",
    ],
    "a Python traceback with a cause": [
        "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'a'\n"
        "During handling of the above exception, another exception occurred:\n"
        'Traceback (most recent call last):\n  File "b.py", line 2\nshop.errors.Declined: no',
        "INFO:shop:next",
    ],
    "a Java stack trace": [
        "13:00:00.250 [main] ERROR c.s.Pay - boom\njava.lang.IllegalStateException: no\n"
        "\tat com.shop.Pay.charge(Pay.java:42)\n\t... 12 more\n"
        "Caused by: java.net.SocketTimeoutException: slow\n\tat a.B.c(B.java:1)",
        "13:00:01.250 [main] INFO c.s.Pay - next",
    ],
    "java.util.logging": [
        "May 04, 2026 1:00:00 PM com.shop.Pay charge\nSEVERE: declined",
        "May 04, 2026 1:00:01 PM com.shop.Pay charge\nINFO: next",
    ],
    "a Go panic": [
        "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n"
        "\t/app/main.go:5 +0x1d\nexit status 2".replace("\n\n", "\n"),
        "2026/05/04 13:00:01 next",
    ],
    "a JavaScript error": [
        "Error: boom\n    at pay (/app/pay.js:1:2)\n    at main (/app/main.js:3:4)",
        '{"level":"info","message":"next"}',
    ],
    "JSON before a Python traceback": [
        '{"level":"info","message":"before"}',
        'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no',
    ],
    "JSON behind a Go panic and a Python traceback": [
        "panic: no\n\ngoroutine 1 [running]:\nmain.main()".replace("\n\n", "\n"),
        '{"level":"info","message":"next"}',
        'Traceback (most recent call last):\n  File "a.py", line 1',
        '{"level":"info","message":"next"}',
    ],
    "single lines": ["one", "two", "three"],
}


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_lines_that_belong_together_stay_together(texts: list[str]) -> None:
    assert list(joined("\n".join(texts).split("\n"))) == texts


def test_what_never_ends_is_cut() -> None:
    found = list(joined(["head", *["  more"] * (MOST_LINES * 2)]))
    assert all(one.count("\n") < MOST_LINES for one in found)
    assert sum(one.count("\n") + 1 for one in found) == MOST_LINES * 2 + 1


def test_an_empty_line_between_lines_joins_nothing() -> None:
    assert list(joined(["one", "", "two"])) == ["one", "", "two"]
