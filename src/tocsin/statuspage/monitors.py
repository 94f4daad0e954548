"""What do monitors and alerts say of components now?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Fault, Temporary
from tocsin.model.labels import Labels
from tocsin.statuspage.component_state import ComponentState
from tocsin.statuspage.config import ComponentConfig
from tocsin.statuspage.judge import OpenWindow, is_about, of_alerts, of_monitor

_log = log.get("status_page")
_QUERY_SECONDS = 20.0
_AT_ONCE = 4


class Measured(Protocol):
    """What is measured and fires."""

    async def values(self, expression: str, at_ms: int) -> list[float]:
        """The values of PromQL at that moment. Raises a Fault when it cannot be asked."""

    def firing(self) -> Iterable[Labels]:
        """The labels of alerts that fire."""

    def windows(self, after_ms: int, before_ms: int) -> Sequence[OpenWindow]:
        """Public maintenance windows that are open in that time, even in part."""


class Monitors:
    """The last state of each monitor."""

    def __init__(self, measured: Measured, clock: Clock) -> None:
        self._measured = measured
        self._clock = clock
        self._components: Sequence[ComponentConfig] = ()
        self._states: dict[str, ComponentState | None] = {}

    def configure(self, components: Iterable[ComponentConfig]) -> None:
        """Ask these from now on."""
        self._components = [one for one in components if one.monitor]
        self._states = {one.key: self._states.get(one.key) for one in self._components}

    def state(self, component: str) -> ComponentState | None:
        """What its monitor said last; None when it has none, or no data."""
        return self._states.get(component)

    async def measure(self) -> bool:
        """Whether every monitor could be asked; those that could not keep their last state."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(component: ComponentConfig) -> bool:
            async with slots:
                return await self._measure(component)

        return all(await asyncio.gather(*(one(component) for component in self._components)))

    async def _measure(self, component: ComponentConfig) -> bool:
        now = self._clock.now_ms()
        values: list[float] = []
        slow: list[float] = []
        try:
            async with asyncio.timeout(_QUERY_SECONDS):
                values = await self._measured.values(component.monitor, now)
                if component.degraded:
                    slow = await self._measured.values(component.degraded, now)
        except (Temporary, TimeoutError) as error:
            _log.warning("status_not_measured", component=component.key, error=str(error))
            return False
        except Fault as error:  # it can be asked, and makes no sense: nothing is known
            _log.warning("status_monitor_wrong", component=component.key, error=str(error))
            values = []
        self._states[component.key] = of_monitor(values, slow)
        return True


def concerned(components: Iterable[ComponentConfig], alerts: Iterable[Labels]) -> list[str]:
    """The ids of components that any of the alerts concerns."""
    known = list(alerts)
    return [
        one.key
        for one in components
        if one.enabled and any(is_about(one.alerts.conditions, labels) for labels in known)
    ]


def of_component(
    one: ComponentConfig, firing: Iterable[Labels], severities: Mapping[str, ComponentState]
) -> ComponentState | None:
    """What the alerts say of it; None when it has none. `severities` are the page's own."""
    if not one.alerts:
        return None
    return of_alerts(one.alerts.conditions, firing, {**severities, **(one.severities or {})})


def of_components(
    components: Iterable[ComponentConfig],
    firing: Sequence[Labels],
    severities: Mapping[str, ComponentState],
) -> Mapping[str, ComponentState | None]:
    """The same of each, by its id."""
    return {one.key: of_component(one, firing, severities) for one in components}
