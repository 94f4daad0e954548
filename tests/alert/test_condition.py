"""Conditions in words and units, and what they find when the engine evaluates them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alert.rule_world import RuleWorld
from tocsin.alert.plain.condition import compiled, doubts_about
from tocsin.alert.plain.condition_tokens import ConditionError, Dimension
from tocsin.alert.plain.indicators import DEFAULTS, Indicator
from tocsin.alert.rules.doubt import data_of
from tocsin.alert.rules.rule_run import pairs_of
from tocsin.model.labels import NAME, from_mapping
from tocsin.query.promql.parse import parse
from tocsin.query.promql.printer import to_text

MINUTE = 60_000
HOUR = 60 * MINUTE
WEEK = 7 * 24 * HOUR

KNOWN = {
    "share": Indicator("share", "sum(bad) / sum(all)", Dimension.SHARE, ""),
    "slow": Indicator("slow", "slow_seconds", Dimension.TIME, ""),
    "size": Indicator("size", "sum(size_bytes)", Dimension.SIZE, ""),
    "rate": Indicator("rate", "sum(rate(done[5m]))", Dimension.RATE, ""),
    "queue": Indicator("queue", "queue", Dimension.NUMBER, ""),
    "disk_free": Indicator("disk_free", "free_bytes", Dimension.SIZE, ""),
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("share > 5%", "sum(bad) / sum(all) > 0.05"),
        ("share>0.05", "sum(bad) / sum(all) > 0.05"),
        ("slow >= 2000ms", "slow_seconds >= 2"),
        ("slow > 1h30m", "slow_seconds > 5400"),
        ("slow > 1.5 s", "slow_seconds > 1.5"),
        ("size > 500MB", "sum(size_bytes) > 500000000"),
        ("size > 2 GiB", "sum(size_bytes) > 2147483648"),
        ("rate > 300/min", "sum(rate(done[5m])) > 5"),
        ("rate < 10 / s", "sum(rate(done[5m])) < 10"),
        ("5% < share", "sum(bad) / sum(all) > 0.05"),
        ("queue > 2 * (3 + 4)", "queue > 14"),
        ("queue / 2 > -1", "queue / 2 > -1"),
        ("slow > 0", "slow_seconds > 0"),
        ("queue == 0 or slow > 1s", "queue == 0 or slow_seconds > 1"),
        (
            "queue > 1 AND (slow > 1s || slow < 1ms)",
            "queue > 1 and (slow_seconds > 1 or slow_seconds < 0.001)",
        ),
        ("queue > 1 and share > 1%", "queue > 1 and on () sum(bad) / sum(all) > 0.01"),
        ('queue{job="a"} > 1', 'queue{job="a"} > 1'),
        ('share{job="a"} > 1%', 'sum(bad{job="a"}) / sum(all{job="a"}) > 0.01'),
        ("any.metric{} > 3", "any_metric > 3"),
        ("a{} / b{} > 3", "a / b > 3"),
        ("a{} / share > 3", "a / on () group_left () (sum(bad) / sum(all)) > 3"),
        ("max(queue, 10m) > 3", "max_over_time(queue[10m]) > 3"),
        ("increase(errors_total{}, 1h) > 3", "increase(errors_total[1h]) > 3"),
        ("avg(share, 1h) > 3%", "avg_over_time((sum(bad) / sum(all))[1h:1m]) > 0.03"),
        ('promql("sum(up) / count(up)") < 0.5', "sum(up) / count(up) < 0.5"),
        (
            'lines("payment failed service:api", 5m) > 20',
            'sum(logs{in="5m",q="payment failed service:api"}) > 20',
        ),
        ("absent(up for 10m)", "absent_over_time(up[10m])"),
        ("absent(share, 10m)", "absent_over_time((sum(bad) / sum(all))[10m:1m])"),
        ("forecast(queue, 4h) > 9", "predict_linear(queue[4h], 14400) > 9"),
        ("forecast(queue, 4h, 30m) > 9", "predict_linear(queue[30m], 14400) > 9"),
        ("queue reaches 9 within 2h", "predict_linear(queue[2h], 7200) >= 9"),
        ("disk full within 4h", "predict_linear(free_bytes[4h], 14400) < 0"),
    ],
)
def test_a_condition_becomes_promql(condition: str, expected: str) -> None:
    assert compiled(condition, KNOWN) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("share > 5%", "sum by (service) (bad) / sum by (service) (all) > 0.05"),
        ("queue > 5", "max by (service) (queue) > 5"),
        ("queue < 5", "min by (service) (queue) < 5"),
        ("5 > queue", "min by (service) (queue) < 5"),
    ],
)
def test_by_asks_for_each_service_apart(condition: str, expected: str) -> None:
    assert compiled(condition, KNOWN, ("service",)) == expected


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("shar > 5%", r'at character 1: unknown indicator .shar. .*did you mean "share"\?'),
        ("share > 5", "at character 7: shares are compared as percentages: write 5%"),
        ("slow > 5", "left side is a time such as .*, the right side a plain number"),
        ("slow > 5MB", "left side is a time .*, the right side a size"),
        ("slow + share > 1", "at character 6: the left side is a time"),
        ("queue > 5 parsecs", "expected and, or, or the end, got 'parsecs'"),
        ("queue > 5mbb", "unknown unit 'mbb'"),
        ("queue = 5", 'did you mean "=="'),
        ("queue", "something measured alone is no condition"),
        ("5", "a number alone is no condition"),
        ("1 > 2", "both sides are numbers"),
        ("1 < queue < 3", "join comparisons with and"),
        ("(queue > 1) > 2", "a condition cannot be compared"),
        ("(queue > 1) + 2 > 3", "no value to compute with"),
        ("queue > 1 / 0", "divided by zero"),
        ("queue > ", "expected a number or an indicator, got the end"),
        ("(queue > 1", "to close the parenthesis"),
        ("queue > 1)", "expected and, or, or the end"),
        ("queue{job=} > 1", "wrong matchers"),
        ("queue{ > 1", "the brace is not closed"),
        ("queue > 1 and", "expected a number or an indicator"),
        ("flatlin(queue, 5m)", 'did you mean "flatline"'),
        ("flatline(queue)", "and a time in flatline"),
        ("flatline(queue, 5)", "expected a time such as 10m"),
        ("absent(shar for 5m)", 'did you mean "share"'),
        ("queue deviates > 3", "only seasonal"),
        ("queue ? 3", "has no meaning here"),
        ("(" * 60 + "queue", "more than 50 parentheses"),
        ("-" * 5_000 + "queue > 1", "more than 50 parentheses"),
        ("avg(" * 2_000 + "queue", "more than 50 parentheses"),
        (" and ".join(["queue > 1"] * 700), "too much for one rule, as PromQL: expression nests"),
        ("queue > 1 or " * 1_000, "more than 10,000 characters; split it into several rules"),
        ("queue > 1e400", "at character 9: the number is too large"),
        ("queue > 1e308 * 1e308", "at character 15: the number is too large"),
        ("queue / 0 > 1", "at character 7: divided by zero"),
        ("", "expected a number or an indicator"),
    ],
)
def test_a_mistake_names_the_character(condition: str, words: str) -> None:
    with pytest.raises(ConditionError, match=words):
        compiled(condition, KNOWN)


def test_every_default_indicator_can_be_asked_for() -> None:
    bounds = {Dimension.SHARE: "5%", Dimension.TIME: "5s", Dimension.RATE: "5/s"}
    for name, one in DEFAULTS.items():
        bound = bounds.get(one.dimension, "5MB" if one.dimension is Dimension.SIZE else "5")
        assert compiled(f"{name} > {bound}", DEFAULTS)
        assert "by (service" in compiled(f"{name} > {bound}", DEFAULTS, ("service",)) or (
            name == "memory_usage"
        )


Points = Callable[[int], float | None]


async def found(world: RuleWorld, condition: str, **series: Points) -> list[float]:
    """What a condition finds now; each series gives its value by minutes ago, for five weeks."""
    for name, at in series.items():
        points = {}
        for ago in range(5 * WEEK // MINUTE, -1, -5):
            value = at(ago)
            if value is not None:
                points[world.now_ms - ago * MINUTE] = value
        world.memory.put(from_mapping({NAME: name, "job": "j"}), points)
    result = await world.around.engine.instant(compiled(condition, DEFAULTS), world.now_ms)
    return [value for _, value in pairs_of(result)]


@pytest.fixture
def world(tmp_path: Path) -> RuleWorld:
    return RuleWorld(tmp_path)


async def test_absence_is_found_after_its_time(world: RuleWorld) -> None:
    assert await found(world, "absent(x for 10m)", x=lambda ago: 1.0 if ago >= 15 else None)
    assert not await found(world, "absent(x for 20m)")


async def test_a_flat_line_is_found_only_when_it_was_there_all_the_time(world: RuleWorld) -> None:
    assert await found(world, "flatline(x, 30m)", x=lambda ago: 7.0 if ago < 45 else float(ago))
    assert not await found(world, "flatline(y, 30m)", y=lambda ago: 7.0 if ago < 25 else None)
    assert not await found(world, "flatline(z, 30m)", z=lambda ago: 7.0 if ago < 25 else 8.0)


async def test_a_disk_that_fills_is_foreseen(world: RuleWorld) -> None:
    def left(hours: float) -> Points:
        return lambda ago: 1e9 * (hours + ago / 60)

    assert await found(world, "disk full within 4h", node_filesystem_avail_bytes=left(3))
    other = RuleWorld(world.folder)
    assert not await found(other, "disk full within 4h", node_filesystem_avail_bytes=left(5))


async def test_an_hour_unlike_the_same_hour_of_past_weeks_deviates(world: RuleWorld) -> None:
    def daily(ago: int) -> float:
        hour = (-ago // 60) % 24
        return 100.0 + 10 * hour + ago // (WEEK // MINUTE)

    condition = "seasonal(x) deviates > 3"
    assert not await found(world, condition, x=daily)
    other = RuleWorld(world.folder)
    assert await found(other, condition, x=lambda ago: daily(ago) * (0.2 if ago <= 60 else 1))
    (down,) = await found(other, "seasonal(x) < -3")
    assert down < -3
    assert not await found(other, "seasonal(x) > 3")


async def test_a_season_needs_two_weeks(world: RuleWorld) -> None:
    def recent(ago: int) -> float | None:
        return (1.0 if ago > 60 else 50.0) if ago < 8 * 24 * 60 else None

    assert not await found(world, "seasonal(x) deviates > 3", x=recent)


async def test_no_failure_is_an_error_rate_of_zero(world: RuleWorld) -> None:
    for ago in range(10, -1, -1):
        world.put("http_requests_total", 1000.0 - ago, ago_ms=ago * MINUTE, status_code="200")
    assert await found(world, "error_rate == 0") == [0.0]
    assert await found(world, "success_rate == 100%") == [1.0]


# fmt: off
_SCRAPS = st.sampled_from((
    "queue", "share", "slow", "any{}", "5", "5%", "2s", "10MB", "3/s", ">", ">=", "<", "==",
    "and", "or", "(", ")", "+", "-", "*", "/", ",", "for", "within", "reaches", "deviates",
    "disk", "full", "absent(", "flatline(", "seasonal(", "forecast(", "max(", "{job='a'}",
    "1h30m",
))
# fmt: on


@given(st.lists(_SCRAPS, max_size=12).map(" ".join) | st.text(max_size=40))
def test_whatever_is_written_is_compiled_or_refused(condition: str) -> None:
    try:
        text = compiled(condition, KNOWN, ("service",))
    except ConditionError:
        return
    assert to_text(parse(text)) == text
    data_of(text)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("share > 150%", "> 150% is never true"),
        ("share > 100%", "> 100% is never true"),
        ("share < -1%", "< -1% is never true"),
        ("share == 101%", "== 101% is never true"),
        ("150% < share", "> 150% is never true"),
        ("queue > 1 and share >= 0%", ">= 0% is always true"),
        ("share < 200%", "< 200% is always true"),
    ],
)
def test_a_share_that_cannot_be_is_doubted(condition: str, words: str) -> None:
    assert doubts_about(condition, KNOWN) == (f"a share is from 0% to 100%: {words}",)


@pytest.mark.parametrize(
    "condition",
    ["share > 99%", "share >= 100%", "share != 101%", "share * 3 > 150%", "share + share > 150%",
     "forecast(share, 4h) > 100%", "queue > 150", "share > share * 2"],
)  # fmt: skip
def test_a_share_that_can_be_is_not_doubted(condition: str) -> None:
    assert doubts_about(condition, KNOWN) == ()


def test_lines_are_counted_by_the_fields_that_the_rule_asks_for() -> None:
    expr = compiled("lines('level:error', 10m) > 5", {}, ("region", "service"))
    counted = 'sum by (region, service) (logs{by="region, service",in="10m",q="level:error"})'
    assert expr == f"{counted} > 5"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ('lines("a:(b", 5m) > 1', "at character 7: the question about lines is wrong"),
        ("lines(errors, 5m) > 1", "expected a question in quotes"),
        ('lines("x") > 1', "and a time in lines"),
    ],
)
def test_a_wrong_question_about_lines_is_refused_with_its_place(condition: str, words: str) -> None:
    with pytest.raises(ConditionError, match=re.escape(words)):
        compiled(condition, {})


@pytest.mark.parametrize(
    "expr",
    ['sum(logs{q="failed", in="5m"}) > 20', 'logql{query="sum(rate({app=`a`}[5m]))"} > 2'],
)
def test_where_no_line_is_counted_nothing_is_missing(expr: str) -> None:
    assert data_of(expr) == ""
    assert data_of('logs{level="error"} > 2') == 'logs{level="error"}', "a metric of that name"
