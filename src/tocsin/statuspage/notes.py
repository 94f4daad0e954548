"""What have people set besides posts: overrides of components, and windows that are public?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.statuspage.judge import Override, PublicWindow
from tocsin.statuspage.post import title_of


class NoteKeeper(Protocol):
    """Where these survive. All raise Temporary when that does not answer."""

    async def save(self, note: Override | PublicWindow) -> None:
        """Keep it, replacing the one of the same component or window."""

    async def forget(self, note: Override | PublicWindow) -> None:
        """Keep it no longer."""

    async def all(self) -> Sequence[Override | PublicWindow]:
        """Every one."""


class Notes:
    """Overrides and public windows, in memory and where they are kept."""

    def __init__(self, keeper: NoteKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._overrides: dict[str, Override] = {}
        self._windows: dict[str, PublicWindow] = {}

    async def load(self) -> None:
        """Read what is kept."""
        kept = await self._keeper.all()
        self._overrides = {one.component: one for one in kept if isinstance(one, Override)}
        self._windows = {one.window: one for one in kept if isinstance(one, PublicWindow)}

    def override_of(self, component: str) -> Override | None:
        """What holds now; None when nothing does."""
        found = self._overrides.get(component)
        return found if found is not None and found.holds(self._clock.now_ms()) else None

    @property
    def windows(self) -> Iterable[PublicWindow]:
        """Every window that is public."""
        return list(self._windows.values())

    def window(self, window_id: str) -> PublicWindow | None:
        """The public words of one; None when it is not public."""
        return self._windows.get(window_id)

    async def override(self, given: Override) -> None:
        """Say how a component is."""
        if given.until_ms and given.until_ms <= self._clock.now_ms():
            raise Rejected("this would be over already; give a later end")
        await self._keeper.save(given)
        self._overrides[given.component] = given

    async def take_back(self, component: str) -> None:
        """The component is again as it is measured. Raises NotFound."""
        found = self._overrides.get(component)
        if found is None:
            raise NotFound("nobody has set this component's state")
        await self._keeper.forget(found)
        del self._overrides[component]

    async def publish(self, window: PublicWindow) -> None:
        """Tell the public of a maintenance window."""
        title_of(window.title)
        await self._keeper.save(window)
        self._windows[window.window] = window

    async def withdraw(self, window_id: str) -> None:
        """Tell of it no longer. Raises NotFound."""
        found = self._windows.get(window_id)
        if found is None:
            raise NotFound("this window is not on the status page")
        await self._keeper.forget(found)
        del self._windows[window_id]
