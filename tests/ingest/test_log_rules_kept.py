"""Versions of the page's rules: who made them, what is in force, and what they counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.state.fresh import state_file
from tocsin.ingest.logs.pipeline_config import read_rules
from tocsin.ingest.logs.pipelines import Pipelines
from tocsin.ingest.logs.rehearsal import rehearse
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.labels import Labels
from tocsin.model.logs import LogRecord
from tocsin.model.samples import SampleBatch
from tocsin.state.settings import Settings

DROP = "- {name: d, when: level:debug, do: [drop: true]}\n"
COUNT = "- {name: c, do: [count: {by: [service]}]}\n"


@pytest.fixture
async def settings(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Settings]:
    database = state_file(tmp_path / "state.db")
    await database.open()
    yield Settings(database, clock)
    await database.close()


def line(level: int = 9) -> LogRecord:
    return LogRecord(ts_ns=1, body="hello", service="shop", level=level, attributes={})


class Gathered:
    """A registry and an intake of the tests' own."""

    def __init__(self) -> None:
        self.labels: list[Labels] = []
        self.values: list[float] = []

    def ref(self, labels: Labels) -> int:
        self.labels.append(labels)
        return len(self.labels) - 1

    async def accept(self, _protocol: str, batch: SampleBatch) -> None:
        self.values = batch.values.tolist()


async def test_what_is_saved_is_in_force_at_once_and_after_a_restart(
    settings: Settings, clock: FakeClock
) -> None:
    pipelines = Pipelines(clock, settings)
    await pipelines.save(DROP, by="ann", note="too loud")
    assert pipelines([line(5), line(9)]) == [line(9)]
    again = Pipelines(clock, settings)
    await again.load()
    assert again([line(5), line(9)]) == [line(9)]
    (version,) = again.versions
    assert (version.number, version.by, version.note) == (1, "ann", "too loud")


async def test_an_earlier_version_is_put_in_force_as_a_new_one(
    settings: Settings, clock: FakeClock
) -> None:
    pipelines = Pipelines(clock, settings)
    await pipelines.save(DROP, by="ann")
    await pipelines.save("", by="bo")
    assert len(pipelines([line(5)])) == 1
    version = await pipelines.revert(1, by="cy")
    assert (version.number, version.by, version.note) == (3, "cy", "as version 1")
    assert pipelines([line(5)]) == []
    with pytest.raises(NotFound):
        await pipelines.revert(99, by="cy")


async def test_what_somebody_else_saved_meanwhile_is_not_overwritten(
    settings: Settings, clock: FakeClock
) -> None:
    pipelines = Pipelines(clock, settings)
    await pipelines.save(DROP, by="ann", seen=0)
    with pytest.raises(Rejected, match="version 1 meanwhile"):
        await pipelines.save("", by="bo", seen=0)


async def test_rules_with_a_mistake_change_nothing(settings: Settings, clock: FakeClock) -> None:
    pipelines = Pipelines(clock, settings, read_rules(DROP))
    with pytest.raises(Rejected, match="two rules are called 'd'"):
        await pipelines.save(DROP, by="ann")
    with pytest.raises(Rejected, match="rules:1:3"):
        await pipelines.save("- {name: x, when: 'level:(', do: [drop: true]}", by="ann")
    assert pipelines.versions == ()


async def test_counts_go_on_when_the_rules_change(settings: Settings, clock: FakeClock) -> None:
    pipelines, gathered = Pipelines(clock, settings, read_rules(COUNT)), Gathered()
    pipelines([line(), line()])
    await pipelines.save(DROP, by="ann")
    pipelines([line()])
    await pipelines.flush(gathered, gathered)
    assert gathered.values == [3.0]
    assert gathered.labels == [(("__name__", "log_lines_total"), ("service", "shop"))]


def test_a_rehearsal_tells_what_would_change_and_changes_nothing(clock: FakeClock) -> None:
    rules = read_rules(DROP + "- {name: s, when: level:info, do: [set: {team: shop}]}")
    records = [line(5), line(9), line(17)]
    found = rehearse(rules, records, clock)
    assert (found.lines, found.changed, found.dropped) == (3, 1, 1)
    assert (found.bytes_before, found.bytes_after) == (15, 10)
    left_out, changed = found.examples
    assert left_out.dropped
    assert [(one.field, one.before, one.after) for one in changed.differences] == [
        ("team", "", "shop")
    ]
    assert records == [line(5), line(9), line(17)]
