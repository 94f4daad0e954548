from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.alert.routing.moment import moment_ms, zone_of
from tocsin.kit.fault import Rejected

# A Wednesday, 14:30 UTC and 16:30 in Berlin.
NOW = round(datetime(2026, 5, 6, 14, 30, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", "2026-05-06 14:30"),
        ("", "2026-05-06 14:30"),
        ("now+2h", "2026-05-06 16:30"),
        ("now - 30m", "2026-05-06 14:00"),
        ("Sunday 03:00", "2026-05-10 01:00"),
        ("sun 3:00", "2026-05-10 01:00"),
        ("Wednesday 16:00", "2026-05-13 14:00"),
        ("Wednesday 17:00", "2026-05-06 15:00"),
        ("tomorrow 9:00", "2026-05-07 07:00"),
        ("tomorrow", "2026-05-06 22:00"),
        ("today 09:00", "2026-05-06 07:00"),
        ("22:30", "2026-05-06 20:30"),
        ("08:00", "2026-05-07 06:00"),
        ("2026-05-03T03:00", "2026-05-03 01:00"),
        ("2026-05-03T03:00Z", "2026-05-03 03:00"),
        ("1777777777", "2026-05-03 03:09"),
    ],
)
def test_a_moment_is_meant_by_the_clocks_of_its_zone(text: str, at: str) -> None:
    found = moment_ms(text, NOW, zone_of("Europe/Berlin"))
    assert f"{datetime.fromtimestamp(found / 1000, UTC):%Y-%m-%d %H:%M}" == at


@pytest.mark.parametrize("text", ["soon", "Sunday 25:00", "Sunday noon", "now+x", "24:00", "su 3"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        moment_ms(text, NOW, UTC)


def test_a_zone_that_is_not_known_is_refused() -> None:
    assert zone_of("") is UTC
    with pytest.raises(Rejected, match="Europe/Berlin"):
        zone_of("Moon/Crater")
