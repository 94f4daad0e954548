"""An answer looks right on a terminal, in a pipe, and in a spreadsheet."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from tocsin.cli.answers import Answer, Data, Series, bars, graph, series_of, show, to_csv
from tocsin.kit.fault import Rejected

VECTOR = Data("vector", [{"metric": {"__name__": "up", "job": "api"}, "value": [1700000000, "1"]}])


def printed(data: Data, form: str) -> str:
    out = io.StringIO()
    show(Console(file=out, width=200), data, form)
    return out.getvalue()


def test_a_table_has_the_series_its_value_and_its_time() -> None:
    text = printed(VECTOR, "table")
    assert 'up{job="api"}' in text
    assert "2023-11-14T22:13:20.000+00:00" in text


def test_csv_quotes_what_needs_it() -> None:
    lines = to_csv(series_of(VECTOR)).splitlines()
    assert lines == [
        "series,timestamp,value",
        '"up{job=""api""}",2023-11-14T22:13:20.000+00:00,1',
    ]


def test_json_is_what_the_api_answered() -> None:
    assert json.loads(printed(VECTOR, "json"))["result"][0]["metric"]["job"] == "api"


def test_a_scalar_is_one_series_without_labels() -> None:
    found = series_of(Data("scalar", [1700000000, "3"]))
    assert [(one.name, one.points) for one in found] == [("{}", [(1700000000.0, "3")])]


def test_a_graph_names_the_extremes() -> None:
    series = Series(metric={"__name__": "x"}, values=[(0, "1"), (1, "5"), (2, "3")])
    assert graph([series]) == ["x  min 1  max 5  last 3", "▁█▅"]


def test_a_graph_is_at_most_sixty_characters_wide() -> None:
    assert len(bars([float(i) for i in range(1000)])) == 60


def test_gaps_are_gaps() -> None:
    assert bars([1.0, float("nan"), 2.0]) == "▁ █"


def test_a_series_without_finite_values_says_so() -> None:
    assert graph([Series(values=[(0, "NaN")])])[1] == "(no finite values)"


def test_an_unknown_form_names_the_known_ones() -> None:
    with pytest.raises(Rejected, match="csv"):
        printed(VECTOR, "xml")


def test_an_answer_with_an_error_is_read() -> None:
    assert Answer(status="error", error="bad").error == "bad"


def test_brackets_in_labels_are_text() -> None:
    metric = {"__name__": "hits", "path": "[/api]", "tone": "[red]a"}
    text = printed(Data("vector", [{"metric": metric, "value": [1700000000, "1"]}]), "table")
    assert 'hits{path="[/api]", tone="[red]a"}' in text


def test_names_that_are_no_plain_words_are_quoted() -> None:
    series = Series(metric={"__name__": "a\x1b[2J", "b.c": "1", "\x1b]0;x": "2", "d": "3"})
    assert series.name == '{"a\\u001b[2J", "b.c"="1", "\\u001b]0;x"="2", d="3"}'
