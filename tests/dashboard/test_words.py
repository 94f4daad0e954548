"""Names of variables in queries become values."""

from __future__ import annotations

import pytest

from tocsin.dashboard.words import filled, named_in

_ODD = r'^a\d"'
_VALUES = {
    "odd": [_ODD],
    "odds": [_ODD, "b"],
    "matcher": ['job="api"'],
    "job": ["api"],
    "path": ["/a.b", "/c|d"],
    "all": [".*"],
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param('up{job="$job"}', 'up{job="api"}', id="a name alone"),
        pytest.param("a_${job}_b [[job]]", "a_api_b api", id="names in braces"),
        pytest.param('{p=~"$path"}', '{p=~"(/a\\\\.b|/c\\\\|d)"}', id="several are alternatives"),
        pytest.param("${path:csv} ${path:pipe}", "/a.b,/c|d /a.b|/c|d", id="forms are obeyed"),
        pytest.param('{p="$odd"}', r'{p="^a\\d\""}', id="signs that end quotes are escaped"),
        pytest.param('{p=~"$odds"}', r'{p=~"(\\^a\\\\d\"|b)"}', id="in alternatives too"),
        pytest.param("up{$matcher}", 'up{job="api"}', id="a whole matcher stays one"),
        pytest.param('{p=~"$all"}', '{p=~".*"}', id="all of them is not escaped"),
        pytest.param("x[$__rate_interval] $__range_s", "x[4m] 3600", id="what is always known"),
        pytest.param("$nothing $1", "$nothing $1", id="what is not known stays"),
    ],
)
def test_a_text_is_filled(text: str, wanted: str) -> None:
    assert filled(text, _VALUES) == wanted


def test_the_names_in_a_text_are_known() -> None:
    assert named_in("$a ${b:regex} [[c]] $__range $1") == {"a", "b", "c", "__range"}
