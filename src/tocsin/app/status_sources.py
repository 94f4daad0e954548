"""What does the status page look at? Monitors, alerts, maintenance windows, and incidents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from tocsin.alert.attention.maintenance import Maintenance
from tocsin.alert.deciding.dispatch import Dispatcher
from tocsin.incident.book import IncidentBook
from tocsin.incident.request import Author, Edit
from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import Labels
from tocsin.query.promql.engine import Engine
from tocsin.query.promql.result import QueryOptions
from tocsin.statuspage.component_state import ComponentState
from tocsin.statuspage.config import ComponentConfig
from tocsin.statuspage.judge import OpenWindow, PublicWindow, of_monitor

_OPTIONS = QueryOptions(timeout_seconds=15.0, limit_samples=2_000_000)


class Measuring:
    """Implements `statuspage.board.Measured` and `statuspage.recorder.Past`."""

    def __init__(
        self,
        engine: Engine,
        dispatcher: Dispatcher,
        maintenance: Maintenance,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._maintenance = maintenance
        self._clock = clock
        self.components: Mapping[str, ComponentConfig] = {}
        self.public: Callable[[], Iterable[PublicWindow]] = tuple

    async def values(self, expression: str, at_ms: int) -> list[float]:
        """The values of PromQL at that moment."""
        found = await self._engine.instant(expression, at_ms, _OPTIONS)
        return [float(value) for value in found.values[found.present]]

    def firing(self) -> Iterable[Labels]:
        """Alerts that fire. Those that a silence holds back count: it says that nobody shall be
        told, not that all is well. Those of a maintenance window do not: they are expected."""
        now = self._clock.now_ms()
        return [
            one.labels
            for one in self._dispatcher.alerts()
            if not one.is_resolved(now) and not self._maintenance.covering(one.labels, now)
        ]

    def windows(self, after_ms: int, before_ms: int) -> Sequence[OpenWindow]:
        """Public windows that are open in that time."""
        public = {one.window: one for one in self.public()}
        if not public:
            return []
        return [
            OpenWindow(
                id=f"{one.window.id}-{one.starts_ms // 1000}",
                title=said.title,
                text=said.text,
                components=said.components,
                starts_ms=one.starts_ms,
                ends_ms=one.ends_ms,
            )
            for one in self._maintenance.between(after_ms, before_ms)
            if (said := public.get(one.window.id)) is not None
        ]

    async def states(
        self, component: str, start_ms: int, end_ms: int, step_ms: int
    ) -> list[ComponentState | None]:
        """What its monitor said at each step."""
        config = self.components.get(component)
        count = -(-(end_ms - start_ms) // step_ms)
        if config is None or not config.monitor:
            return [None] * count
        values = await self._past(config.monitor, start_ms, step_ms, count)
        slow: list[list[float]] = [[]] * count
        if config.degraded:
            slow = await self._past(config.degraded, start_ms, step_ms, count)
        return [of_monitor(*pair) for pair in zip(values, slow, strict=True)]

    async def _past(
        self, expression: str, start_ms: int, step_ms: int, count: int
    ) -> list[list[float]]:
        end_ms = start_ms + (count - 1) * step_ms
        found = await self._engine.range(expression, start_ms, end_ms, step_ms, _OPTIONS)
        return [
            [float(value) for value in found.values[found.present[:, step], step]]
            for step in range(count)
        ]


class Disclosed:
    """Implements `statuspage.posts.Disclosure` with the incidents themselves."""

    def __init__(self, book: IncidentBook) -> None:
        self._book = book

    async def disclose(self, number: str, author: str) -> None:
        """Mark it as one that the public is told of."""
        one = await self._book.get(number)
        if one.is_drill:
            raise Rejected(f"{number} is a drill; the public is not told of it")
        if not one.is_public:
            who = Author(name=author or "tocsin", source="status_page")
            await self._book.edit(number, Edit(is_public=True), who)

    async def hidden(self, numbers: Sequence[str]) -> Collection[str]:
        """Those that are not public any more."""
        found = set()
        for number in numbers:
            try:
                one = await self._book.get(number)
            except NotFound:
                found.add(number)
                continue
            if one.is_drill or not one.is_public:
                found.add(number)
        return found
