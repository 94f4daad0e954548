"""What the configuration comes to, and that every mistake is told with its place and remedy."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.oncall.world import CONFIG, at, plan_of, read
from tocsin.oncall.calendar_file import keep
from tocsin.oncall.mistakes import OnCallError


def test_people_teams_and_schedules_become_values(tmp_path: Path) -> None:
    roster = read(CONFIG)

    ana = roster.people["ana"]
    assert ana.full_name == "Ana Lima"
    assert [(one.name, one.kind, one.address) for one in ana.methods] == [
        ("phone", "push", ""),
        ("sms", "sms", "+4915112345678"),
        ("mail", "email", "ana@example.com"),
    ]
    assert [(one.method, one.after_ms) for one in ana.rules] == [("phone", 0), ("sms", 120_000)]
    assert [one.method for one in ana.low_rules] == ["mail"]
    assert roster.teams["core"].members == ("ana", "bo")
    assert roster.default_schedule == "primary"


def test_a_hand_off_at_nine_stays_at_nine_when_clocks_change() -> None:
    roster = read(CONFIG)

    shifts = roster.shifts("primary", at("2026-10-19 12:00"), at("2026-11-01 12:00"))

    assert [(one.person, one.starts_ms, one.ends_ms) for one in shifts] == [
        ("ana", at("2026-10-19 09:00"), at("2026-10-26 09:00")),
        ("bo", at("2026-10-26 09:00"), at("2026-11-02 09:00")),
    ]
    assert shifts[0].ends_ms - shifts[0].starts_ms == (7 * 24 + 1) * 3_600_000


def test_whoever_follows_in_the_rotation_is_second() -> None:
    roster = read(CONFIG)

    assert roster.on_call("primary", at("2026-10-20 00:00")) == "ana"
    assert roster.on_call("primary", at("2026-10-20 00:00"), rank=1) == "bo"
    assert roster.on_call("", at("2026-10-20 00:00"), rank=2) == "cai"
    assert roster.on_call("primary", at("2026-10-20 00:00"), rank=3) is None


def test_layers_marked_secondary_say_who_is_second() -> None:
    roster = read(
        CONFIG.replace(
            "      start: 2026-01-19\n",
            "      start: 2026-01-19\n"
            "    - {name: second, people: [cai, ana], rotation: daily, rank: secondary}\n",
        )
    )

    day = [roster.on_call("primary", at(f"2026-10-{d} 12:00"), rank=1) for d in (20, 21, 22)]
    assert day in (["cai", "ana", "cai"], ["ana", "cai", "ana"])


def test_a_holiday_has_a_stand_in_or_nobody() -> None:
    roster = read(
        CONFIG.replace(
            "    layers:",
            "    holidays:\n"
            "      dates:\n"
            "      - {date: 12-25, name: Christmas, stand_in: cai}\n"
            "      - {date: 2026-12-26, until: 2026-12-27, name: Closed, stand_in: uncovered}\n"
            "    layers:",
            1,
        )
    )

    assert roster.on_call("primary", at("2026-12-25 00:00")) == "cai"
    assert roster.on_call("primary", at("2026-12-25 23:59")) == "cai"
    assert roster.on_call("primary", at("2026-12-26 12:00")) is None
    gaps = roster.gaps("primary", at("2026-12-20 00:00"), at("2027-01-01 00:00"))
    assert [(one.starts_ms, one.ends_ms, one.reason) for one in gaps] == [
        (at("2026-12-26 00:00"), at("2026-12-28 00:00"), "Closed")
    ]
    assert roster.on_call("primary", at("2027-12-25 12:00")) == "cai"


def test_a_persons_own_holiday_is_only_theirs() -> None:
    roster = read(
        CONFIG.replace(
            "    layers:",
            "    holidays:\n"
            "      dates: [{date: 2026-10-19, until: 2026-11-08, people: [bo], stand_in: cai}]\n"
            "    layers:",
            1,
        )
    )

    shifts = roster.shifts("primary", at("2026-10-20 00:00"), at("2026-11-03 00:00"))
    assert [one.person for one in shifts] == ["ana", "cai", "cai"]
    assert shifts[1].layer == "holiday"


def test_the_sun_is_followed_without_a_gap_and_without_two_at_once() -> None:
    roster = read(
        CONFIG
        + """
  sun:
    timezone: UTC
    layers:
    - {name: europe, people: [ana], rotation: daily, timezone: Europe/Berlin,
       restrictions: [{from: "08:00", to: "20:00"}]}
    - {name: america, people: [bo], rotation: daily, timezone: Europe/Berlin,
       restrictions: [{from: "20:00", to: "08:00"}]}
