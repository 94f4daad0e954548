"""May a caller whose connection stays open still go on? Asked again every few seconds.

A request is looked at when it begins. What goes on for hours must end soon after its key is
revoked, its session is over, or its user may do less.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Temporary
from tocsin.web.identity import Identity
from tocsin.web.routing import Access

SECONDS = 2.0
STALLED_SECONDS = 30.0
"""For so long a caller may read nothing of what is sent; then its place is for another one."""

Ask = Callable[[], Awaitable[Identity]]
"""Who the caller is now; may raise Temporary."""

ENDED = "the key or the login that this was opened with is no longer valid"


class Lease:
    """One caller's leave to go on with what an address gives."""

    def __init__(
        self, clock: Clock, ask: Callable[[], Awaitable[Identity]], access: Access
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._access = access
        self._until = clock.monotonic() + SECONDS

    async def holds(self) -> bool:
        """Whether the caller still may; looked up when that was `SECONDS` ago. What cannot be
        looked up, as the database is away, goes on."""
        if self._clock.monotonic() < self._until:
            return True
        self._until = self._clock.monotonic() + SECONDS
        try:
            who = await self._ask()
        except Temporary:
            return True
        return who.allows(self._access)


def lease_of(request: Request) -> Lease | None:
    """The caller's lease; None where no guard looked at the request."""
    found = getattr(request.state, "lease", None)
    return found if isinstance(found, Lease) else None
