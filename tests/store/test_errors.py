"""What an error of ClickHouse means for who asked."""

from __future__ import annotations

import pytest

from tocsin.kit.fault import Permanent, Rejected, Temporary, TooLarge
from tocsin.store.errors import DiskFull, QueryTimeout, QueryTooLarge, StoreError, fault_of

WORDS = "Received ClickHouse exception, code: 1, server response: Code: 1. DB::Exception: {}"


@pytest.mark.parametrize(
    ("code", "text", "expected", "base"),
    [
        pytest.param(241, "Query memory limit exceeded", QueryTooLarge, TooLarge, id="its memory"),
        pytest.param(241, "(total) memory limit exceeded", Temporary, Temporary, id="all memory"),
        pytest.param(396, "Limit for result exceeded", QueryTooLarge, Rejected, id="its result"),
        pytest.param(159, "Timeout exceeded", QueryTimeout, Rejected, id="its time"),
        pytest.param(252, "Too many parts (3000)", Temporary, Temporary, id="too many parts"),
        pytest.param(202, "Too many queries", Temporary, Temporary, id="too many queries"),
        pytest.param(243, "Cannot reserve 1 MiB", DiskFull, Temporary, id="no space to reserve"),
        pytest.param(1001, "write: errno: 28, strerror: No space left on device", DiskFull,
                     Temporary, id="no space to write"),
        pytest.param(516, "Authentication failed", Permanent, Permanent, id="a wrong login"),
        pytest.param(60, "Unknown table", StoreError, StoreError, id="anything else"),
    ],
)  # fmt: skip
def test_a_code_becomes_what_to_do(
    code: int, text: str, expected: type[Exception], base: type[Exception]
) -> None:
    fault = fault_of(code, WORDS.format(text))
    assert type(fault) is expected
    assert isinstance(fault, base)
    assert text in str(fault)
    assert "DB::Exception" not in str(fault)


def test_what_is_temporary_says_when_to_come_back() -> None:
    for code in (202, 243, 252, 394):
        fault = fault_of(code, "busy")
        assert isinstance(fault, Temporary)
        assert fault.retry_after is not None
