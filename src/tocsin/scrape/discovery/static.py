"""Targets that are written down: `static_configs`, and the same shape in files and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.scrape.discovery.group import TargetGroup


class StaticConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `static_configs`."""

    targets: tuple[str, ...] = ()
    labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        for target in self.targets:
            if not target:
                raise Rejected("a target is empty")

    def group(self, source: str, extra: dict[str, str] | None = None) -> TargetGroup:
        """The group, each target with the common labels and `extra`."""
        common = {**self.labels, **(extra or {})}
        return TargetGroup(source, tuple({**common, "__address__": t} for t in self.targets))


class StaticDiscovery:
    """Says always the same."""

    refresh_seconds = 86_400.0
    problem = ""

    def __init__(self, name: str, configs: Sequence[StaticConfig]) -> None:
        self.name = name
        self._groups = [config.group(str(i)) for i, config in enumerate(configs)]

    async def discover(self) -> Sequence[TargetGroup]:
        """The groups."""
        return self._groups
