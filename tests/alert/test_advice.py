"""What is allowed in a rule, and can never do what was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tocsin.alert.checking.advice import advice
from tocsin.alert.checking.coverage import unrouted
from tocsin.alert.plain.indicators import DEFAULTS
from tocsin.alert.plain.plain_rule import plain_rules
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


def plain_doubts(rule: str, known: Callable[[str], bool] | None = None) -> list[str]:
    groups = plain_rules(loads(f"- {{name: A, duration: 5m, {rule}}}"), DEFAULTS, 15_000)
    return [words.partition(": A: ")[2] for words in advice(groups, known)]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param(
            "condition: error_rate > 50% and error_rate < 10%",
            ["`error_rate > 50% and error_rate < 10%` is never true: its two conditions exclude"
             " each other"],
            id="what was written is shown, not what it means",
        ),
        pytest.param(
            "condition: request_rate < -1/s",
            ["`request_rate < -1/s` is never true: the value is never below 0"],
            id="bounds are said without PromQL",
        ),
        pytest.param(
            "condition: error_rate > 5%, recover: error_rate > 3%",
            ["recover looks in the condition's own direction: where all is well the alert goes on"],
            id="a recovery that looks upwards",
        ),
        pytest.param(
            "condition: p95_response_time > 2000ms, recover: p95_response_time < 2500ms",
            ["recover adds nothing: it holds wherever the condition does not"],
            id="a recovery above the threshold",
        ),
        pytest.param(
            "condition: disk_free < 5GB, recover: disk_free > 4GB",
            ["recover adds nothing: it holds wherever the condition does not"],
            id="a recovery below the threshold",
        ),
        pytest.param("condition: error_rate > 5%, recover: error_rate < 3%", [], id="as it should"),
        pytest.param("condition: disk_free < 5GB, recover: disk_free > 9GB", [], id="downwards"),
    ],
)  # fmt: skip
def test_doubts_about_plain_rules_are_in_plain_words(rule: str, words: list[str]) -> None:
    assert plain_doubts(rule) == words


def test_a_plain_rule_lacks_a_duration() -> None:
    groups = plain_rules(loads("- {name: A, condition: error_rate > 5%}"), DEFAULTS, 15_000)
    (words,) = advice(groups, None)
    assert words.endswith("A: no `duration`: a single bad sample fires it")


@pytest.mark.parametrize(
    "condition",
    ["disk full within 4h", "absent(load for 10m)", "flatline(load, 30m)",
     'lines("failed", 5m) > 20', "seasonal(request_rate) deviates > 3"],
)  # fmt: skip
def test_what_looks_at_a_long_time_needs_no_duration(condition: str) -> None:
    groups = plain_rules(loads(f"- {{name: A, condition: '{condition}'}}"), DEFAULTS, 15_000)
    assert list(advice(groups, None)) == []


def test_an_indicator_needs_the_metrics_of_one_library_only() -> None:
    rule = "condition: error_rate > 5%"
    assert plain_doubts(rule, {"http_requests_total"}.__contains__) == []
    (words,) = plain_doubts(rule, {"up"}.__contains__)
    assert words.startswith("no series of http_requests_total, http_request_duration_seconds_count")
    assert words.endswith("is there: it cannot fire")


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("gone > 0", ["no series of gone is there: it cannot fire"]),
        ("gone > 0 or up == 0", ["no series of gone is there"]),
        ("gone > 0 or lost > 0", ["no series of gone or lost is there: it cannot fire"]),
        ("up == 0 and gone > 0", ["no series of gone is there: it cannot fire"]),
        ("up == 0 unless gone > 0", ["no series of gone is there"]),
        ("absent(gone)", []),
        ('logs{q="x"} > 0', []),
        ('{__name__=~"go.*"} > 0', []),
    ],
)
def test_metrics_that_are_not_there_are_named(expr: str, words: list[str]) -> None:
    text = f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}', for: 1m}}]}}]"
    groups = read_groups(text, "rules.yml", Defaults())
    found = advice(groups, {"up"}.__contains__)
    assert [one.partition(": A: ")[2] for one in found] == words


def test_a_recording_rule_without_data_records_nothing() -> None:
    text = "groups: [{name: g, rules: [{record: A, expr: sum(gone)}]}]"
    (words,) = advice(read_groups(text, "rules.yml", Defaults()), {"up"}.__contains__)
    assert words.endswith("A: no series of gone is there: it records nothing")


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
