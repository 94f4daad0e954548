"""Groups of rules over series in memory, on a clock that moves when told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.ports import Surroundings
from tocsin.alert.rules.rule_file import Defaults, RuleGroup, read
from tocsin.alert.rules.template import World
from tocsin.alert.trying.sample_memory import SampleMemory
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Temporary
from tocsin.model.alerts import Alert
from tocsin.model.labels import NAME, Labels, Matcher, MatchOp, from_mapping
from tocsin.query.promql.engine import Engine


class Told:
    """An AlertSink that keeps what it was told; it refuses while `busy`."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.busy = False

    async def put(self, alerts: Sequence[Alert]) -> None:
        if self.busy:
            raise Temporary("busy")
        self.alerts += alerts


class RuleWorld:
    """Everything that rules work with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(1_700_000_000.0)
        self.memory = SampleMemory()
        self.told = Told()
        self.around = Surroundings(
            self.clock,
            Engine(self.memory, self.clock),
            self.memory,
            self.memory.intake,
            self.memory,
            self.told,
            world=World(from_mapping({"region": "eu"}), "http://tocsin"),
        )

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def groups(self, text: str) -> list[RuleGroup]:
        """The groups of a rule file of that text."""
        file = self.folder / "rules.yml"
        file.write_text(text)
        return read(file, Defaults(interval_ms=60_000))

    def group(self, text: str, *, restore: bool = False) -> GroupRun:
        """The only group of a rule file."""
        (made,) = self.groups(text)
        return GroupRun(made, self.around, restore=restore)

    def put(self, name: str, value: float, *, ago_ms: int = 0, **labels: str) -> None:
        """One sample."""
        series = from_mapping({NAME: name, **labels})
        self.memory.put(series, {self.now_ms - ago_ms: value})

    async def minutes(self, group: GroupRun, count: int, **values: float) -> None:
        """Let minutes pass; each writes the values and evaluates."""
        for _ in range(count):
            await self.clock.advance(60)
            for name, value in values.items():
                self.put(name, value)
            await group.evaluate(self.now_ms)

    async def samples(self, name: str) -> dict[Labels, list[tuple[int, float]]]:
        """Everything that is kept under a name: minutes ago and values."""
        matcher = Matcher(NAME, MatchOp.EQUAL, name)
        data = await self.memory.select([matcher], 0, 2**62, limit_samples=10**6)
        spans = zip(data.offsets[:-1].tolist(), data.offsets[1:].tolist(), strict=True)
        return {
            labels: [
                ((self.now_ms - at) // 60_000, value)
                for at, value in zip(data.ts[a:b].tolist(), data.values[a:b].tolist(), strict=True)
            ]
            for labels, (a, b) in zip(data.labels, spans, strict=True)
        }
