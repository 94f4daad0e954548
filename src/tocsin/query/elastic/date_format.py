"""How is a bucket's time written? As a format of Java's has it, or one that Elasticsearch names.

https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/mapping-date-format
https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/time/format/DateTimeFormatter.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from tocsin.query.elastic.faults import illegal

Written = Callable[[int], str]
"""The text of milliseconds since the epoch."""

Letter = Callable[[datetime, int], str]
"""What a letter that stands there so many times writes of a time."""

_LONGEST = 100
_ISO = ("", "date_optional_time", "date_optional_time_nanos", "date_time", "iso8601")
_NAMED = {
    "date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "date": "yyyy-MM-dd",
    "date_hour": "yyyy-MM-dd'T'HH",
    "date_hour_minute": "yyyy-MM-dd'T'HH:mm",
    "date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss",
    "date_hour_minute_second_millis": "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "date_hour_minute_second_fraction": "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "basic_date": "yyyyMMdd",
    "basic_date_time": "yyyyMMdd'T'HHmmss.SSSXX",
    "basic_date_time_no_millis": "yyyyMMdd'T'HHmmssXX",
    "hour": "HH",
    "hour_minute": "HH:mm",
    "hour_minute_second": "HH:mm:ss",
    "hour_minute_second_millis": "HH:mm:ss.SSS",
    "time": "HH:mm:ss.SSSXXX",
    "time_no_millis": "HH:mm:ssXXX",
    "year": "yyyy",
    "year_month": "yyyy-MM",
    "year_month_day": "yyyy-MM-dd",
}
_PIECE = re.compile(r"'(?:[^']|'')*'|([a-zA-Z])\1*")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def written(form: str, zone: tzinfo) -> Written:
    """What writes times in a format (the first of several, as `a||b`) and a zone; ISO 8601 with
    milliseconds for none. Raises ElasticFault for a letter that Java does not know."""
    first = form.partition("||")[0]
    if len(first) > _LONGEST:
        raise illegal(f"Invalid format: more than {_LONGEST} characters")
    name = first.removeprefix("strict_")
    if name in ("epoch_millis", "epoch_second"):
        divisor = 1 if name == "epoch_millis" else 1000
        return lambda at_ms: str(at_ms // divisor)
    pattern = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX" if name in _ISO else _NAMED.get(name, first)
    for found in _PIECE.finditer(pattern):
        if found[1] and found[1] not in _LETTERS:
            raise illegal(f"Invalid format: [{first}]: Unknown pattern letter: {found[1]}")
    return lambda at_ms: _PIECE.sub(_of(_at(at_ms, zone)), pattern)


def _at(at_ms: int, zone: tzinfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone)


def _of(at: datetime) -> Callable[[re.Match[str]], str]:
    def one(found: re.Match[str]) -> str:
        piece = found.group()
        if piece.startswith("'"):
            return piece[1:-1].replace("''", "'") or "'"
        return _LETTERS[piece[0]](at, len(piece))

    return one


def _padded(value: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda at, count: f"{value(at):0{count}d}"


def _named(value: Callable[[datetime], int], names: tuple[str, ...], *, shift: int) -> Letter:
    def write(at: datetime, count: int) -> str:
        if count < 3:
            return f"{value(at):0{count}d}"
        name = names[value(at) - shift]
        return {3: name[:3], 4: name}.get(count, name[:1])

    return write


def _year(at: datetime, count: int) -> str:
    return f"{at.year % 100:02d}" if count == 2 else f"{at.year:0{count}d}"


def _weekday(at: datetime, count: int) -> str:
    name = _DAYS[at.weekday()]
    return name[:3] if count < 4 else name if count == 4 else name[:1]


def _fraction(at: datetime, count: int) -> str:
    return f"{at.microsecond:06d}000"[:count]


def _offset(at: datetime, count: int, *, zero: str = "") -> str:
    minutes = int((at.utcoffset() or timedelta(0)).total_seconds()) // 60
    if not minutes and zero:
        return zero
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    if count == 1:
        return f"{sign}{hours:02d}{f'{rest:02d}' if rest else ''}"
    return f"{sign}{hours:02d}{':' if count in (3, 5) else ''}{rest:02d}"


def _zone_offset(at: datetime, count: int) -> str:
    if count == 4:
        return f"GMT{_offset(at, 3)}" if at.utcoffset() else "GMT"
    return _offset(at, 5, zero="Z") if count == 5 else _offset(at, 2)


_LETTERS: Mapping[str, Letter] = {
    "y": _year,
    "u": _year,
    "Y": lambda at, count: f"{at.isocalendar().year:0{count}d}",
    "Q": _padded(lambda at: (at.month + 2) // 3),
    "M": _named(lambda at: at.month, _MONTHS, shift=1),
    "L": _named(lambda at: at.month, _MONTHS, shift=1),
    "w": _padded(lambda at: at.isocalendar().week),
    "d": _padded(lambda at: at.day),
    "D": _padded(lambda at: at.timetuple().tm_yday),
    "E": _weekday,
    "e": _padded(lambda at: at.isoweekday()),
    "a": lambda at, _count: "PM" if at.hour >= 12 else "AM",
    "H": _padded(lambda at: at.hour),
    "k": _padded(lambda at: at.hour or 24),
    "K": _padded(lambda at: at.hour % 12),
    "h": _padded(lambda at: at.hour % 12 or 12),
    "m": _padded(lambda at: at.minute),
    "s": _padded(lambda at: at.second),
    "S": _fraction,
    "n": _padded(lambda at: at.microsecond * 1000),
    "X": lambda at, count: _offset(at, count, zero="Z"),
    "x": _offset,
    "Z": _zone_offset,
    "z": lambda at, _count: at.strftime("%Z"),
    "V": lambda at, _count: str(at.tzinfo),
    "G": lambda _at, _count: "AD",
}
