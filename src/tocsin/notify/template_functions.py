"""Which functions may a notification's template use? Alertmanager's.

https://prometheus.io/docs/alerting/latest/notifications/#functions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_plus

import gotpl

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected
from tocsin.kit.go_time import GoTime, duration_words
from tocsin.kit.regex import compile_pattern

_WORD = re.compile(r"(^|[^\w'])(\w)", re.UNICODE)
_GROUP = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")


class GoDuration:
    """A length of time as templates print it; `humanizeDuration` takes it too."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def Seconds(self) -> float:  # noqa: N802 - the name in templates
        """As a number."""
        return self.seconds

    def __str__(self) -> str:
        return duration_words(self.seconds)

    def __go_format_value__(self, kind: str, mode: str, *, nested: bool) -> str:
        """As `{{ since .StartsAt }}` prints it."""
        return "time.Duration" if kind == "type" else str(self)


def functions(clock: Clock) -> Mapping[str, Callable[..., object]]:
    """The functions by name; `clock` tells what `since` counts to."""

    def since(moment: GoTime) -> GoDuration:
        ms = -62_135_596_800_000 if moment.ms is None else moment.ms
        return GoDuration((clock.now_ms() - ms) / 1000)

    return {
        "toUpper": str.upper,
        "toLower": str.lower,
        "title": _title,
        "trimSpace": str.strip,
        "join": _join,
        "match": _match,
        "safeHtml": gotpl.HTML,
        "safeUrl": gotpl.URL,
        "urlUnescape": unquote_plus,
        "reReplaceAll": re_replace_all,
        "stringSlice": _string_slice,
        "date": _date,
        "tz": _tz,
        "since": since,
        "humanizeDuration": humanize_duration,
        "toJson": _to_json,
        "list": _string_slice,
        "append": _append,
        "dict": _dict,
    }


def re_replace_all(pattern: str, replacement: str, text: str) -> str:
    """Every match replaced; `$1` and `${name}` stand for what a group matched, as in Go."""
    compiled = compile_pattern(pattern)
    parts, at, last = [], 0, -1
    while at <= len(text):
        # The position is given as a slice's start would lose `^`; Go counts it only at the start.
        match = _search(compiled, text, at)
        if match is None:
            break
        start, end, groups, named = match
        if end == start and start == last:
            if at >= len(text):
                break
            parts.append(text[at])
            at += 1
            last = -1
            continue
        parts.append(text[at:start])
        parts.append(_GROUP.sub(lambda m, g=groups, n=named: _expanded(m, g, n), replacement))  # type: ignore[misc]  # the defaults bind the loop's values
        at, last = end, end
        if end == start:
            if at < len(text):
                parts.append(text[at])
            at += 1
            last = -1
    parts.append(text[at:])
    return "".join(parts)


_Found = tuple[int, int, tuple[str | None, ...], dict[str, str | None]]


def _search(pattern: object, text: str, at: int) -> _Found | None:
    match = pattern.search(text, at)  # type: ignore[attr-defined]  # RE2's search takes a start
    if match is None:
        return None
    return match.start(), match.end(), (match.group(0), *match.groups()), match.groupdict()


def _expanded(
    match: re.Match[str], groups: tuple[str | None, ...], named: dict[str, str | None]
) -> str:
    if match[0] == "$$":
        return "$"
    name = match[1] or match[2]
    if name.isdigit():
        return (groups[int(name)] or "") if int(name) < len(groups) else ""
    return named.get(name) or ""


def humanize_duration(value: object) -> str:
    """`3d 4h 5m 6s`, `1.5ms`: seconds, or a duration, as people say them."""
    seconds = _seconds(value)
    if math.isnan(seconds) or math.isinf(seconds):
        return "NaN" if math.isnan(seconds) else ("+Inf" if seconds > 0 else "-Inf")
    if seconds == 0:
        return "0s"
    if abs(seconds) >= 1:
        return _long(seconds)
    for prefix in ("m", "u", "n", "p", "f", "a", "z", "y"):
        seconds *= 1000
        if abs(seconds) >= 1:
            return f"{seconds:.4g}{prefix}s"
    return f"{seconds:.4g}ys"


def _seconds(value: object) -> float:
    if isinstance(value, GoDuration):
        return value.seconds
    try:
        return float(value)  # type: ignore[arg-type]  # what is no number raises, and is told
    except (TypeError, ValueError) as error:
        raise Rejected(f"humanizeDuration: {value!r} is not a number") from error


def _long(seconds: float) -> str:
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    whole = int(rest)
    days, hours, minutes, left = (
        whole // 86_400,
        whole // 3600 % 24,
        whole // 60 % 60,
        whole % 60,
    )
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {left}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {left}s"
    if minutes:
        return f"{sign}{minutes}m {left}s"
    return f"{sign}{rest:.4g}s"


def _title(text: str) -> str:
    return _WORD.sub(lambda match: match[1] + match[2].upper(), text)


def _join(separator: str, texts: Sequence[str]) -> str:
    return separator.join(str(text) for text in texts)


def _match(pattern: str, text: str) -> bool:
    return compile_pattern(pattern).search(text) is not None


def _string_slice(*texts: object) -> list[object]:
    return list(texts)


def _append(items: Sequence[object], *more: object) -> list[object]:
    return [*items, *more]


def _dict(*pairs: object) -> dict[str, object]:
    if len(pairs) % 2:
        raise Rejected("dict: expected pairs of a key and a value")
    return {str(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}


def _date(layout: str, moment: GoTime) -> str:
    return moment.Format(layout)


def _tz(name: str, moment: GoTime) -> GoTime:
    return moment.in_zone(name)


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
