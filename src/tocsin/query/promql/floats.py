"""How are numbers written as text? As Go's `strconv.FormatFloat(value, 'f', -1, 64)` does it."""

from __future__ import annotations

import math


def format_float(value: float) -> str:
    """The shortest decimal that reads back as the same float, never with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    return without_exponent(text) if "e" in text else text


def without_exponent(text: str) -> str:
    """`1.5e-07` as `0.00000015`."""
    mantissa, exponent = text.split("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    point = len(whole) + int(exponent)
    digits = whole + fraction
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"
