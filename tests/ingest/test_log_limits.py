"""What each key may send, and what is left out beyond a service's budget."""

from __future__ import annotations

import pytest

from tocsin.ingest.logs.quota import KeyLimit, LimitsConfig, Quota
from tocsin.ingest.logs.sampling import Budget
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import TooMuch
from tocsin.kit.quantity import Duration, Size
from tocsin.model.logs import LogRecord


def line(level: int, service: str = "shop") -> LogRecord:
    return LogRecord(ts_ns=1, body="x" * 100, service=service, level=level, attributes={})


async def test_a_key_beyond_its_rate_is_told_how_long_to_wait(clock: FakeClock) -> None:
    limits = LimitsConfig(keys={"app": KeyLimit(lines_per_second=10, burst=Duration(10))})
    quota = Quota(clock, limits)
    quota.admit("app", 100, 1)
    with pytest.raises(TooMuch, match="app sends more than its limit of 10 lines/s") as told:
        quota.admit("app", 1, 1)
    assert told.value.retry_after == pytest.approx(0.1)
    quota.admit("other", 1_000_000, 1)
    await clock.advance(0.2)
    quota.admit("app", 1, 1)
    assert quota.usage["app"].refused == 1
    assert quota.usage["app"].lines == 101


async def test_a_request_larger_than_the_burst_is_taken_and_paid_for(clock: FakeClock) -> None:
    limit = KeyLimit(bytes_per_second=Size(100), burst=Duration(1))
    quota = Quota(clock, LimitsConfig(keys={"*": limit}))
    quota.admit("app", 1, 1_000)
    with pytest.raises(TooMuch) as told:
        quota.admit("app", 1, 1)
    assert told.value.retry_after == pytest.approx(9.01)
    await clock.advance(10)
    quota.admit("app", 1, 1)


@pytest.mark.parametrize(
    ("limit", "fitting"),
    [
        pytest.param(KeyLimit(lines_per_second=3, burst=Duration(2)), 12, id="of lines"),
        pytest.param(KeyLimit(bytes_per_second=Size(10), burst=Duration(5)), 10, id="of bytes"),
        pytest.param(
            KeyLimit(lines_per_second=1, bytes_per_second=Size(1000), burst=Duration(1)),
            2,
            id="of both",
        ),
        pytest.param(KeyLimit(), 30, id="none"),
    ],
)
async def test_what_can_come_in_part_comes_up_to_twice_a_burst(
    clock: FakeClock, limit: KeyLimit, fitting: int
) -> None:
    quota = Quota(clock, LimitsConfig(keys={"app": limit}))
    lines, why = quota.admit_some("app", [10] * 30)
    assert lines == fitting
    assert bool(why) is (fitting < 30)
    assert quota.usage["app"].lines == fitting
    if fitting < 30:
        with pytest.raises(TooMuch):
            quota.admit_some("app", [10])


def test_a_line_larger_than_all_limits_comes_alone(clock: FakeClock) -> None:
    limit = KeyLimit(bytes_per_second=Size(10), burst=Duration(1))
    quota = Quota(clock, LimitsConfig(keys={"*": limit}))
    assert quota.admit_some("app", [5_000, 1])[0] == 1


def test_beyond_a_budget_debug_goes_first_and_errors_never(clock: FakeClock) -> None:
    budget = Budget(clock, {"shop": Size(1000)})
    budget.begin({"shop": 1000})
    kept = budget([line(5) for _ in range(100)] + [line(13)] * 20 + [line(17)] * 20)
    assert sum(one.level == 17 for one in kept) == 20
    assert sum(one.level < 13 for one in kept) <= 10
    assert sum(one.weight for one in kept if one.level == 5) in range(1, 101)
    assert budget.left_out["shop"] > 80


async def test_a_budget_is_for_a_day_and_for_the_service_that_has_one(clock: FakeClock) -> None:
    budget = Budget(clock, {"shop": Size(1000)})
    budget.begin({"shop": 5000, "pay": 5000})
    assert len(budget([line(5, "pay")] * 50)) == 50
    assert len(budget([line(5)] * 50)) < 10
    await clock.advance(86_400)
    assert len(budget([line(5)] * 5)) == 5
