"""Which value has an option of a request? One of the kind that is wanted, or it is refused.

Elasticsearch reads numbers and booleans from texts too, and so do these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tocsin.query.elastic.faults import ElasticFault, illegal, parsing

Options = Mapping[str, Any]  # a part of a stranger's request, any JSON
_LONGEST = 18
_NAMES = {dict: "START_OBJECT", list: "START_ARRAY", type(None): "VALUE_NULL"}


def scalar(value: object, name: str) -> str:
    """A value's text. Raises ElasticFault for an object, a list and null."""
    if value is None or isinstance(value, dict | list):
        raise _wrong(name, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def text(options: Options, name: str, default: str = "") -> str:
    """A text; `default` where there is none, or null."""
    value = options.get(name)
    return default if value is None else scalar(value, name)


def whole(options: Options, name: str, default: int, *, least: int = 0) -> int:
    """A whole number of at least `least`."""
    given = options.get(name)
    if given is None:
        return default
    value = _finite(given, name)
    if value != int(value) or len(str(int(value))) > _LONGEST:
        raise illegal(f"[{name}] must be a whole number but was [{str(given)[:40]}]")
    if value < least:
        raise illegal(f"[{name}] must be at least {least} but was [{str(given)[:40]}]")
    return int(value)


def number(options: Options, name: str, default: float) -> float:
    """A finite number."""
    given = options.get(name)
    return default if given is None else _finite(given, name)


def flag(options: Options, name: str, *, default: bool = False) -> bool:
    """True or false."""
    given = options.get(name)
    if given is None:
        return default
    if isinstance(given, bool):
        return given
    if given not in ("true", "false"):
        raise illegal(
            f"Failed to parse value [{str(given)[:40]}] as only [true] or [false] are allowed."
        )
    return bool(given == "true")


def listed(options: Options, name: str) -> list[Any]:  # JSON of any kind
    """A list, empty where there is none."""
    given = options.get(name)
    if given is None:
        return []
    if not isinstance(given, list):
        raise _wrong(name, given)
    return given


def texts(options: Options, name: str) -> list[str]:
    """A list of texts, or one alone; empty where there is none."""
    given = options.get(name)
    if isinstance(given, str):
        return [given]
    return [scalar(one, name) for one in listed(options, name)]


def numbers(options: Options, name: str) -> list[float]:
    """A list of finite numbers, empty where there is none."""
    return [_finite(one, name) for one in listed(options, name)]


def inner(value: object, name: str) -> Mapping[str, Any]:  # JSON of any kind
    """An object."""
    if not isinstance(value, dict):
        raise _wrong(name, value)
    return value


def _finite(value: object, name: str) -> float:
    """A number; whole numbers stay exact as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong(name, value)
    try:
        found = int(value) if isinstance(value, int) else float(value)
        is_finite = math.isfinite(found)
    except (ValueError, OverflowError) as error:
        raise _no_number(name, value) from error
    if not is_finite:
        raise _no_number(name, value)
    return found


def _no_number(name: str, value: object) -> ElasticFault:
    return ElasticFault(
        "number_format_exception", f'[{name}]: for input string: "{str(value)[:40]}"'
    )


def _wrong(name: str, value: object) -> ElasticFault:
    kind = _NAMES.get(type(value), "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER")
    return parsing(f"[{name}] doesn't support values of type: {kind}")
