"""How does whatever JSON a stranger sent become texts of bounded size?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.errortracking.secret_names import GONE, is_secret

_CUT = " …"
_DEEPEST = 6
_WIDEST = 100
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def text(value: Any, most: int = 8_192) -> str:  # Any: JSON of whoever sends
    """As one text: texts as they are, None empty, structures as JSON; cut at `most` characters."""
    if value is None:
        return ""
    if not isinstance(value, str):
        value = _json(value)
    value = value if len(value) <= most else value[: most - len(_CUT)] + _CUT
    if _CONTROL.search(value):
        value = _CONTROL.sub("\ufffd", value)
    return _SURROGATE.sub("\ufffd", value) if not value.isascii() else value


def _json(value: Any) -> str:  # Any: JSON of whoever sends
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of more than 128 bits"
    if isinstance(value, (int, float)):
        return str(value)
    return msgspec.json.encode(shallow(value)).decode("utf-8", "replace")


def shallow(value: Any, depth: int = 0) -> Any:  # Any: JSON of whoever sends
    """The same with no more than six levels of a hundred each, without what secrets' names say."""
    if depth >= _DEEPEST and isinstance(value, (dict, list)):
        return "…"
    if isinstance(value, dict):
        kept = list(value.items())[:_WIDEST]
        named = ((text(key, 200), each) for key, each in kept)
        return {
            name: GONE if each and is_secret(name) else shallow(each, depth + 1)
            for name, each in named
        }
    if isinstance(value, list):
        return [shallow(each, depth + 1) for each in value[:_WIDEST]]
    if isinstance(value, str):
        return text(value, 2_048)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63:
        return str(value) if value.bit_length() <= 128 else "…"
    return value


def texts(value: Any, *, most: int = 200, longest: int = 4_096) -> dict[str, str]:  # Any: as above
    """Names and texts of an object, or of a list of pairs; nothing for anything else."""
    if isinstance(value, list):
        pairs = [one for one in value[:most] if isinstance(one, list) and len(one) == 2]
        value = {text(one[0], 200): one[1] for one in pairs}
    if not isinstance(value, Mapping):
        return {}
    kept = list(value.items())[:most]
    return {text(key, 200): text(each, longest) for key, each in kept if each is not None}


def values(value: Any) -> list[dict[str, Any]]:  # Any: as above
    """The objects of `{"values": […]}`, of a list, or the one object itself."""
    if isinstance(value, dict):
        value = value.get("values", [value])
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def dictionary(value: Any) -> dict[str, Any]:  # Any: as above
    """The object, empty when it is none."""
    return value if isinstance(value, dict) else {}


def number(value: Any, most: int = 2**31) -> int:  # Any: as above
    """A whole number from 0 to `most`; 0 for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        value = int(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= most else 0
