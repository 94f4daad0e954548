"""What became slow or fails is told, and what did not is not."""

from __future__ import annotations

import pytest

from tocsin.query.traces.answers import Rate
from tocsin.query.traces.change import changes

MS = 1_000_000


def rate(requests: int, failures: int, p95_ms: int, name: str = "GET /") -> Rate:
    return Rate(
        service="api",
        name=name,
        kind="server",
        requests=requests,
        failures=failures,
        p95_ns=p95_ms * MS,
    )


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        pytest.param(rate(100, 1, 50), rate(100, 30, 50), "30.0% failed, 1.0% before", id="fails"),
        pytest.param(
            rate(100, 0, 50), rate(100, 0, 1500), "95 % took up to 1.5 s, 50 ms before", id="slow"
        ),
        pytest.param(None, rate(100, 50, 10), "50.0% failed, 0.0% before", id="new and fails"),
        pytest.param(None, rate(100, 0, 9000), "", id="new and slow says nothing"),
        pytest.param(rate(100, 0, 1), rate(100, 0, 4), "", id="some ms more are no trouble"),
        pytest.param(rate(100, 20, 50), rate(100, 25, 50), "", id="failed as often before"),
        pytest.param(rate(100, 0, 50), rate(5, 5, 50), "", id="too few to tell"),
    ],
)
def test_an_operation_is_told_when_it_changed(before: Rate | None, now: Rate, words: str) -> None:
    found = changes([before] if before else [], [now])
    assert [one.words for one in found] == ([words] if words else [])


def test_what_fails_comes_before_what_is_slow() -> None:
    before = [rate(100, 0, 50, "a"), rate(100, 0, 50, "b")]
    now = [rate(100, 0, 5000, "a"), rate(100, 50, 50, "b")]
    assert [one.now.name for one in changes(before, now)] == ["b", "a"]
