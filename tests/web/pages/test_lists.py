"""Targets, metrics and the search: which rows, in which order, and what is said of the rest."""

from __future__ import annotations

import numpy as np
import pytest

from tests.web.pages.samples import frame, target
from tocsin.model import labels as label_sets
from tocsin.model.samples import Metadata
from tocsin.web.pages import browse, explore, scrape_view, search, targets
from tocsin.web.pages.render import html
from tocsin.web.pages.target_rows import DroppedRow, by_job

UP_AND_DOWN = (target("b", "1"), target("a", "1"), target("c", "1", error="refused"))


def test_jobs_that_need_attention_come_first() -> None:
    assert [job.job for job in by_job(UP_AND_DOWN)] == ["c", "a", "b"]


@pytest.mark.parametrize(("only", "jobs"), [("down", ["c"]), ("up", ["a", "b"]), ("odd", None)])
def test_targets_are_shown_by_state(only: str, jobs: list[str] | None) -> None:
    view = targets.values(UP_AND_DOWN, (), only=only)
    assert [job.job for job in view.jobs] == (jobs or ["c", "a", "b"])
    assert (view.count, view.up, view.down) == (3, 2, 1)


def test_dropped_targets_have_their_reason_and_the_rest_its_count() -> None:
    dropped = [DroppedRow("api", f"10.0.0.{n}:80", "dropped by rule 2") for n in range(250)]
    text = html("pages/targets.html", frame("/targets"), view=targets.values((), dropped))
    assert text.count("dropped by rule 2") == 200
    assert "and 50 more" in text


def test_a_page_without_targets_teaches_how_to_make_one() -> None:
    text = html("pages/targets.html", frame("/targets"), view=targets.values((), ()))
    assert "static_configs" in text


@pytest.mark.parametrize(
    ("up", "since"),
    [
        pytest.param([1, 1, 0, 0], 30, id="since the first failure"),
        pytest.param([0, 1, 0, 1, 0], 50, id="the last outage counts"),
        pytest.param([0, 0, 0], 10, id="down as far back as is known"),
        pytest.param([1, 1], 20, id="not seen down yet"),
    ],
)
def test_a_target_is_down_since_its_last_change(up: list[int], since: int) -> None:
    ts = np.arange(1, len(up) + 1, dtype=np.int64) * 10
    assert scrape_view.last_change(ts, np.array(up, np.float64)) == since


def test_metrics_are_found_by_words_of_their_name_and_help() -> None:
    about = {"http_requests_total": Metadata("http_requests_total", "counter", "Answers by path")}
    names = ["http_requests_total", "up"]
    assert browse.matching(names, about, "ANSWERS http") == ["http_requests_total"]
    assert browse.matching(names, about, " ") == names
    assert browse.matching(names, about, "nothing of the kind") == []


def test_labels_with_most_values_come_first_with_their_most_frequent_values() -> None:
    series = [
        label_sets.from_mapping({"__name__": "m", "job": "api", "path": f"/{n % 3}"})
        for n in range(7)
    ]
    rows = browse.label_rows(series)
    assert [(row.name, row.distinct) for row in rows] == [("path", 3), ("job", 1)]
    assert rows[0].top[0] == ("/0", 3)


@pytest.mark.parametrize(
    ("name", "kind", "query"),
    [
        pytest.param("a_total", "counter", "sum by (job) (rate(a_total[5m]))", id="counter"),
        pytest.param("a_total", "unknown", "sum by (job) (rate(a_total[5m]))", id="by its name"),
        pytest.param(
            "a_seconds_bucket",
            "unknown",
            "histogram_quantile(0.95, sum by (le, job) (rate(a_seconds_bucket[5m])))",
            id="histogram",
        ),
        pytest.param("a", "gauge", "a", id="gauge"),
    ],
)
def test_an_example_query_fits_the_type(name: str, kind: str, query: str) -> None:
    assert browse.examples(name, kind, ["job", "path"])[0].query == query


def test_the_palette_finds_beginnings_and_short_names_first() -> None:
    names = ["node_cpu_seconds_total", "cpu_total", "cpu_seconds_total", "memory"]
    assert search.best(names, "cpu") == ["cpu_total", "cpu_seconds_total", "node_cpu_seconds_total"]
    assert search.best(names, "  ") == []


def test_explore_reads_its_queries_from_the_url() -> None:
    view = explore.values({"a": "up", "c": "x", "view": "table", "exemplars": "1"})
    assert view.queries == (("a", "up"), ("c", "x"))
    assert (view.shown_as, view.exemplars, view.explain) == ("table", True, False)
    assert explore.values({"view": "pie"}).shown_as == "graph"
