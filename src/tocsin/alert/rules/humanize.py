"""How do numbers read in an alert's words? Prometheus's `humanize…` functions.

Source: prometheus.io/docs/prometheus/latest/configuration/template_reference.
"""

from __future__ import annotations

import math
import re

from gotpl.runtime.gofmt import sprintf

from tocsin.kit.fault import Rejected
from tocsin.kit.go_time import GoTime

_LARGE = "kMGTPEZY"
_SMALL = "munpfazy"
_LAST_NS = 2.0**63
_HEX = re.compile(r"[+-]?0[xX][0-9a-fA-F_.]+[pP][+-]?\d+")


def general(value: float) -> str:
    """Four significant digits, as Go's `%.4g` prints them."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.4g}"


def number(given: object) -> float:
    """The number that a template handed over: a number, a duration in seconds, or its text."""
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise Rejected(f"can't convert {sprintf('%T', given)} to float")
    if not isinstance(given, str):
        return float(given)
    problem = f'strconv.ParseFloat: parsing "{given}": '
    if given != given.strip():
        raise Rejected(f"{problem}invalid syntax")
    try:
        value = float.fromhex(given.replace("_", "")) if _HEX.fullmatch(given) else float(given)
    except (ValueError, OverflowError):
        raise Rejected(f"{problem}invalid syntax") from None
    if math.isinf(value) and "inf" not in given.lower():
        raise Rejected(f"{problem}value out of range")
    return value


def humanize(given: object) -> str:
    """A number with a metric prefix: `1.235k`, `12.3m`."""
    value = number(given)
    if value == 0 or not math.isfinite(value):
        return general(value)
    if abs(value) >= 1:
        value, prefix = _shrunk(value, 1000.0, list(_LARGE))
    else:
        value, prefix = _grown(value)
    return general(value) + prefix


def humanize1024(given: object) -> str:
    """A number with a binary prefix: `1.5Mi`."""
    value = number(given)
    if abs(value) <= 1 or not math.isfinite(value):
        return general(value)
    value, prefix = _shrunk(value, 1024.0, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"])
    return general(value) + prefix


def humanize_duration(given: object) -> str:
    """Seconds as `1d 2h 3m 4s`, `12.3ms`."""
    value = number(given)
    if not math.isfinite(value):
        return general(value)
    if value == 0:
        return "0s"
    if abs(value) < 1:
        value, prefix = _grown(value)
        return f"{general(value)}{prefix}s"
    sign, value = ("-", -value) if value < 0 else ("", value)
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{general(value)}s"


def humanize_percentage(given: object) -> str:
    """A share of one as a percentage."""
    return f"{general(number(given) * 100)}%"


def humanize_timestamp(given: object) -> str:
    """Seconds since the epoch as Go prints an instant: `2024-01-02 03:04:05 +0000 UTC`."""
    value = number(given)
    if not math.isfinite(value):
        return general(value)
    return str(instant(value))


def instant(given: object) -> GoTime:
    """Seconds since the epoch as a moment, to the millisecond; raises Rejected beyond Go's
    clock, which counts nanoseconds in 64 bits."""
    value = number(given)
    if not abs(value * 1e9) < _LAST_NS:  # not NaN either
        shown = sprintf("%v", value)
        words = f"{shown} cannot be represented as a nanoseconds timestamp since it overflows int64"
        raise Rejected(words)
    return GoTime(math.trunc(math.trunc(value * 1e9) / 1_000_000))


def _shrunk(value: float, base: float, prefixes: list[str]) -> tuple[float, str]:
    used = ""
    for prefix in prefixes:
        if abs(value) < base:
            break
        used, value = prefix, value / base
    return value, used


def _grown(value: float) -> tuple[float, str]:
    used = ""
    for prefix in _SMALL:
        if abs(value) >= 1:
            break
        used, value = prefix, value * 1000
    return value, used
