"""Lines on a terminal, in a pipe, and as bars."""

from __future__ import annotations

import pytest

from tocsin.cli.log_lines import head, spark, written
from tocsin.model.shown_line import ShownLine

LINE = ShownLine(
    time="2023-11-14T22:13:57.500000000Z",
    message="payment \x1b[2Jfailed",
    level="error",
    id="1-2-3",
    service="api\x9b",
    attributes={"region": "eu", "words": "two words"},
    original='{"message":"payment failed"}',
)


def test_nothing_of_a_line_steers_the_terminal() -> None:
    text = written(LINE, "pretty", coloured=False)
    assert "\x1b" not in text
    assert text.endswith('error api�: payment �[2Jfailed  region=eu words="two words"\n')
    assert "\x1b[31merror" in written(LINE, "pretty", coloured=True)


def test_other_programs_get_what_they_read() -> None:
    assert written(LINE, "raw", coloured=False) == '{"message":"payment failed"}\n'
    assert written(LINE, "json", coloured=False).startswith('{"time":"2023-11-14T22:13:57')
    assert head().startswith("time,level,service")
    assert written(LINE, "csv", coloured=False).startswith(LINE.time + ",error,api")


@pytest.mark.parametrize(
    ("counts", "bars"),
    [({0: 8, 60: 4, 120: 1}, "█▄▁"), ({120: 1}, "  █"), ({60: 0, 120: 2}, "  █")],
)
def test_bars_are_of_one_height(counts: dict[int, int], bars: str) -> None:
    first, times = spark({"error": counts}, 0, 180, 60, coloured=False)
    assert first == f"error   {bars} {sum(counts.values())}"
    assert times.strip()
