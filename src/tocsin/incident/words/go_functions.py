"""What may a Go template call? Go's own functions, none of which fills memory.

Each makes at most 100,000 characters: templates call one with what another one made, so what only
doubled a text would come to terabytes. https://pkg.go.dev/text/template#hdr-Functions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import pairwise
from urllib.parse import quote_plus

from gotpl.runtime.gofmt import sprintf

from tocsin.kit.fault import Rejected

_LARGEST = 100_000
_WIDEST = 10_000
_DIRECTIVE = re.compile(r"%[-+# 0]*([\d.\[\]*]*)")
_NUMBER = re.compile(r"\d+")
_HTML = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
)
_JS = str.maketrans(
    {code: f"\\u{code:04X}" for code in (*range(32), *map(ord, "<>&="))}
    | {ord(char): f"\\{char}" for char in "\\'\""}
)


def _bounded(inner: Callable[..., str]) -> Callable[..., str]:
    """The function; raises Rejected for more than fits."""

    @wraps(inner)
    def held(*given: object) -> str:
        _check(sum(len(one) for one in given if isinstance(one, str)))
        made = inner(*given)
        _check(len(made))
        return made

    return held


def _check(size: int) -> None:
    if size > _LARGEST:
        raise Rejected(f"the text grows beyond {_LARGEST:,} characters")


def _print(*given: object) -> str:
    """Blanks stand between two operands of which neither is a text."""
    parts = [_shown(one) for one in given[:1]]
    for before, one in pairwise(given):
        between = "" if isinstance(before, str) or isinstance(one, str) else " "
        parts.append(f"{between}{_shown(one)}")
    return "".join(parts)


def _printf(text: str, *given: object) -> str:
    """A width beyond 10,000 is refused: blanks fill memory too."""
    numbers = _NUMBER.findall(" ".join(_DIRECTIVE.findall(text.replace("%%", ""))))
    is_wide = any(len(one) > 5 or int(one) > _WIDEST for one in numbers)
    if "*" in text:
        is_wide = is_wide or any(isinstance(one, int) and abs(one) > _WIDEST for one in given)
    if is_wide:
        raise Rejected(f"printf: a width or precision of more than {_WIDEST:,}")
    _check(text.count("%") * max((len(str(one)) for one in given), default=0))
    return str(sprintf(text, *given))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else str(sprintf("%v", value))


def _join(between: str, values: list[str]) -> str:
    _check(sum(map(len, values)) + len(between) * len(values))
    return between.join(values)


FUNCTIONS: Mapping[str, Callable[..., str]] = {
    "print": _bounded(_print),
    "println": _bounded(lambda *given: " ".join(map(_shown, given)) + "\n"),
    "printf": _bounded(_printf),
    "html": _bounded(lambda *given: _print(*given).translate(_HTML)),
    "js": _bounded(lambda *given: _print(*given).translate(_JS)),
    "urlquery": _bounded(lambda *given: quote_plus(_print(*given))),
    "toUpper": _bounded(lambda text: str(text).upper()),
    "toLower": _bounded(lambda text: str(text).lower()),
    "join": _bounded(_join),
}
