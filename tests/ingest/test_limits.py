"""The cardinality guard and the intake: what is kept out, and what is said about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tocsin.ingest import event_rows
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.intake import Intake
from tocsin.ingest.limits import CardinalityGuard, Limit, LimitsConfig
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.events import Event
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.samples import REFUSED, SampleBatch, batch_of
from tocsin.store.series import SeriesRegistry


def series(metric: str, **labels: str) -> Labels:
    return from_mapping({"__name__": metric, **labels})


def guard(**limits: Any) -> CardinalityGuard:
    return CardinalityGuard(SeriesRegistry(), LimitsConfig(**limits), FakeClock())


@pytest.mark.parametrize(
    ("limits", "fits", "refused", "limit"),
    [
        pytest.param({"max_series": 1}, series("a"), series("b"), Limit.SERIES, id="all together"),
        pytest.param(
            {"max_series_per_metric": 1},
            series("a", x="1"),
            series("a", x="2"),
            Limit.METRIC,
            id="of one metric",
        ),
        pytest.param(
            {"max_series_per_job": 1},
            series("a", job="j"),
            series("b", job="j"),
            Limit.JOB,
            id="of one job",
        ),
        pytest.param(
            {"max_labels": 2},
            series("a", x="1"),
            series("a", x="1", y="2"),
            Limit.LABELS,
            id="labels of a series",
        ),
        pytest.param(
            {"max_label_value_length": 5},
            series("a", x="12345"),
            series("a", x="ééé"),
            Limit.VALUE_LENGTH,
            id="bytes of a value",
        ),
        pytest.param(
            {"max_label_name_length": 9},
            series("a", x="1"),
            series("a", much_too_long="1"),
            Limit.NAME_LENGTH,
            id="bytes of a name",
        ),
    ],
)
def test_a_new_series_beyond_a_limit_is_refused_and_known_ones_pass(
    limits: dict[str, int], fits: Labels, refused: Labels, limit: Limit
) -> None:
    keeper = guard(**limits)
    ref = keeper.ref(fits)
    assert ref >= 0
    assert keeper.ref(refused) == REFUSED
    assert keeper.ref(fits) == ref
    assert f"ingest.limits.{limit.value}" in keeper.why(refused)
    assert keeper.offenders()[0].limit is limit


def test_a_drop_rule_keeps_known_series_out_until_it_is_removed() -> None:
    keeper = guard()
    known = series("go_gc_seconds", job="api")
    ref, before = keeper.ref(known), keeper.epoch
    keeper.add_rule('{__name__=~"go_gc_.*", job!="db"}')
    assert keeper.epoch != before
    assert keeper.ref(known) == REFUSED
    assert keeper.ref(series("go_gc_seconds", job="db")) >= 0
    assert "go_gc_" in keeper.why(known)
    keeper.remove_rule('{__name__=~"go_gc_.*", job!="db"}')
    assert keeper.ref(known) == ref


def test_a_rule_of_the_configuration_is_not_removed_at_run_time() -> None:
    keeper = guard(drop=("up",))
    assert keeper.ref(series("up")) == REFUSED
    with pytest.raises(Rejected, match="configuration"):
        keeper.remove_rule("up")
    with pytest.raises(NotFound):
        keeper.remove_rule("down")
    keeper.configure(LimitsConfig())
    assert keeper.ref(series("up")) >= 0


@pytest.mark.parametrize(
    "text", ["", "{}", "up{", 'up{job=api"}', '{job=~"("}', '{job=~".*"}', "1"]
)
def test_what_is_no_selector_or_selects_all_makes_no_rule(text: str) -> None:
    with pytest.raises(Rejected):
        guard().add_rule(text)


class _Kept:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.rows: list[tuple[str, Sequence[str], bytes, int]] = []

    async def write(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    async def write_rows(self, table: str, columns: Sequence[str], rows: bytes, count: int) -> None:
        self.rows.append((table, columns, rows, count))


async def test_samples_of_another_time_are_refused_and_the_rest_is_written() -> None:
    clock, kept = FakeClock(), _Kept()
    intake = Intake(kept, guard(), clock, IngestConfig(), retention_seconds=3600)
    now = clock.now_ms()
    times = [now, now + 599_000, now + 601_000, now - 3_599_000, now - 3_601_000]
    done = await intake.accept("test", batch_of([0] * 5, times, [1.0] * 5), sender="key a")
    assert done.written == 3
    assert len(done.refused) == 2
    assert kept.batches[0].ts.tolist() == [now, now + 599_000, now - 3_599_000]
    assert "in the future" in done.reasons()
    sender = intake.senders[0]
    assert (sender.name, sender.samples, sender.refused) == ("key a", 3, 2)


async def test_events_are_written_as_rows_of_their_table() -> None:
    kept = _Kept()
    intake = Intake(kept, guard(), FakeClock(), IngestConfig())
    event = Event(ts_ms=1, name="a", value=2.0, attributes={"k": "v" * 200})
    await intake.accept_events("test", [event])
    table, columns, rows, count = kept.rows[0]
    assert (table, columns, count) == ("events", event_rows.COLUMNS, 1)
    assert rows.endswith(b"\n")
    row = msgspec.json.decode(rows)
    assert set(row) == set(event_rows.COLUMNS)
    assert (row["ts"], row["value"], row["attributes"]) == ("0.001", 2.0, {"k": "v" * 200})
