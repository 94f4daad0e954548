"""Where do pushed groups survive a restart? In the SQL database, as JSON."""

from __future__ import annotations

import msgspec

from tocsin.ingest.push_groups import Group
from tocsin.kit.clock import Clock
from tocsin.model.labels import Labels
from tocsin.state.push_groups import PushGroups


class KeptGroups:
    """The Pushgateway's groups over the state's table; read once, then held in memory too."""

    def __init__(self, table: PushGroups, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._groups: dict[Labels, Group] = {}

    async def load(self) -> None:
        """Read what an earlier process kept; to be done before anything is pushed."""
        for kept in await self._table.all():
            group = msgspec.json.decode(kept.content, type=Group)
            self._groups[group.key] = group

    async def get(self, key: Labels) -> Group | None:
        """The group of those labels, None when there is none."""
        return self._groups.get(key)

    async def put(self, group: Group) -> None:
        """Keep a group, replacing the one before."""
        content = msgspec.json.encode(group)
        await self._table.save(_text(group.key), content, self._clock.now_ms())
        self._groups[group.key] = group

    async def delete(self, key: Labels) -> None:
        """Forget a group; harmless when it is not there."""
        await self._table.delete(_text(key))
        self._groups.pop(key, None)

    async def all(self) -> list[Group]:
        """Every group."""
        return list(self._groups.values())


def _text(key: Labels) -> str:
    return msgspec.json.encode(key).decode()
