"""How are numbers, sizes, durations and moments written for people?"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from markupsafe import Markup, escape

from tocsin.kit.markdown import to_html

NO_VALUE = "–"
_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_SPANS = ((31_536_000, "y"), (604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "min"))


def is_missing(value: float | None) -> bool:
    """Whether there is nothing to show: None or not a number."""
    return value is None or math.isnan(value)


def _digits(value: float) -> str:
    """About three significant digits, without a trailing `.0`."""
    size = abs(value)
    text = f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def si(value: float | None) -> str:
    """A count: 950, 12.3 k, 4.56 M."""
    if value is None or math.isnan(value):
        return NO_VALUE
    if math.isinf(value):
        return "+∞" if value > 0 else "−∞"
    for step, name in _SI:
        if abs(value) >= step * 0.9995:
            return f"{_digits(value / step)} {name}"
    if value and abs(value) < 0.01:
        return f"{value:.2g}"
    return _digits(value)


def grouped(value: float | None) -> str:
    """A whole number with thin spaces between thousands: 12 345."""
    if value is None or math.isnan(value):
        return NO_VALUE
    return f"{value:,.0f}".replace(",", "\u2009")


def size(value: float | None) -> str:
    """Bytes: 512 B, 1.5 KiB, 20 GiB."""
    if value is None or math.isnan(value):
        return NO_VALUE
    for step, name in _BINARY:
        if abs(value) >= step:
            return f"{_digits(value / step)} {name}"
    return f"{value:.0f} B"


def percent(value: float | None) -> str:
    """A ratio between 0 and 1: 99.95 %."""
    if value is None or math.isnan(value):
        return NO_VALUE
    share = value * 100
    if 99 < share < 100:
        return f"{math.floor(share * 100) / 100:.2f} %"
    return f"{_digits(share)} %"


def duration(seconds: float | None) -> str:
    """A time span: 850 µs, 12 ms, 3.2 s, 4 min 10 s, 2 h 5 min, 3 d 4 h."""
    if seconds is None or math.isnan(seconds):
        return NO_VALUE
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 60:
        return _short(seconds)
    for index, (step, name) in enumerate(_SPANS):
        if seconds < step:
            continue
        whole, rest = divmod(round(seconds), step)
        lower, lower_name = (*_SPANS, (1, "s"))[index + 1]
        part = rest // lower
        return f"{whole} {name} {part} {lower_name}" if part else f"{whole} {name}"
    return NO_VALUE


def _short(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    if seconds < 0.001:
        return f"{_digits(seconds * 1e6)} µs"
    if seconds < 1:
        return f"{_digits(seconds * 1e3)} ms"
    return f"{_digits(seconds)} s"


def ago(moment: float | None, now: float) -> str:
    """How long since `moment` (epoch seconds): "4 min ago", "just now", "in 2 h"."""
    if moment is None or not moment or math.isnan(moment):
        return "never"
    gap = now - moment
    if abs(gap) < 1:
        return "just now"
    words = duration(math.floor(abs(gap)))
    words = " ".join(words.split(" ")[:2])
    return f"{words} ago" if gap > 0 else f"in {words}"


def absolute(moment: float) -> str:
    """The moment in UTC with its zone, for a hover: 2026-05-04 13:37:00 UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def age(moment: float | None, now: float) -> Markup:
    """A `<time>` element that script keeps current; hovering shows the absolute time."""
    if moment is None or not moment or math.isnan(moment):
        return Markup("never")
    iso = datetime.fromtimestamp(moment, UTC).isoformat()
    return Markup('<time class="nowrap" data-age datetime="{}" title="{}">{}</time>').format(
        iso, absolute(moment), ago(moment, now)
    )


def value_and_unit(text: str) -> Markup:
    """A formatted number with its unit in small type."""
    number, _, unit = text.partition(" ")
    return Markup("{}<small>{}</small>").format(number, unit) if unit else escape(number)


def markdown(text: str) -> Markup:
    """What somebody wrote in Markdown, harmless."""
    return Markup(to_html(text))


FILTERS = {
    "markdown": markdown,
    "si": si,
    "grouped": grouped,
    "size": size,
    "percent": percent,
    "duration": duration,
    "absolute": absolute,
    "value_and_unit": value_and_unit,
}
