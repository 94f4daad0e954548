"""Which groups of metrics did jobs push, and which samples do they give as time passes?

A Pushgateway shows the last pushed values at every scrape. Here they are written again at every
tick until the group is deleted; what vanishes from a group gets staleness markers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tocsin.ingest.config import PushgatewayConfig
from tocsin.ingest.protocols import pushgateway
from tocsin.ingest.protocols.pushgateway import Pushed
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected, TooLarge
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Labels
from tocsin.model.samples import REFUSED, STALE, SampleBatch, SeriesIntake, batch_of

_PUSH_TIME = "push_time_seconds"
_FAILURE_TIME = "push_failure_time_seconds"


class Group(msgspec.Struct, frozen=True):
    """One group as it was last pushed; times in seconds since 1970, 0 means never."""

    key: Labels
    content: Pushed
    pushed_at: float = 0.0
    failed_at: float = 0.0


class GroupStore(Protocol):
    """Where groups are kept; one that survives restarts keeps them as JSON of `Group`."""

    async def get(self, key: Labels) -> Group | None: ...
    async def put(self, group: Group) -> None: ...
    async def delete(self, key: Labels) -> None: ...
    async def all(self) -> list[Group]: ...


class MemoryGroups:
    """Keeps groups while the process runs."""

    def __init__(self) -> None:
        self._groups: dict[Labels, Group] = {}

    async def get(self, key: Labels) -> Group | None:
        return self._groups.get(key)

    async def put(self, group: Group) -> None:
        self._groups[group.key] = group

    async def delete(self, key: Labels) -> None:
        self._groups.pop(key, None)

    async def all(self) -> list[Group]:
        return list(self._groups.values())


class PushGroups:
    """Applies pushes to groups; every answer is the batch to be written for it."""

    def __init__(
        self, series: SeriesIntake, groups: GroupStore, clock: Clock, config: PushgatewayConfig
    ) -> None:
        self._series = series
        self._groups = groups
        self._clock = clock
        self._config = config

    async def push(
        self, key: Labels, body: bytes, content_type: str, *, replace: bool
    ) -> SampleBatch:
        """Replace the group (PUT), or its families of the same names (POST).

        Raises Rejected, after noting the time of the failure in the group, for a bad body.
        """
        old = await self._groups.get(key)
        now_ms = self._clock.now_ms()
        try:
            content = pushgateway.decode(body, content_type, key, now_ms)
            if old is not None and not replace:
                content = pushgateway.merged(old.content, content)
            await self._check(content, is_new=old is None)
        except Rejected:
            if old is not None:
                await self._groups.put(msgspec.structs.replace(old, failed_at=now_ms / 1000))
            raise
        group = Group(key, content, now_ms / 1000, old.failed_at if old else 0.0)
        await self._groups.put(group)
        gone = _labels_of(old) - _labels_of(group) if old else set()
        batch = self._batch([group], gone)
        batch.metadata = list(content.metadata)
        return batch

    async def delete(self, key: Labels) -> SampleBatch:
        """Forget the group; its series end. An unknown group gives an empty batch."""
        old = await self._groups.get(key)
        if old is None:
            return batch_of([], [], [])
        await self._groups.delete(key)
        return self._batch([], _labels_of(old))

    async def repeat(self) -> SampleBatch:
        """All groups' values, now."""
        return self._batch(await self._groups.all(), ())

    async def _check(self, content: Pushed, *, is_new: bool) -> None:
        size = sum(len(samples) for samples in content.families.values())
        if size > self._config.max_samples_per_group:
            raise TooLarge(
                f"the group has {size} series, the limit is {self._config.max_samples_per_group} "
                "(setting ingest.pushgateway.max_samples_per_group)"
            )
        if is_new and len(await self._groups.all()) >= self._config.max_groups:
            raise TooLarge(
                f"there are {self._config.max_groups} groups already "
                "(setting ingest.pushgateway.max_groups); delete some"
            )

    def _batch(self, groups: Iterable[Group], gone: Iterable[Labels]) -> SampleBatch:
        refs: list[int] = []
        values: list[float] = []
        batch = batch_of([], [], [])
        samples = [sample for group in groups for sample in _samples_of(group)]
        for labels, value in [*samples, *((labels, STALE) for labels in gone)]:
            ref = self._series.ref(labels)
            if ref == REFUSED:
                batch.refused[self._series.why(labels)] += 1
                continue
            refs.append(ref)
            values.append(value)
        made = batch_of(refs, [self._clock.now_ms()] * len(refs), values)
        made.refused = batch.refused
        return made


def _samples_of(group: Group) -> Iterable[tuple[Labels, float]]:
    for family in group.content.families.values():
        yield from family
    own = dict(group.key)
    yield label_sets.from_mapping({**own, NAME: _PUSH_TIME}), group.pushed_at
    yield label_sets.from_mapping({**own, NAME: _FAILURE_TIME}), group.failed_at


def _labels_of(group: Group | None) -> set[Labels]:
    return {labels for labels, _ in _samples_of(group)} if group else set()
