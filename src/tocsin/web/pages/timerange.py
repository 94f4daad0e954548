"""Which stretch of time does a page show? It is in the URL: `?from=now-1h&to=now&refresh=15s`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from tocsin.kit.fault import Rejected

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_RELATIVE = re.compile(r"now(?:\s*([-+])\s*(\d{1,9})([smhdwy]))?")
_SPAN = re.compile(r"(\d{1,9})([smhdwy])")

QUICK = (
    ("now-5m", "Last 5 min"),
    ("now-15m", "Last 15 min"),
    ("now-30m", "Last 30 min"),
    ("now-1h", "Last 1 h"),
    ("now-3h", "Last 3 h"),
    ("now-6h", "Last 6 h"),
    ("now-12h", "Last 12 h"),
    ("now-24h", "Last 24 h"),
    ("now-2d", "Last 2 d"),
    ("now-7d", "Last 7 d"),
    ("now-30d", "Last 30 d"),
    ("now-90d", "Last 90 d"),
)
REFRESHES = ("", "5s", "15s", "30s", "1m", "5m")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What the URL says (`begin`, `end`, `refresh`) and what that means now, in epoch seconds."""

    begin: str
    end: str
    refresh: str
    start_s: float
    end_s: float
    problem: str = ""

    @property
    def words(self) -> str:
        """The range as its button says it."""
        span = re.fullmatch(r"now-(\d{1,9})([smhdwy])", self.begin)
        if span and self.end == "now":
            return f"Last {span[1]} {'min' if span[2] == 'm' else span[2]}"
        return f"{_readable(self.begin)} → {_readable(self.end)}"

    @property
    def chosen(self) -> dict[str, str]:
        """What differs from the defaults, to be carried from page to page."""
        pairs = {"from": self.begin, "to": self.end, "refresh": self.refresh}
        return {key: value for key, value in pairs.items() if value != _DEFAULTS[key]}

    def carry(self, path: str) -> str:
        """`path` with this range in its query."""
        if not self.chosen:
            return path
        return f"{path}{'&' if '?' in path else '?'}{urlencode(self.chosen)}"


_LATEST_S = 7_258_118_400.0  # the year 2200
_DEFAULTS = {"from": "now-1h", "to": "now", "refresh": ""}


def read(query: Mapping[str, str], now: float) -> TimeRange:
    """The range of a query string; what cannot be understood becomes the default, with a word."""
    begin = query.get("from") or _DEFAULTS["from"]
    end = query.get("to") or _DEFAULTS["to"]
    refresh = query.get("refresh", "")
    if refresh and not _SPAN.fullmatch(refresh):
        refresh = ""
    try:
        start_s, end_s = _sane(moment(begin, now)), _sane(moment(end, now))
    except Rejected as problem:
        return TimeRange("now-1h", "now", refresh, now - 3600, now, str(problem))
    if start_s >= end_s:
        problem_words = f"the time range starts ({begin}) after it ends ({end})"
        return TimeRange("now-1h", "now", refresh, now - 3600, now, problem_words)
    return TimeRange(begin, end, refresh, start_s, end_s)


def moment(text: str, now: float) -> float:
    """Epoch seconds of `now`, `now-1h`, an ISO date and time (UTC unless it says), or a number."""
    text = text.strip()
    if found := _RELATIVE.fullmatch(text):
        sign, count, unit = found.groups()
        if sign is None:
            return now
        span = int(count) * UNITS[unit]
        return now - span if sign == "-" else now + span
    if re.fullmatch(r"\d{9,13}(\.\d+)?", text):
        number = float(text)
        return number / 1000 if number > 1e11 else number
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(
            f"the time {text!r} is not understood; write now-1h, 2026-05-04 13:00 or epoch seconds"
        ) from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _sane(seconds: float) -> float:
    """Within the years that have samples and that calendars can write."""
    return min(max(seconds, 0.0), _LATEST_S)


def _readable(text: str) -> str:
    if text.startswith("now"):
        return text
    return datetime.fromtimestamp(_sane(moment(text, 0)), UTC).strftime("%b %d %H:%M UTC")
