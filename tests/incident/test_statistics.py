"""Statistics count what their definitions say, and say what they leave out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incident.afterwards.statistics import Noise, Statistics, spread, statistics_of
from tocsin.model.incidents import Entry, Incident, Link
from tocsin.model.labels import from_mapping

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


SPAN = (ms("2026-03-02"), ms("2026-03-30"))


def incident(number: int, opened: str, **given_: Any) -> Incident:
    at = ms(opened)
    times = {
        "started_ms": at - 2 * MINUTE,
        "acknowledged_ms": at + 5 * MINUTE,
        "acknowledged_by": "ana",
        "mitigated_ms": at + 20 * MINUTE,
        "resolved_ms": at + 58 * MINUTE,
    }
    values: dict[str, Any] = {"severity": "P1", "title": "x", "services": ("db",)}
    values |= {**times, **given_}
    return Incident(id=number, number=f"INC-2026-{number:04d}", opened_ms=at, **values)


def entry(incident_id: int, kind: str, at: str, author: str = "tocsin", **data: str) -> Entry:
    source = "escalation" if author == "tocsin" else "page"
    return Entry(
        incident_id=incident_id,
        at_ms=ms(at),
        kind=kind,
        author=author,
        source=source,
        text="x",
        data=data,
    )


def page(incident_id: int, at: str, person: str = "ana", state: str = "sent") -> Entry:
    return entry(incident_id, "page", at, person=person, state=state, method="sms")


def stats(incidents: list[Incident], entries: list[Entry] | None = None, **rest: Any) -> Statistics:
    return statistics_of(incidents, entries or [], SPAN, rest.pop("zone", "UTC"), **rest)


def test_each_measure_is_what_its_definition_says() -> None:
    found = stats([incident(1, "2026-03-03T10:00")]).overall.measures
    assert found["detect"].mean_ms == 2 * MINUTE
    assert found["acknowledge"].mean_ms == 5 * MINUTE
    assert found["mitigate"].mean_ms == 22 * MINUTE
    assert found["resolve"].mean_ms == HOUR


def test_what_is_not_known_is_not_counted_and_the_count_says_so() -> None:
    open_one = incident(
        2, "2026-03-04T10:00", acknowledged_ms=0, resolved_ms=0, mitigated_ms=0, started_ms=0
    )
    found = stats([incident(1, "2026-03-03T10:00"), open_one])
    assert found.counted == 2
    assert found.unfinished == 1
    counts = {name: one.count for name, one in found.overall.measures.items()}
    assert counts == {"detect": 1, "acknowledge": 1, "mitigate": 1, "resolve": 1}


def test_drills_and_merged_ones_are_left_out_and_named() -> None:
    found = stats(
        [
            incident(1, "2026-03-03T10:00"),
            incident(2, "2026-03-03T10:00", is_drill=True),
            incident(3, "2026-03-03T10:00", merged_into="INC-2026-0001"),
            incident(4, "2026-02-28T10:00"),
        ]
    )
    assert found.counted == 1
    assert found.left_out == {"drills": 1, "merged into another one": 1}


def test_weeks_begin_on_monday_by_the_clocks_of_the_zone_and_empty_ones_are_there() -> None:
    late = incident(1, "2026-03-08T23:30")  # Sunday in UTC, Monday in Berlin
    weeks = {one.name: one.incidents for one in stats([late]).by_week}
    assert weeks == {"2026-03-02": 1, "2026-03-09": 0, "2026-03-16": 0, "2026-03-23": 0}
    berlin = {one.name: one.incidents for one in stats([late], zone="Europe/Berlin").by_week}
    assert berlin["2026-03-09"] == 1


def test_an_incident_of_two_services_counts_for_both() -> None:
    found = stats([incident(1, "2026-03-03T10:00", services=("db", "web"), cause="Deploy")])
    assert [one.name for one in found.by_service] == ["db", "web"]
    assert [one.name for one in found.by_cause] == ["deploy"]
    bare = stats([incident(1, "2026-03-03T10:00", services=())])
    assert [one.name for one in bare.by_service] == ["none named"]


def test_the_heatmap_counts_openings_by_weekday_and_hour() -> None:
    found = stats([incident(1, "2026-03-03T10:59"), incident(2, "2026-03-10T10:00")])
    assert found.heatmap[1][10] == 2
    assert sum(map(sum, found.heatmap)) == 2
    berlin = stats([incident(1, "2026-03-03T23:30")], zone="Europe/Berlin")
    assert berlin.heatmap[2][0] == 1


def test_load_counts_pages_nights_and_hours_of_sleep_by_the_persons_own_clocks() -> None:
    entries = [
        page(1, "2026-03-03T23:10"),
        page(1, "2026-03-03T23:50"),
        page(1, "2026-03-04T02:00"),
        page(1, "2026-03-04T12:00"),
        page(1, "2026-03-04T12:01", state="failed"),
        page(1, "2026-03-07T12:00"),
        page(1, "2026-03-04T02:00", person="bo"),
    ]
    zones = {"ana": "UTC", "bo": "Asia/Tokyo"}
    found = stats([incident(1, "2026-03-03T23:00")], entries, zone_of=lambda who: zones[who])
    ana, bo = found.load
    assert (ana.pages, ana.at_night, ana.nights, ana.sleep_hours) == (5, 3, 1, 2)
    assert (ana.weekends, ana.failed, ana.incidents) == (1, 1, 1)
    assert (bo.pages, bo.at_night) == (1, 0)  # 11:00 in Tokyo


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    """In the night to 25 October 2026 it is 02:30 twice in Berlin."""
    span = (ms("2026-10-20"), ms("2026-10-30"))
    entries = [page(1, "2026-10-25T00:30"), page(1, "2026-10-25T01:30")]
    one = incident(1, "2026-10-25T00:00")
    found = statistics_of([one], entries, span, "UTC", lambda _: "Europe/Berlin")
    assert found.load[0].sleep_hours == 2


def test_the_alert_that_opened_an_incident_has_its_pages() -> None:
    first = Link(kind="alert", ref="a", labels=from_mapping({"alertname": "Noisy"}))
    second = Link(kind="alert", ref="b", labels=from_mapping({"alertname": "Other"}))
    incidents = [
        incident(1, "2026-03-03T10:00", links=(first, second)),
        incident(2, "2026-03-04T10:00", links=(first,)),
    ]
    entries = [
        page(1, "2026-03-03T10:01"),
        page(1, "2026-03-03T10:02", state="failed"),
        page(2, "2026-03-04T10:01"),
        entry(1, "acknowledged", "2026-03-03T10:04", author="ana"),
        entry(2, "acknowledged", "2026-03-04T10:04"),
        entry(1, "note", "2026-03-03T10:05", author="ana"),
        entry(2, "resolved", "2026-03-04T10:05"),
    ]
    assert stats(incidents, entries).noise == (
        Noise(alert="Noisy", incidents=2, pages=2, acknowledged=0.5, acted_on=0.5),
    )


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_a_spread_is_numpys(values: list[int]) -> None:
    found = spread(values)
    assert found.count == len(values)
    assert found.mean_ms == pytest.approx(sum(values) / len(values))
    assert found.median_ms == pytest.approx(float(np.median(values)))
    assert min(values) <= (found.p90_ms or 0) <= max(values)


def test_nothing_is_no_number() -> None:
    found = stats([])
    assert found.counted == 0
    assert found.overall.measures["resolve"].mean_ms is None
