"""How are numbers written in a query, and what are they worth?"""

from __future__ import annotations

import math
import re

from tocsin.kit.fault import Rejected
from tocsin.query.promql.quoting import quote

_HEX = re.compile(r"0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*")
_DECIMAL = re.compile(
    r"(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)"
    r"(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?"
)
_UNITS = re.compile(r"[smhdwy]s?(?:[0-9]+[smhdw]s?)*")
_UNITS_BEGUN = re.compile(r"(?:[smhdwy]s?(?:[0-9]+[smhdw]s?)*[0-9]*)?")
_MALFORMED = re.compile(r"\.?[0-9]*(?:_?[0-9]+)*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?[._]?")
_ALPHANUMERIC = re.compile(r"[0-9a-zA-Z_]")


def scan(text: str, start: int) -> tuple[int, bool] | None:
    """Where the number at `start` ends and whether it is a duration; None when it is neither."""
    number = _HEX.match(text, start) or _DECIMAL.match(text, start)
    if number is None:
        return None
    end = number.end()
    if not _ALPHANUMERIC.match(text, end) and not text.startswith((".", "_"), end):
        return end, False
    units = _UNITS.match(text, end)
    if units is not None and not _ALPHANUMERIC.match(text, units.end()):
        return units.end(), True
    return None


def malformed(text: str, start: int) -> str:
    """The part of a number that `scan` refused, up to and including what is wrong with it."""
    begun = _MALFORMED.match(text, start)
    end = begun.end() if begun else start
    units = _UNITS_BEGUN.match(text, end)
    if units is not None and units.end() > end:
        return text[start : units.end() + 1]
    return text[start:end] or text[start : start + 1]


def value(text: str) -> float:
    """The worth of a number as Go reads it (`0x1f`, `0755` is octal, `1_000`, `Inf`, `NaN`).

    Raises Rejected when it is outside of a 64-bit float.
    """
    if text.lower() == "nan":
        return math.nan
    whole = _whole(text)
    if whole is not None and -(2**63) <= whole < 2**63:
        return float(whole)
    try:
        number = float(text)
    except ValueError as error:
        raise _refused(text, "invalid syntax") from error
    if math.isinf(number) and text.lower() not in ("inf", "+inf", "-inf"):
        raise _refused(text, "value out of range")
    return number


def _whole(text: str) -> int | None:
    try:
        if len(text) > 1 and text[0] == "0" and text[1] in "01234567_":
            return int(text, 8)
        return int(text, 0)
    except ValueError:
        return None


def _refused(text: str, why: str) -> Rejected:
    return Rejected(f"error parsing number: strconv.ParseFloat: parsing {quote(text)}: {why}")
