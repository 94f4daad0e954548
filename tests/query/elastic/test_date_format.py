"""Bucket times are written as Java writes them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tocsin.query.elastic.date_format import written
from tocsin.query.elastic.dates import zone_of
from tocsin.query.elastic.faults import ElasticFault

AT_MS = 1_699_999_640_123  # 2023-11-14T22:07:20.123Z, a Tuesday


@pytest.mark.parametrize(
    ("form", "zone", "text"),
    [
        ("", "UTC", "2023-11-14T22:07:20.123Z"),
        ("", "Europe/Berlin", "2023-11-14T23:07:20.123+01:00"),
        ("strict_date_optional_time||epoch_millis", "UTC", "2023-11-14T22:07:20.123Z"),
        ("epoch_millis", "Europe/Berlin", "1699999640123"),
        ("epoch_second", "UTC", "1699999640"),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "UTC", "2023-11-14T22:07:20Z"),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "Asia/Kolkata", "2023-11-15T03:37:20+05:30"),
        ("HH:mm X", "Asia/Kolkata", "03:37 +0530"),
        ("HH:mm X", "Europe/Berlin", "23:07 +01"),
        ("HH:mm XX", "-03:30", "18:37 -0330"),
        ("HH:mm xxx", "UTC", "22:07 +00:00"),
        ("HH:mm Z", "Europe/Berlin", "23:07 +0100"),
        ("ZZZZ", "Europe/Berlin", "GMT+01:00"),
        ("ZZZZZ", "UTC", "Z"),
        ("d.M.yy h:mm a", "UTC", "14.11.23 10:07 PM"),
        ("EEE, dd MMM uuuu", "UTC", "Tue, 14 Nov 2023"),
        ("EEEE MMMM QQ ww", "UTC", "Tuesday November 04 46"),
        ("ss.SSSSSSSSS", "UTC", "20.123000000"),
        ("'o''clock'", "UTC", "o'clock"),
        ("HH ''", "UTC", "22 '"),
        ("basic_date||epoch_millis", "UTC", "20231114"),
        ("strict_year_month", "UTC", "2023-11"),
    ],
)
def test_a_time_is_written_in_its_format(form: str, zone: str, text: str) -> None:
    assert written(form, zone_of(zone))(AT_MS) == text


def test_summer_time_moves_the_offset() -> None:
    write = written("HH:mm XXX", ZoneInfo("Europe/Berlin"))
    assert write(1_690_000_000_000) == "06:26 +02:00"


@pytest.mark.parametrize("form", ["b", "yyyy-MM-dd foo", "y" * 200])
def test_what_java_does_not_know_is_refused(form: str) -> None:
    with pytest.raises(ElasticFault, match="Invalid format"):
        written(form, zone_of(""))
