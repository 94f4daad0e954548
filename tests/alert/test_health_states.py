"""A broken scrape is no broken service: recovery, missing data, failing evaluation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.doubt import data_of
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.rule_file import RuleFileError, Unknown
from tocsin.alert.rules.rule_reads import Reading
from tocsin.alert.trying.case_file import read
from tocsin.alert.trying.case_run import run
from tocsin.model.labels import Labels
from tocsin.model.samples import STALE

RULE = """\
groups:
  - name: g
    rules:
      - alert: Slow
        expr: '{expr}'
        for: {hold}
        labels: {{severity: high}}
        annotations:
          summary: it is {{{{ $value }}}}
          runbook_url: https://wiki/slow
          {more}
"""


def rule(more: str = "", *, expr: str = "x > 2", hold: str = "0s") -> str:
    return RULE.format(expr=expr, hold=hold, more=more)


@pytest.fixture
def world(tmp_path: Path) -> RuleWorld:
    return RuleWorld(tmp_path)


async def states(world: RuleWorld, group: GroupRun, values: str) -> str:
    """The rule's state after each minute: a digit is the value of x then, a dot is no value."""
    words = {"ok": "-", "pending": "p", "firing": "F", "no data": "n", "error": "e"}
    seen = ""
    for mark in values:
        await world.clock.advance(60)
        if mark == ".":
            world.put("x", STALE)
        else:
            world.put("x", float(mark))
        await group.evaluate(world.now_ms)
        seen += words[group.rules[0].state]
    return seen


@pytest.mark.parametrize(
    ("more", "values", "expected"),
    [
        pytest.param("", "1321.3", "-F---F", id="without a word it is as Prometheus has it"),
        pytest.param(
            'tocsin_recover: "x < 1"', "132101", "-FFF--", id="it fires until it has recovered"
        ),
        pytest.param('tocsin_recover: "x < 1"', "3.3", "FnF", id="recovering without data is over"),
        pytest.param("tocsin_no_data: keep", "1.3..1", "-nFnn-", id="missing data are told apart"),
    ],
)
async def test_the_state_follows_the_data(
    world: RuleWorld, more: str, values: str, expected: str
) -> None:
    assert await states(world, world.group(rule(more)), values) == expected


async def test_an_alert_that_has_not_recovered_says_why_and_shows_its_value(
    world: RuleWorld,
) -> None:
    group = world.group(rule('tocsin_recover: "x < 1"'))
    await states(world, group, "32")
    (one,) = group.rules[0].alerts()
    assert (one.state, one.held, one.value) == ("firing", "not recovered", 2.0)
    assert [name for name, _ in one.annotations] == ["runbook_url", "summary"]
    await states(world, group, "0")
    assert group.rules[0].alerts() == []
    assert world.told.alerts[-1].ends_ms == world.now_ms


async def test_what_fires_goes_on_while_its_data_is_missing(world: RuleWorld) -> None:
    group = world.group(rule("tocsin_no_data: keep"))
    await states(world, group, "3..")
    (one,) = group.rules[0].alerts()
    assert (one.state, one.value) == ("no data", 3.0)


async def test_missing_data_is_an_alert_of_its_own_that_ends_with_it(world: RuleWorld) -> None:
    group = world.group(rule("tocsin_no_data: alert"))
    assert await states(world, group, "1....") == "-nnnn"
    (one,) = group.rules[0].alerts()
    labels: Labels = (("alertname", "Slow"), ("severity", "high"), ("state", "no_data"))
    assert (one.labels, one.phase.word) == (labels, "firing")
    assert dict(one.annotations) == {
        "summary": "Slow: no data",
        "runbook_url": "https://wiki/slow",
        "description": "`x > 2` has no series any more; whether something is wrong cannot be told.",
    }
    assert await states(world, group, "1") == "-"
    assert group.rules[0].alerts() == []


async def test_data_that_never_was_is_not_missing(world: RuleWorld) -> None:
    group = world.group(rule("tocsin_no_data: alert"))
    await world.minutes(group, 5, y=1.0)
    assert (group.rules[0].state, group.rules[0].alerts()) == ("ok", [])


async def test_data_that_was_lost_before_a_restart_is_missing(world: RuleWorld) -> None:
    world.put("x", 1.0, ago_ms=3_600_000)
    group = world.group(rule("tocsin_no_data: alert"))
    await group.evaluate(world.now_ms)
    assert group.rules[0].state == "no data"


