"""Which moment is meant by Elasticsearch's date math, as `now-1d/d` or `2026-01-01||+1M/d`?

https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options#date-math
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.kit.timestamps import nanoseconds
from tocsin.query.elastic.faults import ElasticFault, illegal

EARLIEST_NS, LATEST_NS = 10**17, 9_200_000_000_000_000_000
"""Nanoseconds that are told apart from milliseconds by their length; the first is in 1973."""

_STEP = re.compile(r"([+-])(\d{0,6})([yMwdhHms])|/([yMwdhHms])")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_DELTAS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "H": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_MOST = 1_000_000
_FAR = 1e20


def zone_of(name: str) -> tzinfo:
    """A time zone by its name or its distance, as +01:00. Raises ElasticFault for neither."""
    if found := re.fullmatch(r"([+-])(\d\d):?(\d\d)", name):
        sign, hours, minutes = found.groups()
        shift = timedelta(hours=int(hours), minutes=int(minutes))
        return datetime.strptime(f"{sign}{hours}{minutes}", "%z").tzinfo or UTC if shift else UTC
    if not name or name in ("Z", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise illegal(f"Unknown time-zone ID: {name}") from error


def moment_ns(
    value: object, now_ns: int, *, up: bool = False, zone: tzinfo = UTC, form: str = ""
) -> int:
    """Nanoseconds since the epoch. `up` rounds to the last moment of a unit, as `lte` and `gt` do;
    numbers are milliseconds unless `form` says epoch_second. Raises ElasticFault for no time."""
    text = str(value).strip()
    if _is_number(value, form):
        return _of_number(text, form)
    begin, math, rest = _begin(text, now_ns, zone)
    if begin is None:
        raise _no_date(text, form)
    if math:
        return _bounded(_ns(_calculated(begin, math, text, form, up=up)))
    exact = nanoseconds(rest) if rest and zone is UTC else None
    return _bounded(_ns(begin) if exact is None else exact)


def _is_number(value: object, form: str) -> bool:
    """A year of four digits is none."""
    if isinstance(value, int | float):
        return True
    wanted = r"-?\d{1,19}(?:\.\d*)?" if "epoch" in form else r"-?\d{5,19}"
    return re.fullmatch(wanted, str(value).strip()) is not None


def _of_number(text: str, form: str) -> int:
    scale = 10**9 if "epoch_second" in form and "millis" not in form else 10**6
    if not text.lstrip("-").isdecimal():
        return _bounded(int(max(-_FAR, min(float(text), _FAR)) * scale))
    return _bounded(int(text) * scale if len(text) < 16 else int(text))


def _calculated(begin: datetime, math: str, text: str, form: str, *, up: bool) -> datetime:
    at = begin
    done = 0
    for step in _STEP.finditer(math):
        if step.start() != done:
            raise _no_date(text, form)
        done = step.end()
        sign, count, unit, rounding = step.groups()
        if rounding:
            at = _rounded(at, rounding)
            if up:
                at = _shifted(at, rounding, 1) - timedelta(milliseconds=1)
        else:
            at = _shifted(at, unit, int(count or 1) * (1 if sign == "+" else -1))
    if done != len(math):
        raise _no_date(text, form)
    return at


def _begin(text: str, now_ns: int, zone: tzinfo) -> tuple[datetime | None, str, str]:
    """Where the math begins, the math, and the text of a date."""
    if text.startswith("now"):
        return datetime.fromtimestamp(now_ns / 1e9, zone), text[3:], ""
    date, _, math = text.partition("||")
    if partial := _PARTIAL.fullmatch(date):
        year, month, day = (int(part or 1) for part in partial.groups())
        try:
            return datetime(year, month, day, tzinfo=zone), math, ""
        except ValueError:
            return None, math, date
    try:
        found = datetime.fromisoformat(date)
    except ValueError:
        at = nanoseconds(date)
        return (datetime.fromtimestamp(at / 1e9, zone) if at is not None else None), math, date
    aware = found if found.tzinfo else found.replace(tzinfo=zone)
    return aware.astimezone(zone), math, date


def _rounded(at: datetime, unit: str) -> datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "y":
            return day.replace(month=1, day=1)
        case "M":
            return day.replace(day=1)
        case "w":
            return day - timedelta(days=day.weekday())
        case "d":
            return day
        case "h" | "H":
            return at.replace(minute=0, second=0, microsecond=0)
        case "m":
            return at.replace(second=0, microsecond=0)
    return at.replace(microsecond=0)


def _shifted(at: datetime, unit: str, count: int) -> datetime:
    if abs(count) > _MOST:
        raise illegal(f"{count}{unit} is further than any line")
    try:
        if unit in _DELTAS:
            return at + _DELTAS[unit] * count
        months = at.year * 12 + at.month - 1 + count * (12 if unit == "y" else 1)
        for day in range(at.day, 27, -1):
            try:
                return at.replace(year=months // 12, month=months % 12 + 1, day=day)
            except ValueError:
                continue
        return at.replace(year=months // 12, month=months % 12 + 1)
    except (OverflowError, ValueError) as error:
        raise illegal(f"{count}{unit} is further than any line") from error


def _ns(at: datetime) -> int:
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _bounded(at_ns: int) -> int:
    return min(max(at_ns, EARLIEST_NS), LATEST_NS)


def _no_date(text: str, form: str) -> ElasticFault:
    wanted = form or "strict_date_optional_time||epoch_millis"
    return ElasticFault(
        "parse_exception", f"failed to parse date field [{text[:100]}] with format [{wanted}]"
    )
