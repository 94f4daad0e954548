"""What the rules of one round share, and when they look again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules import round_reads
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.round_reads import RoundReads
from tocsin.alert.trying.sample_memory import SampleMemory
from tocsin.model.labels import NAME, Matcher, MatchOp, from_mapping
from tocsin.model.series import SeriesData


class Counted(SampleMemory):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, limit_samples: int
    ) -> SeriesData:
        self.reads += 1
        return await super().select(matchers, start_ms, end_ms, limit_samples=limit_samples)


def on_name(name: str) -> list[Matcher]:
    return [Matcher(NAME, MatchOp.EQUAL, name)]


def filled(*names: str) -> Counted:
    memory = Counted()
    for name in names:
        memory.put(from_mapping({NAME: name}), {1: 1.0, 2: 2.0})
    return memory


async def test_the_same_selection_is_read_once_until_it_is_forgotten() -> None:
    memory = filled("up")
    reads = RoundReads(memory)
    first = await reads.select(on_name("up"), 0, 9, limit_samples=10)
    assert await reads.select(on_name("up"), 0, 9, limit_samples=10) is first
    assert memory.reads == 1
    reads.forget()
    assert await reads.select(on_name("up"), 0, 9, limit_samples=10) is not first
    assert memory.reads == 2


async def test_another_time_or_limit_is_another_selection() -> None:
    memory = filled("up")
    reads = RoundReads(memory)
    for start_ms, limit in ((0, 10), (1, 10), (0, 11)):
        await reads.select(on_name("up"), start_ms, 9, limit_samples=limit)
    assert memory.reads == 3


async def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    size = round_reads.MOST_SAMPLES // 2
    memory = filled()
    for name in ("a", "b", "c"):
        memory.put(from_mapping({NAME: name}), dict.fromkeys(range(size - 1), 1.0))
    reads = RoundReads(memory)
    for name in ("a", "b", "c", "c", "a"):
        await reads.select(on_name(name), 0, size, limit_samples=size)
    assert memory.reads == 4


async def test_rules_of_one_round_share_reads_and_see_what_was_recorded_before(
    tmp_path: Path,
) -> None:
    world = RuleWorld(tmp_path)
    memory = filled()
    world.memory = memory
    world.around = replace(
        world.around,
        engine=type(world.around.engine)(memory, world.clock),
        source=memory,
        intake=memory.intake,
        results=memory,
    )
    (made,) = world.groups(
        """
groups:
  - name: g
    rules:
      - {alert: Reads, expr: up > 1}
      - {alert: ReadsToo, expr: up > 0}
      - {record: twice, expr: up * 2}
      - {record: again, expr: twice + up}
"""
    )
    group = GroupRun(made, world.around, restore=False)
    for value in (1.0, 5.0):
        await world.minutes(group, 1, up=value)
        found = await world.samples("again")
        assert [points[-1][1] for points in found.values()] == [3 * value]
    # The first wave reads `up` once for three rules; the second `twice`, and `up` again.
    assert memory.reads == 2 * 3 + 2
