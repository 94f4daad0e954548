from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration, Size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15s", 15), ("1h30m", 5400), ("30d", 2592000), ("500ms", 0.5), ("1.5s", 1.5), ("0", 0),
     ("1y1w", 365 * 86400 + 7 * 86400)],
)  # fmt: skip
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert Duration.from_config(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "1m1h", "-1s", "1 s", "s1", "1d" * 40, "1₂s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="expected a duration such as 15s, 1h30m or 30d"):
        Duration.from_config(text)


@pytest.mark.parametrize("text", ["293y", "99999999999y", "9300000000s", "9" * 40 + "ms"])
def test_a_duration_beyond_prometheus_own_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="expected at most 292y"):
        Duration.from_config(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("512MiB", 512 << 20), ("10GB", 10**10), ("1k", 1024), ("2 TiB", 2 << 40),
     ("1.5KiB", 1536), ("77B", 77)],
)  # fmt: skip
def test_a_size_is_read(text: str, size: int) -> None:
    assert Size.from_config(text) == size


@pytest.mark.parametrize("text", ["", "-1", "MiB", "1XB", "9" * 50 + "TiB", "1" * 80])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="expected a size such as 512MiB or 10GB"):
        Size.from_config(text)


@given(st.integers(0, 10**14))
def test_what_is_printed_can_be_read_again(number: int) -> None:
    assert Size.from_config(str(Size(number))) == number


@given(st.integers(0, 9 * 10**12))
def test_a_duration_that_is_printed_can_be_read_again(number: int) -> None:
    assert Duration.from_config(str(Duration(number / 1000))).ms == number