async def test_one_series_of_several_that_is_missing_goes_on_for_an_hour(world: RuleWorld) -> None:
    group = world.group(rule("tocsin_no_data: keep"))
    for host in "ab":
        world.put("x", 3.0, host=host)
    await group.evaluate(world.now_ms)
    for minutes, expected in ((30, 2), (30, 2), (40, 1)):
        await world.clock.advance(60 * minutes)
        world.put("x", 3.0, host="a")
        await group.evaluate(world.now_ms)
        assert len(group.rules[0].alerts()) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param("keep", ["Slow error"], id="what fires goes on"),
        pytest.param("ok", [], id="what fires is over"),
        pytest.param("alert", ["Slow error", "Slow firing"], id="and it is told"),
    ],
)
async def test_a_failing_evaluation_is_a_state_of_its_own(
    world: RuleWorld, policy: str, expected: list[str]
) -> None:
    text = rule(f"tocsin_on_error: {policy}", expr="x * on () group_left () y > 2")
    group = world.group(text)
    await world.minutes(group, 1, x=3.0, y=1.0)
    assert group.rules[0].state == "firing"
    for _ in range(4):
        await world.clock.advance(60)
        world.put("x", 3.0)
        for side in "ab":
            world.put("y", 1.0, side=side)
        await group.evaluate(world.now_ms)
    assert group.rules[0].state == "error"
    said = [f"{dict(one.labels)['alertname']} {one.state}" for one in group.rules[0].alerts()]
    assert sorted(said) == expected


async def test_an_alert_that_had_not_recovered_survives_a_restart(world: RuleWorld) -> None:
    text = rule('tocsin_recover: "x < 1"')
    await states(world, world.group(text), "322")
    again = world.group(text, restore=True)
    assert await states(world, again, "22") == "--"
    await again.restore(world.now_ms)
    assert await states(world, again, "2") == "F"
    (one,) = again.rules[0].alerts()
    assert dict(one.annotations)["summary"] == "it is 2"
    assert one.active_ms == world.now_ms - 5 * 60_000
    assert await states(world, again, "0") == "-"
    assert world.told.alerts[-1].ends_ms == world.now_ms


def test_the_extension_is_read_and_not_told(world: RuleWorld) -> None:
    more = 'tocsin_recover: "x<1"\n          tocsin_no_data: alert\n          tocsin_on_error: ok'
    ((one,),) = (group.rules for group in world.groups(rule(more)))
    assert (one.recover, one.no_data, one.on_error) == ("x < 1", Unknown.ALERT, Unknown.OK)
    assert [name for name, _ in one.annotations] == ["runbook_url", "summary"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param('tocsin_recover: "x <"', "could not parse", id="no expression"),
        pytest.param("tocsin_no_data: maybe", "expected ok, keep, alert", id="no such choice"),
        pytest.param("tocsin_recovery: x", 'did you mean "recover"', id="no such word"),
    ],
)
def test_a_mistake_in_the_extension_has_its_place(world: RuleWorld, more: str, words: str) -> None:
    with pytest.raises(RuleFileError, match=words) as refused:
        world.groups(rule(more))
    assert refused.value.problems[0].place.line == 11


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("x > 2", "x"),
        ("2 < x", "x"),
        ("sum(rate(x[5m])) / sum(rate(y[5m])) > 0.5", "sum(rate(x[5m])) / sum(rate(y[5m]))"),
        ("count(up == 0) > 3", "count(up)"),
        ("x > 1 and y < 2", "x and y"),
        ("x > 1 or y < 2", "x or y"),
        ("x > 1 unless y", "x"),
        ("x > y", "x > bool y"),
        ("x > 1 and absent(y)", "x"),
        ("absent(x)", ""),
        ("absent(x) == 1", ""),
        ("vector(1)", ""),
        ("histogram_quantile(0.9, rate(x[5m])) > 2", "histogram_quantile(0.9, rate(x[5m]))"),
        ("predict_linear(x[1h], 3600) < 0", "predict_linear(x[1h], 3600)"),
    ],
)
def test_data_is_the_expression_without_what_chooses(expr: str, expected: str) -> None:
    assert data_of(expr) == expected


@pytest.mark.parametrize(
    ("rules", "waves"),
    [
        pytest.param("a: x, b: y, c: x", [[0, 1, 2]], id="independent rules run together"),
        pytest.param("a: x, b: a, c: b, d: x", [[0, 3], [1], [2]], id="who reads waits"),
        pytest.param("b: a, a: x", [[0], [1]], id="nobody overtakes an earlier reader"),
        pytest.param("a: x, b: \"{job=~'j'}\", c: y", [[0], [1], [2]], id="unclear: in order"),
    ],
)
def test_waves(world: RuleWorld, rules: str, waves: list[list[int]]) -> None:
    listed = "".join(
        f"      - {{record: {name}, expr: {expr}}}\n"
        for name, expr in (pair.split(": ", 1) for pair in rules.split(", "))
    )
    (group,) = world.groups(f"groups:\n  - name: g\n    rules:\n{listed}")
    assert Reading(group.rules).waves() == waves


@pytest.mark.slow
def test_prometheus_takes_the_extension_for_annotations(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    file = tmp_path / "rules.yml"
    file.write_text(rule('tocsin_recover: "x < 1"\n          tocsin_no_data: alert'))
    checked = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


async def test_promtool_cases_may_expect_the_extension(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rule('tocsin_recover: "x < 1"'))
    file = tmp_path / "test.yml"
    file.write_text("""\
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: x, values: "3 2 0"}]
    alert_rule_test:
      - alertname: Slow
        eval_time: 1m
        exp_alerts:
          - exp_labels: {severity: high}
            exp_annotations: {summary: it is 3, runbook_url: "https://wiki/slow",
              tocsin_recover: "x < 1"}
      - {alertname: Slow, eval_time: 2m}
""")
    assert await run(read(file)) == []
