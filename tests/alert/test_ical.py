from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.alert.attention.ical import export, read
from tocsin.alert.attention.maintenance_config import kept_matchers
from tocsin.alert.attention.window import Occurrence, Schedule, Window
from tocsin.kit.fault import Rejected

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n"
SERIES = (
    "BEGIN:VEVENT\nUID:db@example\nDTSTAMP:20260101T000000Z\nSUMMARY:Vacuum\n"
    "DTSTART;TZID=Europe/Berlin:20260302T020000\nDTEND;TZID=Europe/Berlin:20260302T040000\n"
    "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=5\nEXDATE;TZID=Europe/Berlin:20260309T020000\n"
    'DESCRIPTION:Ann does it\\nmatchers: service="db"\\, env=~"prod|qa"\nEND:VEVENT\n'
)


def ics(*events: str) -> bytes:
    text = HEAD + "".join(events) + "END:VCALENDAR\r\n"
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def event(*lines: str, uid: str = "a") -> str:
    inside = "\n".join(lines)
    return f"BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\n{inside}\nEND:VEVENT\n"


def times(
    windows: list[Window], after: str = "2026-01-01", before: str = "2027-01-01"
) -> list[str]:
    low, high = (
        round(datetime.fromisoformat(t).replace(tzinfo=UTC).timestamp() * 1000)
        for t in (after, before)
    )
    found: list[Occurrence] = [o for one in windows for o in Schedule(one).between(low, high)]
    return [
        f"{datetime.fromtimestamp(o.starts_ms / 1000, UTC):%m-%d %H:%M}"
        f"-{datetime.fromtimestamp(o.ends_ms / 1000, UTC):%H:%M}"
        for o in sorted(found, key=lambda o: o.starts_ms)
    ]


def test_a_weekly_event_becomes_a_recurring_window_that_follows_summer_time() -> None:
    (window,) = read(ics(SERIES), created_by="ann")
    assert window.words == 'service="db", env=~"prod|qa"'
    assert (window.name, window.comment, window.source) == ("Vacuum", "Ann does it", "ical")
    expected = ["03-02 01:00-03:00", "03-16 01:00-03:00", "03-23 01:00-03:00", "03-30 00:00-02:00"]
    assert times([window]) == expected


