"""The registry finds series as an obvious loop over all of them would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kit.fault import Rejected
from tocsin.model import labels as lbl
from tocsin.model.labels import Labels, Matcher, MatchOp
from tocsin.store import series
from tocsin.store.series import DAY_MS, NEVER, SeriesRegistry

TODAY = 20_000
NOW = TODAY * DAY_MS + 5
NAMES = ["__name__", "job", "code", "path"]
VALUES = ["", "a", "b", "ab", "a.b", "500", "503", "x\ny", "ä"]
PATTERNS = [
    "a",
    "a|b",
    "(a|500)",
    "a|",
    "",
    ".*",
    ".+",
    "a.*",
    "a.+",
    ".*b",
    ".*\n.*",
    ".*a.*",
    r"a\.b",
    "a.b",
    "50[03]",
    r"\d+",
    "(?i)A",
    "x.y",
    "5..",
    "a+",
    "^a$",
]

label_sets = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(lbl.from_mapping),
    max_size=30,
)
matchers = st.one_of(
    st.builds(
        Matcher,
        st.sampled_from([*NAMES, "absent"]),
        st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]),
        st.sampled_from(VALUES),
    ),
    st.builds(
        Matcher,
        st.sampled_from([*NAMES, "absent"]),
        st.sampled_from([MatchOp.REGEX, MatchOp.NOT_REGEX]),
        st.sampled_from(PATTERNS),
    ),
)


def alive(registry: SeriesRegistry, ref: int, day: int = TODAY) -> None:
    registry.record(np.array([ref]), np.array([day], np.int32))


def add_all(registry: SeriesRegistry, sets: list[Labels], day: int = TODAY) -> None:
    for labels in sets:
        alive(registry, registry.add(labels), day)


def restore_all(registry: SeriesRegistry, sets: list[Labels]) -> None:
    """As a new process does; some of the series may be known already."""
    sets = list(dict.fromkeys(sets))
    ids = np.array([lbl.series_id(labels) for labels in sets], np.uint64)
    days = np.full(len(sets), TODAY, np.int32)
    registry.restore(sets, ids, days, days)


def found(registry: SeriesRegistry, conditions: list[Matcher]) -> list[Labels]:
    return [registry.labels(ref) for ref in registry.select(conditions, NOW, NOW).tolist()]


def obviously(sets: list[Labels], conditions: list[Matcher]) -> list[Labels]:
    return [
        labels
        for labels in dict.fromkeys(sets)
        if all(one.matches(lbl.get(labels, one.name)) for one in conditions)
    ]


@given(label_sets, label_sets, label_sets, st.lists(matchers, max_size=4))
def test_selecting_finds_what_a_loop_over_all_series_finds(
    stored: list[Labels], new: list[Labels], later: list[Labels], conditions: list[Matcher]
) -> None:
    registry = SeriesRegistry()
    restore_all(registry, stored)
    add_all(registry, new)
    first = stored + new
    assert found(registry, conditions) == obviously(first, conditions)
    add_all(registry, later)  # the cached selection sees what came later
    assert found(registry, conditions) == obviously(first + later, conditions)
    restore_all(registry, stored + later)
    assert found(registry, conditions) == obviously(first + later, conditions)


@given(label_sets, label_sets, st.lists(matchers, max_size=3), label_sets)
def test_forgotten_series_are_found_no_more_and_may_come_back(
    old: list[Labels], young: list[Labels], conditions: list[Matcher], back: list[Labels]
) -> None:
    registry = SeriesRegistry()
    add_all(registry, old, TODAY - 40)
    add_all(registry, young)
    found(registry, conditions)
    gone = registry.forget(TODAY - 30)
    assert gone == len(set(old) - set(young))
    assert found(registry, conditions) == obviously(
        [labels for labels in dict.fromkeys(old + young) if labels in set(young)], conditions
    )
    assert len(registry) == len(set(young))
    add_all(registry, back)
    assert sorted(found(registry, conditions)) == sorted(obviously(young + back, conditions))
    for name in NAMES:
        for value in VALUES[1:]:
            expected = sum(lbl.get(labels, name) == value for labels in set(young + back))
            assert registry.count(name, value) == expected


@given(label_sets, st.lists(matchers, max_size=2))
def test_names_and_values_are_those_of_the_selected_series(
    sets: list[Labels], conditions: list[Matcher]
) -> None:
    registry = SeriesRegistry()
    add_all(registry, sets)
    refs = registry.select(conditions, NOW, NOW)
    chosen = obviously(sets, conditions)
    assert registry.label_names(refs) == sorted({name for one in chosen for name, _ in one})
    for name in NAMES:
        values = {lbl.get(one, name) for one in chosen} - {""}
        assert registry.label_values(name, refs) == sorted(values)


def test_a_series_is_found_only_on_days_on_which_it_was_alive() -> None:
    registry = SeriesRegistry()
    ref = registry.add(lbl.make([("__name__", "up")]))
    assert registry.select([], 0, NOW).tolist() == []
    alive(registry, ref, TODAY - 3)
    alive(registry, ref, TODAY - 1)
    day = DAY_MS
    assert registry.select([], (TODAY - 2) * day, (TODAY - 2) * day).tolist() == [ref]
    assert registry.select([], (TODAY - 9) * day, (TODAY - 3) * day).tolist() == [ref]
    assert registry.select([], (TODAY - 9) * day, (TODAY - 3) * day - 1).tolist() == []
    assert registry.select([], TODAY * day, NOW).tolist() == []


def test_only_pairs_of_series_and_day_without_a_row_are_unrecorded() -> None:
    registry = SeriesRegistry()
    old, new = registry.add((("a", "1"),)), registry.add((("a", "2"),))
    alive(registry, old)
    refs = np.array([old, new, new, old, new])
    ts = np.array([NOW, NOW, NOW + 1, NOW + DAY_MS, NOW - DAY_MS])
    missing = registry.unrecorded(refs, ts)
    assert list(zip(*(part.tolist() for part in missing), strict=True)) == [
        (old, TODAY + 1),
        (new, TODAY - 1),
        (new, TODAY),
    ]
    registry.record(*missing)
    assert len(registry.unrecorded(refs, ts)[0]) == 0


def test_days_before_1970_are_told_apart_too() -> None:
    registry = SeriesRegistry()
    ref = registry.add((("a", "1"),))
    refs, days = registry.unrecorded(np.array([ref, ref]), np.array([0, DAY_MS]))
    assert (refs.tolist(), days.tolist()) == ([ref, ref], [0, 1])


def test_the_second_series_of_one_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "series_id", lambda _labels: 7)
    registry = SeriesRegistry()
    registry.add((("a", "1"),))
    with pytest.raises(Rejected, match="has the same id"):
        registry.add((("a", "2"),))
    assert len(registry) == 1


def test_a_batch_on_its_way_while_its_series_is_forgotten_brings_it_back() -> None:
    registry = SeriesRegistry()
    kept, gone = registry.add((("a", "1"),)), registry.add((("a", "2"),))
    alive(registry, kept)
    alive(registry, gone, 1)
    before = registry.epoch
    registry.forget(TODAY)
    assert registry.epoch != before
    settled = registry.settle(np.array([gone, kept, gone]))
    assert settled[1] == kept
    assert [registry.labels(ref) for ref in settled.tolist()] == [
        (("a", "2"),),
        (("a", "1"),),
        (("a", "2"),),
    ]
    assert settled[0] not in (kept, gone)
    assert registry.refs_of(registry.ids[settled]).tolist() == settled.tolist()
    assert registry.refs_of(np.array([5], np.uint64)).tolist() == [-1]


def test_cardinality_names_the_most_expensive_first() -> None:
    registry = SeriesRegistry()
    for number in range(5):
        registry.add(lbl.make([("__name__", "many"), ("job", "j"), ("id", str(number))]))
    registry.add(lbl.make([("__name__", "one"), ("job", "k")]))
    cost = registry.cardinality(2)
    assert cost.series == 6
    assert cost.metrics == [("many", 5), ("one", 1)]
    assert cost.jobs == [("j", 5), ("k", 1)]
    assert cost.pairs == [('job="j"', 5), ('id="0"', 1)]
    assert cost.labels == [("id", 5), ("__name__", 2)]


def test_what_the_store_holds_is_restored_once_with_all_its_days() -> None:
    registry = SeriesRegistry()
    labels = (("a", "1"),)
    for first, last in ((5, 6), (3, 5)):
        days = np.array([first], np.int32), np.array([last], np.int32)
        registry.restore([labels], np.array([9], np.uint64), *days)
    ref = registry.find(labels)
    assert ref is not None
    assert len(registry) == 1
    assert (registry.first_day[ref], registry.last_day[ref], registry.ids[ref]) == (3, 6, 9)
    other = registry.add((("a", "2"),))
    assert registry.last_day[other] == NEVER