"""
    )

    begin, end = at("2026-10-24 00:00"), at("2026-10-28 00:00")
    shifts = roster.shifts("sun", begin, end)
    assert not roster.gaps("sun", begin, end)
    assert {one.person for one in shifts} == {"ana", "bo"}
    for one, following in itertools.pairwise(shifts):
        assert one.ends_ms == following.starts_ms


def test_a_calendar_is_imported_by_titles_and_attendees(tmp_path: Path) -> None:
    (tmp_path / "rota.ics").write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:On call: Ana Lima\r\nDTSTART:20261020T080000Z\r\n"
        "DTEND:20261021T080000Z\r\nRRULE:FREQ=DAILY;INTERVAL=2;COUNT=2\r\nEND:VEVENT\r\n"
        "BEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Rota\r\nATTENDEE:mailto:bo@example.com\r\n"
        "DTSTART:20261021T080000Z\r\nDTEND:20261022T080000Z\r\nEND:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )
    text = CONFIG + "\n  other:\n    import: rota.ics\n"

    plan = plan_of(text, tmp_path)

    shifts = plan.roster.shifts("other", at("2026-10-01 00:00"), at("2026-11-01 00:00"))
    assert [(one.person, one.layer) for one in shifts] == [
        ("ana", "import"),
        ("bo", "import"),
        ("ana", "import"),
    ]
    assert plan.calendars.files == [(tmp_path / "rota.ics").resolve()]


def _event(uid: str, title: str, starts: str, ends: str, *more: str) -> str:
    lines = (f"UID:{uid}", f"SUMMARY:{title}", f"DTSTART{starts}", f"DTEND{ends}", *more)
    return "\r\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT"))


def _calendar(*events: str) -> str:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x"
    return "\r\n".join((head, *events, "END:VCALENDAR", ""))


def test_events_that_put_two_people_on_call_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rota.ics").write_text(
        _calendar(
            _event("1", "ana", ":20261020T080000Z", ":20261021T080000Z", "RRULE:FREQ=WEEKLY"),
            _event("2", "bo", ":20261103T090000Z", ":20261103T100000Z"),
        )
    )
    with pytest.raises(OnCallError, match=r"the events 'ana' \(ana\) and 'bo' \(bo\) overlap"):
        plan_of(CONFIG + "\n  other:\n    import: rota.ics\n", tmp_path)


_ANA = _event("1", "ana", ":20261020T080000Z", ":20261020T090000Z", "RRULE:FREQ=DAILY")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        pytest.param(None, "cannot read", id="the file is gone"),
        pytest.param("<html>502</html>", "rota.ics: ", id="a proxy's page instead"),
        pytest.param(
            _calendar(_ANA, _event("2", "Lunch", ":20261021T100000Z", ":20261021T110000Z")),
            "'Lunch'", id="an event that names nobody",
        ),
        pytest.param(
            _calendar(_ANA, _event("2", "bo", ":20261021T083000Z", ":20261021T093000Z")),
            "overlap", id="two at once",
        ),
    ],
)  # fmt: skip
def test_a_calendar_that_went_wrong_counts_as_it_was_last_right(
    tmp_path: Path, wrong: str | None, why: str
) -> None:
    text, file, kept = CONFIG + "\n  other:\n    import: rota.ics\n", "rota.ics", tmp_path / "kept"
    (tmp_path / file).write_text(_calendar(_ANA))
    keep(plan_of(text, tmp_path, kept).calendars.good)
    (tmp_path / file).unlink()
    if wrong is not None:
        (tmp_path / file).write_text(wrong)

    plan = plan_of(text, tmp_path, kept)
    assert plan.roster.on_call("other", at("2026-10-21 10:30")) == "ana"
    assert why in plan.calendars.troubles[0]
    assert plan.calendars.good == {}, "what is wrong does not become the copy"
    with pytest.raises(OnCallError, match=r"rota\.ics"):
        plan_of(text, tmp_path)


def test_of_a_right_copy_the_events_of_who_left_since_are_left_out(tmp_path: Path) -> None:
    text, kept = CONFIG + "\n  other:\n    import: rota.ics\n", tmp_path / "kept"
    dee = _event("2", "dee", ":20261020T120000Z", ":20261020T130000Z", "RRULE:FREQ=DAILY")
    (tmp_path / "rota.ics").write_text(_calendar(_ANA, dee))
    keep(plan_of(text.replace("teams:", "  dee: {}\nteams:"), tmp_path, kept).calendars.good)

    plan = plan_of(text, tmp_path, kept)
    assert "names nobody of oncall.people" in plan.calendars.troubles[0]
    assert plan.roster.on_call("other", at("2026-10-21 10:30")) == "ana"
    assert plan.roster.on_call("other", at("2026-10-21 14:30")) is None


def test_the_events_of_a_holiday_calendar_have_the_stand_in(tmp_path: Path) -> None:
    day = ";VALUE=DATE:20251003", ";VALUE=DATE:20251004"
    (tmp_path / "germany.ics").write_text(
        _calendar(_event("1", "Unity Day", *day, "RRULE:FREQ=YEARLY"))
    )
    holidays = "    holidays: {file: germany.ics, stand_in: dee, people: [ana, bo]}\n    layers:"
    text = CONFIG.replace("    layers:", holidays, 1).replace("teams:", "  dee: {}\nteams:")

    roster = plan_of(text, tmp_path).roster

    whole = [at("2026-10-03 00:00"), at("2026-10-03 23:59"), at("2027-10-03 12:00")]
    assert {roster.on_call("primary", moment) for moment in whole} <= {"dee", "cai"}
    assert roster.on_call("primary", at("2026-10-02 23:59")) != "dee"
    assert roster.on_call("primary", at("2026-10-04 00:00")) != "dee"


def test_a_default_schedule_without_any_schedule_is_refused_at_its_place() -> None:
    with pytest.raises(OnCallError, match=r"^tocsin.yaml:1:1: default_schedule: 'x' is not in"):
        read("default_schedule: x")


def test_an_event_that_names_nobody_is_refused_with_its_title(tmp_path: Path) -> None:
    (tmp_path / "rota.ics").write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Team lunch\r\nDTSTART:20261020T080000Z\r\n"
        "DTEND:20261021T080000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    with pytest.raises(OnCallError, match=r"'Team lunch'.*names nobody of oncall\.people; write"):
        plan_of(CONFIG + "\n  other:\n    import: rota.ics\n", tmp_path)


LAYER = "    - {name: x, people: [ana], rotation: daily, start: 2026-02-01"

MISTAKES = [
    ("an unknown person in a rotation", "[ana, bo, cai]", "[ana, boo, cai]", "'boo' is not in"),
    ("the nearest name is told", "[ana, bo, cai]", "[ana, anna]", 'did you mean "ana"'),
    ("an empty rotation", "[ana, bo, cai]", "[]", "the rotation is empty"),
    (
        "an unknown zone",
        "Europe/Berlin\n    layers",
        "Europe/Bern\n    layers",
        "unknown time zone",
    ),
    ("a rotation that is no length", "rotation: weekly", "rotation: sometimes", "no length of a"),
    ("a hand-off that is no time", "Mon 09:00", "Mon 25:00", "no time of a day"),
    (
        "a day for turns of days",
        "weekly\n      handoff",
        "3 days\n      handoff",
        "leave Monday out",
    ),
    ("an unknown key", "handoff:", "hand_off:", 'did you mean "handoff"'),
    ("an unknown member of a team", "members: [ana, bo]", "members: [ana, zoe]", "oncall.people"),
    ("an empty team", "members: [ana, bo]", "members: []", "has no members"),
    ("a rule for a method that is not there", "method: sms", "method: call", "person's methods"),
    ("a method of an unknown kind", "kind: sms", "kind: pigeon", "the kinds of methods"),
    ("a method without an address", ', address: "+4915112345678"', "", "needs an address"),
    (
        "an unknown default schedule",
        "default_schedule: primary",
        "default_schedule: p",
        "'p' is not",
    ),
    ("a channel that is not there", "kind: sms", "kind: channel", "alerting.channels"),
    (
        "hours that overlap",
        "rotation: weekly",
        "rotation: weekly\n      restrictions: [{days: Mon-Fri, from: '08:00', to: '18:00'}, "
        "{days: wed, from: '17:00', to: '19:00'}]",
        "Wed 08:00 to Wed 18:00 and Wed 17:00 to Wed 19:00 overlap; join them",
    ),
    (
        "empty hours",
        "rotation: weekly",
        "rotation: weekly\n      restrictions: [{from: '08:00', to: '08:00'}]",
        "is empty; leave from and to out for the whole day",
    ),
    (
        "an empty list of hours",
        "rotation: weekly",
        "rotation: weekly\n      restrictions: []",
        "leave the key out for all week",
    ),
    (
        "a layer that another always hides",
        "    layers:\n",
        f"    layers:\n{LAYER}}}\n",
        "'x' overlaps with main at all times and would never count; remove one",
    ),
    (
        "an end before the start",
        "start: 2026-01-19",
        "start: 2026-01-19\n      end: 2026-01-01",
        "ends (2026-01-01) before it starts",
    ),
    (
        "holidays that put different people on call",
        "    layers:",
        "    holidays:\n      dates: [{date: 12-25, stand_in: cai}, "
        "{date: 2026-12-24, until: 2026-12-26, stand_in: bo}]\n    layers:",
        "overlaps with '12-25', which puts others on call",
    ),
    (
        "a stand-in who is nobody",
        "    layers:",
        "    holidays: {dates: [{date: 12-25, stand_in: zoe}]}\n    layers:",
        "'zoe' is not in oncall.people",
    ),
    (
        "a calendar that is not there",
        "    layers:",
        "    import: nowhere.ics\n    layers:",
        "nowhere.ics: No such file",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "words"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, words: str) -> None:
    assert old in CONFIG
    with pytest.raises(OnCallError) as refused:
        read(CONFIG.replace(old, new, 1))

    text = str(refused.value)
    assert words in text
    assert text.startswith("tocsin.yaml:"), "the place comes first"


def test_all_mistakes_are_told_at_once() -> None:
    text = CONFIG.replace("[ana, bo, cai]", "[zoe]").replace("members: [ana, bo]", "members: [yan]")
    with pytest.raises(OnCallError) as refused:
        read(text.replace("timezone: Europe/Lisbon", "timezone: Mars/Base"))

    assert len(refused.value.problems) == 3


def test_a_name_that_stands_twice_in_a_list_is_refused() -> None:
    text = "people: [{name: ana}, {name: bo}, {name: ana}]"
    with pytest.raises(OnCallError, match="there is a person 'ana' already"):
        read(text)
