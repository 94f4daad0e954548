"""What stands in JSON that others wrote, where anything may be missing or of another kind?"""

from __future__ import annotations

import math
from collections.abc import Mapping

Table = Mapping[str, object]


def table(plain: Table, *path: str) -> Table:
    """The object at a path; empty when there is none."""
    found: object = plain
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def tables(plain: Table, key: str) -> list[Table]:
    """The objects of a list; what is none of them is left out."""
    found = plain.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def text(plain: Table, key: str, default: str = "") -> str:
    """A text, or a number as one."""
    found = plain.get(key)
    if isinstance(found, str):
        return found
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return f"{found:g}"
    return default


def texts(plain: Table, key: str) -> list[str]:
    """The texts of a list, or one text alone."""
    found = plain.get(key)
    if isinstance(found, str):
        return [found] if found else []
    return (
        [str(one) for one in found if isinstance(one, (str, int, float))]
        if isinstance(found, list)
        else []
    )


def number(plain: Table, key: str) -> float | None:
    """A number, or a text that is one; None when there is neither."""
    found = plain.get(key)
    if isinstance(found, bool) or not isinstance(found, (int, float, str)):
        return None
    try:
        value = float(found)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def whole(plain: Table, key: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds."""
    found = number(plain, key)
    return default if found is None else max(low, min(high, int(found)))
