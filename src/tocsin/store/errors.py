"""What does an error of ClickHouse mean for who asked?"""

from __future__ import annotations

import re

from tocsin.kit.fault import Fault, Permanent, Rejected, Temporary, TooLarge


class StoreError(Fault):
    """SQL that the engine refuses: a bug of ours, or a schema that is not what we think."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class QueryTooLarge(TooLarge):
    """The query needs more memory or returns more than one query may."""


class QueryTimeout(Rejected):
    """The query took longer than it may."""


class DiskFull(Temporary):
    """No space is left where the telemetry lies; writes are refused, queries go on."""


class LogFull(Temporary):
    """The store has been away for so long that no more can be kept for it."""


_TOO_LARGE = frozenset({158, 241, 307, 396})
_TIMEOUT = frozenset({159, 160})
_OF_THE_DATA = frozenset(
    {6, 20, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 130, 131, 321, 349, 407, 469}
)
"""Text that does not parse, values out of range, constraints (ClickHouse's ErrorCodes.cpp)."""

_BUSY = {
    202: "the store has too many queries at once",
    252: "the store has too many parts and merges first",
    242: "the store's table is read-only for the moment",
    209: "the store's network timed out",
    210: "the store's network failed",
    279: "the store's nodes cannot be reached",
    394: "the query was cancelled",
    999: "the store's keeper does not answer",
}
_NO_SPACE = re.compile(r"No space left on device|errno: 28\b|NOT_ENOUGH_SPACE", re.IGNORECASE)
_NOISE = re.compile(
    r"^Received ClickHouse exception, code: \d+, server response: |"
    r"Code: \d+\. |DB::Exception: |\(for url [^)]*\)$|\(version [^)]*\)"
)


def blames_the_data(fault: Fault) -> bool:
    """Whether an insert was refused for its rows, and not for a trouble of the store's own."""
    return isinstance(fault, Rejected) or (
        isinstance(fault, StoreError) and fault.code in _OF_THE_DATA
    )


def fault_of(code: int | None, text: str) -> Fault:
    """The fault that says what to do about an error with that ClickHouse code."""
    words = _NOISE.sub("", text).strip()
    if code == 243 or _NO_SPACE.search(text):
        return DiskFull(
            f"no space is left for telemetry: {words}; free disk space or lower retention", 30.0
        )
    if code == 241 and "(total)" in text:
        return Temporary(f"the store is short of memory just now: {words}", 1.0)
    if code in _TOO_LARGE:
        return QueryTooLarge(
            f"the query is too large: {words}; narrow the time range or the selectors, "
            "or raise store.query_memory_limit"
        )
    if code in _TIMEOUT:
        return QueryTimeout(
            f"the query took too long: {words}; narrow the time range or the selectors, "
            "or allow a longer timeout"
        )
    if code in _BUSY:
        return Temporary(f"{_BUSY[code]}: {words}", 5.0 if code == 252 else 1.0)
    if code in (193, 194, 516):
        return Permanent(f"the store refuses our login: {words}; check store.user and password")
    return StoreError(words, code)
