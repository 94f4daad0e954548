"""What is allowed in a rule, and can never do what was meant."""

from __future__ import annotations

import pytest

from tocsin.alert.checking.advice import advice
from tocsin.alert.checking.coverage import unrouted
from tocsin.alert.routing.alertmanager_config import read_routing
from tocsin.alert.rules.rule_file import Defaults, read_groups
from tocsin.kit.yaml import loads


def doubts(expr: str, more: str = "for: 1m") -> list[str]:
    text = f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}', {more}}}]}}]"
    groups = read_groups(text, "rules.yml", Defaults())
    return [words.partition(": A: ")[2] for words in advice(groups, None)]


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        pytest.param("up > 1", "`up` is between 0 and 1", id="up is 0 or 1"),
        pytest.param("avg(up) < 0", "never true", id="an average keeps the bounds"),
        pytest.param("rate(http_total[5m]) < 0", "never below 0", id="a rate is not negative"),
        pytest.param("cache_hit_ratio * 100 > 120", "between 0 and 100", id="percent"),
        pytest.param("1 - memory_free_ratio > 1", "never true", id="the rest of a ratio"),
        pytest.param("absent(up) == 0", "always 1", id="absent is 1"),
        pytest.param('x{a="1", a="2"} > 0', "contradicts", id="two values of one label"),
        pytest.param('x{a="1", a!~"1|2"} > 0', "contradicts", id="a pattern that excludes it"),
        pytest.param("x > 5 and x < 3", "exclude each other", id="two ranges"),
        pytest.param("up >= 0", "always true", id="it chooses nothing"),
        pytest.param("up", "compares nothing", id="no comparison"),
    ],
)
def test_what_can_never_or_must_always_fire_is_said(expr: str, words: str) -> None:
    assert any(words in one for one in doubts(expr)), doubts(expr)


@pytest.mark.parametrize(
    "expr",
    [
        "up == 0",
        "up < 1",
        "up != 1",
        "avg(up) < 0.5",
        "rate(http_total[5m]) > 0",
        "rate(a_total[5m]) / rate(b_total[5m]) > 1",
        "delta(queue_total[5m]) < 0",
        "temperature < -5",
        "x > 3 and x < 5",
        "x > 5 or x < 3",
        "absent(up)",
        "absent(up) == 1",
        'x{a=~"1|2", a!="2"} > 0',
        "error_ratio > 0.05",
        "x - y_total < 0",
        "count(up) < 3",
        "predict_linear(disk_free_bytes[1h], 3600) < 0",
    ],
)
def test_what_makes_sense_is_let_be(expr: str) -> None:
    assert doubts(expr) == []


def test_a_recovery_that_never_comes_is_said() -> None:
    more = "for: 1m, annotations: {tocsin_recover: 'up > 1'}"
    assert any("never recovers" in one for one in doubts("up == 0", more))


def test_an_alert_that_nobody_hears_of_is_said() -> None:
    text = "groups: [{name: g, rules: [{alert: A, expr: up == 0, for: 1m, labels: {team: x}}]}]"
    plan = read_routing(
        loads(
            "route: {receiver: ops, routes: [{receiver: hole, matchers: [team=x]}]}\n"
            "receivers: [{name: hole}, {name: ops, webhook_configs: [{url: 'http://a'}]}]"
        )
    )
    groups = read_groups(text, "rules.yml", Defaults())
    (said,) = advice(groups, None, lambda labels: unrouted(plan, labels))
    assert "rules.yml:1:" in said
    assert "nobody hears of it" in said
    assert "'hole'" in said
