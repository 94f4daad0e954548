"""What do queries say once their variables are values? The rules, as `lib/dash_words.js` has them.

`$name`, `${name}`, `${name:form}` and `[[name]]` name a variable. Forms are `regex`, `pipe`, `csv`,
`raw`, `text` and `quoted`; without one, several values become `(a|b)` with what means something to
regular expressions escaped. `$__interval`, `$__rate_interval` and `$__range` (and `_s`, `_ms`) are
known everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_NAMED = re.compile(
    r"\$\{(?P<braced>\w+)(?::(?P<form>\w+))?\}|\[\[(?P<old>\w+)\]\]|\$(?P<plain>[A-Za-z_]\w*)"
)
_MATCHER = re.compile(r"\w+(?:=~?|!=|!~)\".*\"")
BUILT_IN = {
    "__interval": "1m",
    "__interval_ms": "60000",
    "__rate_interval": "4m",
    "__rate_interval_ms": "240000",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
}
"""What is known everywhere, with values that any query can be read with."""


def named_in(text: str) -> set[str]:
    """The variables that a text names, those that are known everywhere too."""
    return {found["braced"] or found["old"] or found["plain"] for found in _NAMED.finditer(text)}


def filled(text: str, values: Mapping[str, Sequence[str]]) -> str:
    """The text with values in the places of names; names without values stay as they are."""

    def value_of(found: re.Match[str]) -> str:
        name = found["braced"] or found["old"] or found["plain"]
        if name in values:
            return formed(values[name], found["form"] or "")
        return BUILT_IN.get(name, found[0])

    return _NAMED.sub(value_of, text)


def formed(values: Sequence[str], form: str) -> str:
    """Values as a form writes them."""
    match form:
        case "raw" | "text" | "csv":
            return ",".join(values)
        case "pipe":
            return "|".join(values)
        case "quoted":
            return ",".join(f'"{value}"' for value in values)
        case _ if len(values) == 1 and form != "regex":
            return _within_quotes(values[0])
        case _:
            escaped = [value if value == ".*" else _escaped(value) for value in values]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _within_quotes(value: str) -> str:
    """As PromQL's quotes hold it; a whole matcher, such as `job="api"`, stays one."""
    if _MATCHER.fullmatch(value):
        return value
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _escaped(value: str) -> str:
    """For a regular expression within the quotes of PromQL, so each backslash stands twice."""
    return re.sub(r"[\\^$.*+?()\[\]{}|\"]", _sign, value)


def _sign(found: re.Match[str]) -> str:
    # A backslash is itself in a regular expression after another one, and each stands twice.
    return {"\\": "\\" * 4, '"': '\\"'}.get(found[0], f"\\\\{found[0]}")
