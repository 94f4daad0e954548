"""What did people change of a schedule? Who takes over when, and swaps that are asked for."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Override(msgspec.Struct, frozen=True, kw_only=True, tag="override"):
    """From `starts_ms` until before `ends_ms` (ms since the epoch) that person is on call."""

    id: str = ""
    """Empty until it is kept."""
    schedule: str
    person: str
    starts_ms: int
    ends_ms: int
    rank: int = 0
    """0: first on call, 1: second."""
    reason: str = ""
    made_by: str
    made_ms: int = 0
    swap: str = ""
    """The id of the swap that it comes from, empty without one."""


class SwapState(StrEnum):
    """How far a swap has come."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    """Its time came before anybody accepted."""


class Swap(msgspec.Struct, frozen=True, kw_only=True, tag="swap"):
    """Somebody asks to be replaced while on call in that time, by one person or by anyone."""

    id: str = ""
    schedule: str
    asked_by: str
    starts_ms: int
    ends_ms: int
    to: str = ""
    """Who is asked; empty: anyone may accept."""
    return_starts_ms: int = 0
    """When `asked_by` will replace whoever accepts, in return; 0 without."""
    return_ends_ms: int = 0
    note: str = ""
    state: SwapState = SwapState.OFFERED
    made_by: str
    made_ms: int = 0
    answered_by: str = ""
    answered_ms: int = 0
