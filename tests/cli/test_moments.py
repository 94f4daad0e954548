"""What people type for a time means what they mean."""

from __future__ import annotations

import pytest

from tocsin.cli.moments import duration_seconds, moment_seconds
from tocsin.kit.fault import Rejected

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("90", 90.0, id="a bare number is seconds"),
        pytest.param("15s", 15.0, id="seconds"),
        pytest.param("1h30m", 5400.0, id="parts add up"),
        pytest.param("2d", 172_800.0, id="days"),
    ],
)
def test_a_duration(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "h1", "-5m"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Rejected):
        duration_seconds(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("now", NOW, id="now"),
        pytest.param("now-5m", NOW - 300, id="before now"),
        pytest.param("now+1h", NOW + 3600, id="after now"),
        pytest.param("1600000000", 1_600_000_000.0, id="a Unix time"),
        pytest.param("2023-11-14T22:13:20Z", NOW, id="RFC 3339 in UTC"),
        pytest.param("2023-11-14T23:13:20+01:00", NOW, id="RFC 3339 with a zone"),
        pytest.param("2023-11-14T22:13:20", NOW, id="no zone is UTC"),
    ],
)
def test_a_moment(text: str, moment: float) -> None:
    assert moment_seconds(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "now-", "12:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        moment_seconds(text, NOW)
