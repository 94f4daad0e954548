"""What does discovery find, and how is it asked again and again?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.kit import gauge, log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected, Temporary

_log = log.get("discovery")
_failures = gauge.counter("discovery_failures", "Discoveries that failed.", ("discovery",))


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Targets from one source (a file, a DNS name, …): each a set of labels with `__address__`."""

    source: str
    targets: tuple[Mapping[str, str], ...]


class Discovery(Protocol):
    """One way of finding targets, configured."""

    name: str
    refresh_seconds: float

    @property
    def problem(self) -> str:
        """What is wrong although `discover` answers: parts are as they were before."""

    async def discover(self) -> Sequence[TargetGroup]:
        """All groups as they are now. Raises Temporary or Rejected when it cannot tell."""


@dataclass(slots=True)
class DiscoveryState:
    """How one discovery fares; `error` is empty when the last attempt went well."""

    name: str
    groups: Sequence[TargetGroup] = field(default_factory=tuple)
    error: str = ""
    failures: int = 0
    refreshed_ms: int = 0


async def watch(
    discovery: Discovery,
    state: DiscoveryState,
    clock: Clock,
    changed: Callable[[], None],
    *,
    timeout: float = 30.0,
) -> None:
    """Ask for ever; a failure keeps the groups that are known and is noted in the state."""
    while True:
        try:
            async with asyncio.timeout(timeout):
                groups = await discovery.discover()
        except (Temporary, Rejected, TimeoutError) as error:
            _note(state, str(error) or f"no answer within {timeout:g} s")
        else:
            is_new = list(groups) != list(state.groups) or not state.refreshed_ms
            state.groups, state.refreshed_ms = groups, clock.now_ms()
            _note(state, discovery.problem)
            if is_new:
                changed()
        await clock.sleep(discovery.refresh_seconds)


def _note(state: DiscoveryState, problem: str) -> None:
    if problem and problem != state.error:
        _log.warning("discovery_failed", discovery=state.name, error=problem)
    if problem:
        state.failures += 1
        _failures.labels(state.name).inc()
    state.error = problem