def test_a_moved_and_a_cancelled_occurrence_leave_the_series() -> None:
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20260316T020000",
        "DTSTART;TZID=Europe/Berlin:20260317T020000",
        "DTEND;TZID=Europe/Berlin:20260317T030000",
        uid="db@example",
    )
    cancelled = event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20260323T020000",
        "DTSTART;TZID=Europe/Berlin:20260323T020000",
        "DTEND;TZID=Europe/Berlin:20260323T040000",
        "STATUS:CANCELLED",
        uid="db@example",
    )
    found = read(ics(SERIES, moved, cancelled), created_by="ann")
    assert times(found) == ["03-02 01:00-03:00", "03-17 01:00-02:00", "03-30 00:00-02:00"]
    assert {window.words for window in found} == {'service="db", env=~"prod|qa"'}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ("DTSTART:20260301T100000Z", "DTEND:20260301T113000Z"),
            "03-01 10:00-11:30",
            id="once, in UTC",
        ),
        pytest.param(
            ("DTSTART:20260301T100000Z", "DURATION:PT45M"), "03-01 10:00-10:45", id="a duration"
        ),
        pytest.param(("DTSTART;VALUE=DATE:20260301",), "03-01 00:00-00:00", id="a whole day"),
        pytest.param(
            ("DTSTART:20260301T100000", "DTEND:20260301T110000"),
            "03-01 15:00-16:00",
            id="without a zone it is the import's",
        ),
    ],
)
def test_times_are_read_as_calendars_write_them(lines: tuple[str, ...], expected: str) -> None:
    given = event(*lines, "X-TOCSIN-MATCHERS:a=b")
    zone = "America/New_York" if "Z" not in "".join(lines) and "VALUE" not in lines[0] else "UTC"
    assert times(read(ics(given), created_by="x", default_zone=zone)) == [expected]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(ics(), "has no event", id="an empty calendar"),
        pytest.param(b"hello", "no calendar", id="no calendar at all"),
        pytest.param(
            ics(event("SUMMARY:Lunch", "DTSTART:20260301T100000Z", "DURATION:PT1H")),
            "event 1 ('Lunch'): it does not say which alerts it holds back; write the property "
            "X-TOCSIN-MATCHERS",
            id="no conditions",
        ),
        pytest.param(
            ics(event("DTSTART:20260301T100000Z", "DURATION:PT1H", "X-TOCSIN-MATCHERS:a=~(")),
            "event 1",
            id="a wrong condition",
        ),
        pytest.param(
            ics(event("DURATION:PT1H", "X-TOCSIN-MATCHERS:a=b")), "no DTSTART", id="no beginning"
        ),
        pytest.param(
            ics(event("DTSTART:20260301T100000Z", "X-TOCSIN-MATCHERS:a=b")),
            "ends before it has begun",
            id="no end",
        ),
        pytest.param(
            ics(
                event(
                    "DTSTART:20260301T100000Z",
                    "DURATION:PT1H",
                    "RRULE:FREQ=SECONDLY",
                    "X-TOCSIN-MATCHERS:a=b",
                )
            ),
            "one of HOURLY",
            id="every second",
        ),
        pytest.param(
            ics(
                event(
                    "DTSTART:20260301T100000Z",
                    "DURATION:PT1H",
                    "RDATE:20260401T100000Z",
                    "X-TOCSIN-MATCHERS:a=b",
                )
            ),
            "RDATE is not supported",
            id="dates one by one",
        ),
        pytest.param(ics(SERIES, SERIES), "used twice", id="one UID of two events"),
    ],
)
def test_what_makes_no_window_is_refused_with_the_event_and_a_remedy(
    given: bytes, words: str
) -> None:
    with pytest.raises(Rejected) as error:
        read(given, created_by="x")
    assert words in str(error.value)


def test_a_description_of_blanks_is_read_at_once() -> None:
    blank = "\\n" * 40_000 + " " * 40_000
    (found,) = read(
        ics(
            event(
                "DTSTART:20260302T020000Z",
                "DTEND:20260302T040000Z",
                f"DESCRIPTION:{blank}\\nmatchers: a=b{' ' * 40_000}",
            )
        ),
        created_by="ann",
    )
    assert [(one.name, one.value) for one in found.matchers] == [("a", "b")]


def test_conditions_given_with_the_import_are_for_events_without_their_own() -> None:
    plain = event("DTSTART:20260301T100000Z", "DURATION:PT1H", uid="b")
    found = read(ics(SERIES, plain), created_by="x", matchers='team="web"')
    assert [window.words for window in found] == ['service="db", env=~"prod|qa"', 'team="web"']


def test_what_is_exported_reads_back_as_the_same_windows() -> None:
    (window,) = read(ics(SERIES), created_by="ann")
    once = Window(
        id="1",
        name='Two, "quoted"; things',
        matchers=kept_matchers(['path=~"/a,b;c.*"', "x!=y"]),
        starts_ms=1_772_000_000_000,
        ends_ms=1_772_003_600_000,
        comment="line one\nline two",
    )
    text = export([window, once], now_ms=1_772_000_000_000, host="tocsin.example")
    assert b"TZID:Europe/Berlin" in text, "the zone is described for other programs"
    first, second = read(text, created_by="ann")
    assert (first.rule, first.excluded, first.uid) == (window.rule, window.excluded, window.uid)
    assert times([first]) == times([window])
    assert first.matchers == window.matchers
    assert (second.name, second.matchers, second.comment) == (
        once.name,
        once.matchers,
        once.comment,
    )
    assert (second.starts_ms, second.ends_ms) == (once.starts_ms, once.ends_ms)
