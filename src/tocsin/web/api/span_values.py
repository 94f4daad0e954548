"""What type had an attribute that is kept as text? Its look tells; a text that looks like a number
is told as one."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"0|-?[1-9]\d{0,15}", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,14})\.\d{1,15}", re.ASCII)
_EXACT = 1 << 53
"""Beyond it a number is not the same in every program that reads JSON."""


def typed(text: str) -> str | bool | int | float:
    """A truth value, a number, or the text itself."""
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        number = int(text)
        return number if abs(number) < _EXACT else text
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
