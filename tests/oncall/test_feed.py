"""A schedule as a calendar: valid, stable, and read back as it was written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from icalendar import Calendar

from tests.oncall.world import CONFIG, NOW, at, plan_of, read
from tocsin.oncall.feed import person_feed, schedule_feed
from tocsin.oncall.override import Override

HOST = "tocsin.example.com"


def _events(data: bytes) -> list[tuple[str, datetime, datetime, str]]:
    calendar = Calendar.from_ical(data)
    assert not calendar.errors
    found = []
    for event in calendar.events:
        assert not event.errors
        starts, ends = event.DTSTART, event.DTEND
        assert isinstance(starts, datetime)
        assert isinstance(ends, datetime)
        found.append((str(event["SUMMARY"]), starts, ends, str(event["UID"])))
    return found


def test_a_feed_holds_each_shift_with_its_hand_off() -> None:
    data = schedule_feed(read(CONFIG), "primary", now_ms=at(NOW), host=HOST)

    events = _events(data)
    assert (
        "Ana Lima on call: primary",
        datetime(2026, 10, 19, 7, tzinfo=UTC),
        datetime(2026, 10, 26, 8, tzinfo=UTC),
    ) in [one[:3] for one in events]
    uids = [one[3] for one in events]
    assert len(set(uids)) == len(uids)
    assert all(uid.endswith(f"@{HOST}") for uid in uids)


def test_uids_stay_the_same_as_time_passes_and_in_a_persons_feed() -> None:
    roster = read(CONFIG)
    now = {one[1:] for one in _events(schedule_feed(roster, "", now_ms=at(NOW), host=HOST))}
    later = {
        one[1:]
        for one in _events(schedule_feed(roster, "", now_ms=at("2026-11-07 03:21"), host=HOST))
    }
    own = {one[1:] for one in _events(person_feed(roster, "ana", now_ms=at(NOW), host=HOST))}

    assert len(now & later) > 50
    assert own < now


def test_an_override_splits_a_shift_in_the_feed() -> None:
    override = Override(
        id="1",
        schedule="primary",
        person="cai",
        starts_ms=at("2026-10-21 09:00"),
        ends_ms=at("2026-10-21 18:00"),
        made_by="ana",
    )
    roster = read(CONFIG).with_overrides([override])

    titles = [one[0] for one in _events(schedule_feed(roster, "", now_ms=at(NOW), host=HOST))]
    at_ana = titles.index("cai on call: primary", titles.index("Ana Lima on call: primary"))
    assert "Ana Lima on call: primary" in (titles[at_ana - 1], titles[at_ana + 1])


def test_what_was_exported_is_imported_as_the_same_schedule(tmp_path: Path) -> None:
    roster = read(CONFIG)
    (tmp_path / "rota.ics").write_bytes(schedule_feed(roster, "", now_ms=at(NOW), host=HOST))

    again = plan_of(CONFIG + "\n  copy: {import: rota.ics}\n", tmp_path).roster

    for day in range(40):
        moment = at(NOW) + day * 86_400_000
        assert again.on_call("copy", moment) == roster.on_call("primary", moment)
