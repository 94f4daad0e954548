"""What does somebody mean who writes `MON 02:00-04:00 Europe/Berlin`? A recurring window in words.

`MON,THU 22:00-02:00` · `MON-FRI 09:00-17:00` · `daily 03:00-03:30 Europe/Berlin` ·
`weekends 00:00-24:00` · `1st SUN 02:00-05:00` · `last FRI 18:00-20:00` · `monthly 15 01:00-02:00`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from tocsin.alert.attention.recurrence import Recurrence, instant_ms, wall, zone
from tocsin.kit.fault import Rejected

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SETS = {
    "daily": _DAYS,
    "everyday": _DAYS,
    "weekdays": _DAYS[:5],
    "weekends": _DAYS[5:],
}
_ORDINALS = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": -1}
_ORDINALS |= {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_TIMES = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)
_LONGEST = 200

EXPECTED = (
    "days, times and a time zone such as 'MON 02:00-04:00 Europe/Berlin', 'MON-FRI 09:00-17:00', "
    "'daily 03:00-03:30', '1st SUN 02:00-05:00' or 'monthly 15 01:00-02:00'"
)


@dataclass(frozen=True, slots=True)
class Every:
    """A recurrence rule with the times at which each occurrence begins and how long it lasts, by
    the clocks of `time_zone`."""

    rule: str
    begins: time
    lasts: timedelta
    time_zone: str

    def first(self, after_ms: int) -> tuple[int, int]:
        """The beginning and the end (milliseconds) of the first occurrence that is not over by
        then."""
        place = self.time_zone
        day = wall(after_ms, place).date() - timedelta(days=1)
        start = datetime.combine(day, self.begins)
        again = Recurrence(self.rule, start, place)
        begins = again.following(instant_ms(start, place) - 1)
        while begins is not None and instant_ms(begins + self.lasts, place) <= after_ms:
            begins = again.following(instant_ms(begins, place))
        if begins is None:
            raise Rejected(f"{self.rule} never comes")
        return instant_ms(begins, place), instant_ms(begins + self.lasts, place)


def parse_every(text: str, default_zone: str = "UTC") -> Every:
    """Raises Rejected with an example for what it does not understand."""
    words = text.split() if len(text) <= _LONGEST else []
    at = next((i for i, word in enumerate(words) if _TIMES.fullmatch(word)), -1)
    if at < 1 or len(words) > at + 2:
        raise Rejected(f"expected {EXPECTED}; got {text[:_LONGEST]!r}")
    place = words[at + 1] if len(words) == at + 2 else default_zone
    zone(place)
    begins, lasts = _times(words[at])
    return Every(_rule([word.lower() for word in words[:at]], text), begins, lasts, place)


def in_words(rule: str, starts_ms: int, ends_ms: int, place: str) -> str:
    """A recurring window as people read it; the rule itself where there are no shorter words."""
    parts = dict(part.split("=", 1) for part in rule.removeprefix("RRULE:").split(";") if part)
    first, last = wall(starts_ms, place), wall(ends_ms, place)
    lasts = last - first
    times = f"{first:%H:%M}-{last:%H:%M}"
    if lasts > timedelta(days=1):
        times = f"from {first:%H:%M} for {_length(lasts)}"
    elif lasts == timedelta(days=1):
        times = f"from {first:%H:%M} for a day"
    until = parts.pop("UNTIL", "")
    count = parts.pop("COUNT", "")
    parts.pop("WKST", None)
    days = _days_in_words(parts, first)
    ends = f", until {until[:4]}-{until[4:6]}-{until[6:8]}" if until else ""
    ends += f", {count} times" if count else ""
    return f"{days} {times} {place}{ends}"


def _days_in_words(parts: dict[str, str], first: datetime) -> str:
    match parts:
        case {"FREQ": "DAILY", **rest} if not rest:
            return "daily"
        case {"FREQ": "WEEKLY", **rest} if set(rest) <= {"BYDAY"}:
            days = rest.get("BYDAY", _DAYS[first.weekday()]).split(",")
            if tuple(days) in ((*_DAYS,), (*_DAYS[:5],), (*_DAYS[5:],)):
                return {7: "daily", 5: "weekdays", 2: "weekends"}[len(days)]
            return ", ".join(_NAMES[_DAYS.index(day)].capitalize() for day in days)
        case {"FREQ": "MONTHLY", "BYMONTHDAY": day, **rest} if not rest:
            return f"monthly on day {day}"
        case {"FREQ": "MONTHLY", "BYDAY": day, **rest} if not rest and "," not in day:
            number, name = int(day[:-2] or 0), _NAMES[_DAYS.index(day[-2:])].capitalize()
            word = next((word for word, n in _ORDINALS.items() if n == number), "every")
            return f"{word} {name} of the month"
        case _:
            return ";".join(f"{name}={value}" for name, value in parts.items())


def _length(lasts: timedelta) -> str:
    hours, rest = divmod(round(lasts.total_seconds()), 3600)
    return f"{hours} h" + (f" {rest // 60} min" if rest else "")


def _times(text: str) -> tuple[time, timedelta]:
    match = _TIMES.fullmatch(text)
    assert match is not None
    begins = time(int(match[1]), int(match[2]))
    from_minute = begins.hour * 60 + begins.minute
    to_minute = 24 * 60 if match[3] is None else int(match[3]) * 60 + int(match[4])
    if to_minute <= from_minute:
        to_minute += 24 * 60  # it passes midnight
    return begins, timedelta(minutes=to_minute - from_minute)


def _rule(words: list[str], text: str) -> str:
    if words[0] == "every" and len(words) > 1:
        words = words[1:]
    match words:
        case ["monthly", day] if day.isdigit() and 1 <= int(day) <= 31:
            return f"FREQ=MONTHLY;BYMONTHDAY={int(day)}"
        case [ordinal, day] if ordinal in _ORDINALS:
            return f"FREQ=MONTHLY;BYDAY={_ORDINALS[ordinal]}{_day(day, text)}"
        case [name] if name in _SETS:
            days = _SETS[name]
        case [named]:
            days = tuple(
                dict.fromkeys(day for one in named.split(",") for day in _range(one, text))
            )
        case _:
            raise Rejected(f"expected {EXPECTED}; got {text!r}")
    if len(days) == len(_DAYS):
        return "FREQ=DAILY"
    return f"FREQ=WEEKLY;BYDAY={','.join(sorted(days, key=_DAYS.index))}"


def _range(text: str, whole: str) -> tuple[str, ...]:
    first, dash, last = text.partition("-")
    at = _DAYS.index(_day(first, whole))
    if not dash:
        return (_DAYS[at],)
    count = (_DAYS.index(_day(last, whole)) - at) % 7 + 1
    return tuple(_DAYS[(at + step) % 7] for step in range(count))


def _day(text: str, whole: str) -> str:
    found = [i for i, name in enumerate(_NAMES) if len(text) >= 2 and name.startswith(text)]
    if len(found) != 1:
        raise Rejected(f"{text!r} is no weekday; expected {EXPECTED}; got {whole!r}")
    return _DAYS[found[0]]
