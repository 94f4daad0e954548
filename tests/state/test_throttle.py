from __future__ import annotations

import pytest

from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.state.throttle import LoginThrottle


async def test_too_many_attempts_must_wait(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock, attempts=3, window_seconds=60)
    for _ in range(3):
        throttle.attempt("bo", "1.1.1.1")
    await clock.advance(20)
    with pytest.raises(Temporary, match="try again in 40 seconds") as caught:
        throttle.attempt("Bo ", "1.1.1.1")
    assert caught.value.retry_after == 40
    throttle.attempt("bo", "2.2.2.2")
    throttle.attempt("ann", "1.1.1.1")
    await clock.advance(41)
    throttle.attempt("bo", "1.1.1.1")


def test_knowing_the_password_forgets_the_typing_errors(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock, attempts=3)
    for _ in range(20):
        throttle.attempt("bo", "1.1.1.1")
        throttle.succeeded("bo", "1.1.1.1")
    for _ in range(3):
        throttle.attempt("bo", "1.1.1.1")
    with pytest.raises(Temporary):
        throttle.attempt("bo", "1.1.1.1")


def test_an_address_that_tries_many_accounts_must_wait(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock, attempts=3)
    for number in range(9):
        throttle.attempt(f"user{number}", "1.1.1.1")
        if number == 0:
            throttle.succeeded("user0", "1.1.1.1")
    throttle.attempt("one more", "1.1.1.1")
    with pytest.raises(Temporary):
        throttle.attempt("another", "1.1.1.1")


def test_an_account_tried_from_many_addresses_must_wait(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock, attempts=3)
    for number in range(60):
        throttle.attempt("bo", f"1.1.1.{number}")
    with pytest.raises(Temporary):
        throttle.attempt("bo", "2.2.2.2")


def test_a_flood_of_names_takes_bounded_memory(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    for number in range(15_000):
        throttle.attempt(f"user{number}", f"address{number}")
    assert len(throttle._counts) <= 20_000
