"""Has this account, or this address, guessed passwords too often?"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary

_MOST_KEYS = 20_000
_ADDRESS_FACTOR = 3
_ACCOUNT_FACTOR = 20


class TooManyAttempts(Temporary):
    """Somebody guesses passwords; nobody looks at this one."""


@dataclass(slots=True)
class _Count:
    attempts: int
    ends_at: float


class LoginThrottle:
    """Counts attempts within a window: of an account from one address, of an address for any
    account, and of an account from anywhere (more generously, so that a stranger cannot easily
    lock somebody out)."""

    def __init__(self, clock: Clock, *, attempts: int = 10, window_seconds: float = 300) -> None:
        self._clock = clock
        self._attempts = attempts
        self._window = window_seconds
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def attempt(self, account: str, ip: str) -> None:
        """Count one attempt, before the password is looked at.

        Raises TooManyAttempts when it is one too many.
        """
        now = self._clock.monotonic()
        limits = [(key, self._attempts * factor) for key, factor in _keys(account, ip)]
        for key, limit in limits:
            count = self._counts.get(key)
            if count is not None and now < count.ends_at and count.attempts >= limit:
                wait = count.ends_at - now
                raise TooManyAttempts(
                    f"too many wrong passwords; try again in {max(1, round(wait))} seconds", wait
                )
        for key, _ in limits:
            self._add(key, now)

    def succeeded(self, account: str, ip: str) -> None:
        """Take back the attempt of somebody who knew the password, and forget the typing errors
        before it; what others tried from the same address stays counted."""
        own, *shared = (key for key, _ in _keys(account, ip))
        self._counts.pop(own, None)
        for key in shared:
            count = self._counts.get(key)
            if count is not None:
                count.attempts -= 1

    def _add(self, key: tuple[str, str], now: float) -> None:
        count = self._counts.pop(key, None)
        if count is None or now >= count.ends_at:
            count = _Count(0, now + self._window)
        count.attempts += 1
        self._counts[key] = count
        while len(self._counts) > _MOST_KEYS:
            self._counts.popitem(last=False)


def _keys(account: str, ip: str) -> tuple[tuple[tuple[str, str], int], ...]:
    account = account.strip().lower()[:200]
    return (
        ((account, ip), 1),
        (("", ip), _ADDRESS_FACTOR),
        ((account, ""), _ACCOUNT_FACTOR),
    )
