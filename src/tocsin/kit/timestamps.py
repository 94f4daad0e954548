"""When was something, in any of the ways in which senders write a time?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_USUAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
_FRACTION = re.compile(r"[.,](\d{7,9})", re.ASCII)
_CLF = "%d/%b/%Y:%H:%M:%S %z"
_LATEST_NS = 9_223_372_036_000_000_000
_UNITS = ((11, 1_000_000_000), (14, 1_000_000), (17, 1_000), (20, 1))
"""Digits of a time since 1970 in seconds, milliseconds, microseconds, nanoseconds; and its ns."""


def nanoseconds(text: str) -> int | None:
    """Nanoseconds since the epoch of a time as text; None when it is none that is understood.

    Understood are ISO 8601 and RFC 3339 (UTC without a zone), RFC 2822, the common log format, and
    numbers: seconds, milliseconds, microseconds or nanoseconds by their size.
    """
    if usual := _USUAL.fullmatch(text):
        second, fraction = usual.groups()
        known = _second(second)
        if known is not None and 0 <= known < _LATEST_NS:
            return known + (int(fraction.ljust(9, "0")) if fraction else 0)
    if _NUMBER.fullmatch(text):
        return _of_number(text)
    found = _iso(text)
    if found is None:
        found = _other(text)
    return found if found is not None and 0 <= found <= _LATEST_NS else None


@lru_cache(maxsize=1024)
def _second(text: str) -> int | None:
    """Lines that follow each other lie in the same second mostly."""
    try:
        return _of(datetime.fromisoformat(text))
    except ValueError:
        return None


def _of_number(text: str) -> int | None:
    whole, _, fraction = text.partition(".")
    scale = next(ns for digits, ns in _UNITS if len(whole) < digits)
    extra = int(fraction.ljust(9, "0")) * scale // 1_000_000_000 if fraction else 0
    found = int(whole) * scale + extra
    return found if found <= _LATEST_NS else None


def _iso(text: str) -> int | None:
    fine = 0
    if finer := _FRACTION.search(text):
        # datetime knows microseconds.
        digits = finer.group(1).ljust(9, "0")
        fine = int(digits[6:])
        text = text[: finer.start(1)] + digits[:6] + text[finer.end(1) :]
    try:
        return _of(datetime.fromisoformat(text.strip().replace(",", ".", 1))) + fine
    except ValueError:
        return None


def _other(text: str) -> int | None:
    try:
        return _of(datetime.strptime(text, _CLF))  # noqa: DTZ007  the format has %z
    except ValueError:
        pass
    try:
        return _of(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError):
        return None


def _of(when: datetime) -> int:
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
