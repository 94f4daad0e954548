"""Times in every way in which senders write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.timestamps import nanoseconds

SECOND = 1_777_899_600
MOMENT = SECOND * 1_000_000_000 + 250_000_000


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-04T13:00:00.250Z",
        "2026-05-04T13:00:00.250000000Z",
        "2026-05-04T13:00:00.25+00:00",
        "2026-05-04T15:00:00.250+02:00",
        "2026-05-04T15:00:00.250+0200",
        "2026-05-04 13:00:00.250",
        "2026-05-04 13:00:00,250",
        " 2026-05-04T13:00:00.250Z ",
        "1777899600.25",
        "1777899600250",
        "1777899600250000",
        "1777899600250000000",
    ],
)
def test_the_same_moment_is_read_of(text: str) -> None:
    assert nanoseconds(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "04/May/2026:13:00:00 +0000",
        "Mon, 04 May 2026 13:00:00 GMT",
        "2026-05-04T13:00:00Z",
        "1777899600",
        "20260504T130000Z",
    ],
)
def test_the_same_second_is_read_of(text: str) -> None:
    assert nanoseconds(text) == SECOND * 1_000_000_000


def test_nanoseconds_are_kept() -> None:
    assert nanoseconds("2026-05-04T13:00:00.123456789Z") == SECOND * 1_000_000_000 + 123_456_789
    assert nanoseconds("2026-05-04T15:00:00.123456789+02:00") == (
        SECOND * 1_000_000_000 + 123_456_789
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "12",
        "-1",
        "1e9",
        "nan",
        "2026-13-04T13:00:00Z",
        "9999-01-01T00:00:00Z",
        "²",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert nanoseconds(text) is None


@given(st.text(max_size=60) | st.text("0123456789-:.TZ+ ,", max_size=40))
def test_any_text_is_a_time_that_the_store_can_hold_or_none(text: str) -> None:
    found = nanoseconds(text)
    assert found is None or 0 <= found < 1 << 63


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)))  # noqa: DTZ001  made UTC below
def test_what_python_writes_is_read_exactly(at: datetime) -> None:
    aware = at.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    assert nanoseconds(aware.isoformat()) == expected
    assert nanoseconds(aware.isoformat().replace("+00:00", "Z")) == expected
