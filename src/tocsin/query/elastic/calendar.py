"""When do the buckets of a date histogram begin? Fixed steps, or those of a calendar and a zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from tocsin.query.elastic import option
from tocsin.query.elastic.dates import zone_of
from tocsin.query.elastic.faults import illegal
from tocsin.query.elastic.values import MILLIS
from tocsin.store.literal import literal

_FIXED = re.compile(r"(\d{1,9})(ms|s|m|h|d|w)")
_MILLIS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_UNITS = {
    **dict.fromkeys(("minute", "1m"), "Minute"),
    **dict.fromkeys(("hour", "1h"), "Hour"),
    **dict.fromkeys(("day", "1d"), "Day"),
    **dict.fromkeys(("week", "1w"), "Week"),
    **dict.fromkeys(("month", "1M"), "Month"),
    **dict.fromkeys(("quarter", "1q"), "Quarter"),
    **dict.fromkeys(("year", "1y"), "Year"),
}


@dataclass(frozen=True, slots=True)
class Rounding:
    """How times become buckets. `step_ms` is 0 for a calendar's `unit`."""

    name: str
    sql: str
    step_ms: int
    shift_ms: int
    unit: str
    zone: tzinfo

    def start(self, at_ms: int) -> int:
        """The bucket that a moment lies in."""
        if self.step_ms:
            return (at_ms - self.shift_ms) // self.step_ms * self.step_ms + self.shift_ms
        at = datetime.fromtimestamp((at_ms - self.shift_ms) / 1000, self.zone)
        return _millis(_floor(at, self.unit)) + self.shift_ms

    def between(self, first_ms: int, last_ms: int, most: int) -> list[int]:
        """All buckets from one to another, `most` at the most."""
        if self.step_ms:
            last = min(last_ms, first_ms + self.step_ms * most)
            return list(range(first_ms, last + 1, self.step_ms))
        found = [first_ms]
        while found[-1] < last_ms and len(found) < most:
            # Past the longest unit that there is, whatever summer time does to it.
            found.append(self.start(found[-1] + _LONG[self.unit]))
        return found


_LONG = {
    "Minute": 60_000,
    "Hour": 3_600_000,
    "Day": 26 * 3_600_000,
    "Week": 8 * 86_400_000,
    "Month": 32 * 86_400_000,
    "Quarter": 93 * 86_400_000,
    "Year": 367 * 86_400_000,
}


def rounding_of(body: Mapping[str, Any], now_ns: int) -> Rounding:  # an aggregation's options
    """The buckets that a date histogram asks for. Raises ElasticFault."""
    zone_name = option.text(body, "time_zone")
    zone = zone_of(zone_name)
    if not any(name in body for name in ("fixed_interval", "calendar_interval", "interval")):
        raise illegal("Required one of fields [interval, calendar_interval, fixed_interval]")
    if "calendar_interval" in body:
        name = option.text(body, "calendar_interval")
        if name not in _UNITS:
            raise illegal(
                f"The supplied interval [{name[:40]}] could not be parsed as a calendar interval."
            )
        return _of_calendar(_UNITS[name], name, body, zone_name, zone)
    name = option.text(body, "fixed_interval") or option.text(body, "interval")
    if "interval" in body and name in _UNITS and not _FIXED.fullmatch(name):
        return _of_calendar(_UNITS[name], name, body, zone_name, zone)
    return _fixed(name, body, zone, now_ns)


def _fixed(name: str, body: Mapping[str, Any], zone: tzinfo, now_ns: int) -> Rounding:  # options
    found = _FIXED.fullmatch(name)
    step = int(found[1]) * _MILLIS[found[2]] if found else 0
    if not step:
        raise illegal(
            f"failed to parse setting [date_histogram.fixedInterval] with value [{name[:40]}] as a"
            " time value: unit is missing or unrecognized"
        )
    away = datetime.fromtimestamp(now_ns / 1e9, zone).utcoffset() or timedelta(0)
    shift = (_offset(body) - int(away.total_seconds() * 1000)) % step
    sql = f"toInt64(floor(({MILLIS} - {shift}) / {step})) * {step} + {shift}"
    return Rounding(name, sql, step, shift, "", zone)


def _of_calendar(
    unit: str,
    name: str,
    body: Mapping[str, Any],  # an aggregation's options
    zone_name: str,
    zone: tzinfo,
) -> Rounding:
    shift = _offset(body)
    there = literal(_engine_zone(zone_name))
    at = f"toTimeZone(toDateTime(ts) - {shift // 1000}, {there})"
    start = f"toMonday({at})" if unit == "Week" else f"toStartOf{unit}({at})"
    sql = f"toInt64(toUnixTimestamp(toDateTime({start}, {there}))) * 1000 + {shift}"
    return Rounding(name, sql, 0, shift, unit, zone)


def _engine_zone(name: str) -> str:
    if found := re.fullmatch(r"([+-])(\d\d):?(\d\d)", name):
        return f"Fixed/UTC{found[1]}{found[2]}:{found[3]}:00"
    return "UTC" if name in ("", "Z") else name


def _offset(body: Mapping[str, Any]) -> int:  # an aggregation's options
    text = option.text(body, "offset", "0ms")
    found = _FIXED.fullmatch(text.lstrip("+-"))
    if found is None:
        if text in ("0", ""):
            return 0
        raise illegal(f"failed to parse the offset [{text[:40]}]")
    size = int(found[1]) * _MILLIS[found[2]]
    return -size if text.startswith("-") else size


def _floor(at: datetime, unit: str) -> datetime:
    if unit == "Minute":
        return at.replace(second=0, microsecond=0)
    if unit == "Hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "Week":
            return day - timedelta(days=day.weekday())
        case "Month":
            return day.replace(day=1)
        case "Quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "Year":
            return day.replace(month=1, day=1)
    return day


def _millis(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000
