"""How does Go write a moment? `time.Time` as templates see it (https://pkg.go.dev/time)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.kit.fault import Rejected
from tocsin.kit.template_reach import Readable

_ELEMENT = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|Z07:00:00|Z0700|Z07:00|Z07|-07:00:00|-0700|-07:00|-07"
    r"|[.,]0+(?!\d)|[.,]9+(?!\d)|002|01|02|03|04|05|06|15|PM|pm|__2|_2|1|2|3|4|5"
)
_ZERO = "0001-01-01"


class _Called(int):
    """A number that is printed by its name: a month, a day of the week."""

    words: str

    @classmethod
    def of(cls, number: int, words: str) -> _Called:
        """The number of that name."""
        made = cls(number)
        made.words = words
        return made

    def __str__(self) -> str:
        return self.words

    def __go_format_value__(self, kind: str, mode: str, *, nested: bool) -> str:
        """As `{{ .Month }}` prints it."""
        return self.words


class GoTime(Readable):
    """A moment with a place; `ms` None is Go's zero time."""

    def __init__(self, ms: int | None, zone: ZoneInfo | None = None) -> None:
        self.ms = ms
        base = datetime(1, 1, 1, tzinfo=UTC)
        exact = base if ms is None else datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)
        self.moment = exact.astimezone(zone) if zone is not None and ms is not None else exact

    def Format(self, layout: str) -> str:  # noqa: N802 - the name in templates
        """The moment in Go's layout."""
        return _ELEMENT.sub(lambda match: _element(match[0], self.moment), layout)

    def Unix(self) -> int:  # noqa: N802 - the name in templates
        """Seconds since the epoch."""
        return -62_135_596_800 if self.ms is None else self.ms // 1000

    def UnixMilli(self) -> int:  # noqa: N802 - the name in templates
        """Milliseconds since the epoch."""
        return -62_135_596_800_000 if self.ms is None else self.ms

    def UTC(self) -> GoTime:  # noqa: N802 - the name in templates
        """The same moment in UTC."""
        return GoTime(self.ms)

    def Local(self) -> GoTime:  # noqa: N802 - the name in templates
        """The same moment; Tocsin's messages are in UTC."""
        return GoTime(self.ms)

    def IsZero(self) -> bool:  # noqa: N802 - the name in templates
        """Whether it is not given."""
        return self.ms is None

    def Year(self) -> int:  # noqa: N802 - the name in templates
        """The year."""
        return self.moment.year

    def Month(self) -> int:  # noqa: N802 - the name in templates
        """The month from 1, printed by its name."""
        return _Called.of(self.moment.month, f"{self.moment:%B}")

    def Day(self) -> int:  # noqa: N802 - the name in templates
        """The day of the month."""
        return self.moment.day

    def YearDay(self) -> int:  # noqa: N802 - the name in templates
        """The day of the year."""
        return self.moment.timetuple().tm_yday

    def Weekday(self) -> int:  # noqa: N802 - the name in templates
        """The day of the week, 0 is Sunday, printed by its name."""
        return _Called.of(self.moment.isoweekday() % 7, f"{self.moment:%A}")

    def Hour(self) -> int:  # noqa: N802 - the name in templates
        """The hour of the day."""
        return self.moment.hour

    def Minute(self) -> int:  # noqa: N802 - the name in templates
        """The minute of the hour."""
        return self.moment.minute

    def Second(self) -> int:  # noqa: N802 - the name in templates
        """The second of the minute."""
        return self.moment.second

    def in_zone(self, name: str) -> GoTime:
        """The same moment elsewhere; raises Rejected for a zone that is not known."""
        try:
            return GoTime(self.ms, ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Rejected(f"unknown time zone {name}") from error

    def __str__(self) -> str:
        text = self.Format("2006-01-02 15:04:05.999999999 -0700 ")
        return text + (self.moment.tzname() or "UTC")

    def __go_format_value__(self, kind: str, mode: str, *, nested: bool) -> str:
        """As `{{ .StartsAt }}` prints it."""
        return "time.Time" if kind == "type" else str(self)


def rfc3339(ms: int | None) -> str:
    """`2026-05-01T12:00:00.5Z` as Go's JSON has it; None is the zero time."""
    if ms is None:
        return "0001-01-01T00:00:00Z"
    # Not by the layout: a storm's messages have tens of thousands of these.
    seconds, rest = divmod(ms, 1000)
    whole = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    return f"{whole}.{rest:03d}".rstrip("0") + "Z" if rest else f"{whole}Z"


def duration_words(seconds: float) -> str:
    """A `time.Duration` as Go prints it: `1h2m3.5s`."""
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    if rest == 0:
        return "0s"
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if rest < limit:
            return f"{sign}{rest * factor:.10g}{unit}"
    minutes, left = divmod(round(rest, 9), 60)
    hours, minutes = divmod(int(minutes), 60)
    head = f"{hours}h" if hours else ""
    return f"{sign}{head}{f'{minutes}m' if hours or minutes else ''}{round(left, 9):.10g}s"


def _offset(moment: datetime, colon: str) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    sign, rest = ("-", -seconds) if seconds < 0 else ("+", seconds)
    return f"{sign}{rest // 3600:02d}{colon}{rest % 3600 // 60:02d}"


def _element(name: str, at: datetime) -> str:
    if name[0] in ".,":
        return _fraction(name, at)
    if name[0] in "Z-" and name != "MST":
        if name[0] == "Z" and not at.utcoffset():
            return "Z"
        text = _offset(at, ":" if ":" in name else "")
        return text[:3] if name in ("Z07", "-07") else text
    hour = at.hour % 12 or 12
    return {
        "January": f"{at:%B}",
        "Jan": f"{at:%b}",
        "Monday": f"{at:%A}",
        "Mon": f"{at:%a}",
        "MST": at.tzname() or "UTC",
        "2006": f"{at.year:04d}",
        "06": f"{at.year % 100:02d}",
        "01": f"{at.month:02d}",
        "1": str(at.month),
        "02": f"{at.day:02d}",
        "_2": f"{at.day:2d}",
        "2": str(at.day),
        "002": f"{at.timetuple().tm_yday:03d}",
        "__2": f"{at.timetuple().tm_yday:3d}",
        "15": f"{at.hour:02d}",
        "03": f"{hour:02d}",
        "3": str(hour),
        "04": f"{at.minute:02d}",
        "4": str(at.minute),
        "05": f"{at.second:02d}",
        "5": str(at.second),
        "PM": "PM" if at.hour >= 12 else "AM",
        "pm": "pm" if at.hour >= 12 else "am",
    }[name]


def _fraction(name: str, at: datetime) -> str:
    digits = f"{at.microsecond:06d}000"[: len(name) - 1].ljust(len(name) - 1, "0")
    if name[1] == "9":
        digits = digits.rstrip("0")
    return name[0] + digits if digits else ""
