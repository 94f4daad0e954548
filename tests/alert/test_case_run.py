"""promtool's unit tests of rules, run here and by promtool itself: the verdicts agree."""

from __future__ import annotations

import shutil
from pathlib import Path

import anyio
import pytest

from tocsin.alert.trying import case_file, case_run
from tocsin.kit.document import ConfigError

FOLDER = Path(__file__).parent / "rules"
EVERYDAY = (FOLDER / "everyday_test.yml").read_text()
CHANGES = {
    "nothing is changed": ("", ""),
    "another text is expected": ("localhost:9090 down", "localhost:9090 up"),
    "it is expected before it fires": ("eval_time: 10m", "eval_time: 5m"),
    "another value is expected": ("value: 0", "value: 1"),
    "a query's state is another": ('alertstate="pending"', 'alertstate="firing"'),
    "keep_firing_for has ended later": ("eval_time: 8m", "eval_time: 9m"),
    "the input recovers": ("1 1 0 0 0", "1 1 0 1 0"),
    "another external label is set": ("region: eu", "region: us"),
}


def changed(folder: Path, name: str) -> Path:
    """The tests with one change."""
    shutil.copy(FOLDER / "everyday.yml", folder)
    file = folder / "everyday_test.yml"
    old, new = CHANGES[name]
    file.write_text(EVERYDAY.replace(old, new, 1) if old else EVERYDAY)
    return file


async def test_rules_that_do_what_is_expected_pass() -> None:
    assert await case_run.run(case_file.read(FOLDER / "everyday_test.yml")) == []


async def test_what_is_not_as_expected_is_shown_beside_it(tmp_path: Path) -> None:
    file = changed(tmp_path, "another value is expected")
    (words,) = await case_run.run(case_file.read(file))
    assert words.startswith("expr: 'job:up:sum', time: 10m")
    assert 'got:      job:up:sum{job="b"} 1, job:up:sum{job="prometheus"} 0' in words


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
async def test_the_verdict_is_that_of_promtool(tmp_path: Path, name: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    file = changed(tmp_path, name)
    theirs = await anyio.run_process(["promtool", "test", "rules", str(file)], check=False)
    ours = await case_run.run(case_file.read(file))
    assert (ours == []) == (theirs.returncode == 0), (ours, theirs.stdout, theirs.stderr)


@pytest.mark.parametrize("start", ["1609459200", "2021-01-01T01:00:00+01:00", "1609459200.0"])
async def test_a_test_may_begin_at_a_moment(tmp_path: Path, start: str) -> None:
    (tmp_path / "rules.yml").write_text(
        "groups: [{name: g, rules: [{alert: Morning, expr: 'hour() == 0 and on() x > 1'}]}]"
    )
    (tmp_path / "test.yml").write_text(f"""
rule_files: [rules.yml]
tests:
  - start_timestamp: {start}
    interval: 1m
    input_series: [{{series: x, values: '0+1x100'}}]
    alert_rule_test:
      - {{eval_time: 1m, alertname: Morning}}
      - {{eval_time: 59m, alertname: Morning, exp_alerts: [{{}}]}}
      - {{eval_time: 60m, alertname: Morning}}
    promql_expr_test:
      - {{expr: time(), eval_time: 90s, exp_samples: [{{value: 1609459290}}]}}
      - {{expr: x, eval_time: 2m, exp_samples: [{{labels: x, value: 2.0000000001}}]}}
""")
    (words,) = await case_run.run(case_file.read(tmp_path / "test.yml"))
    assert words.endswith("expected: x{} 2.0000000001\n  got:      x{} 2")


@pytest.mark.parametrize("start", ["yesterday", "2021-01-01T00:00:00", "1969-12-31T00:00:00Z"])
def test_a_moment_that_is_none_is_refused_with_its_place(tmp_path: Path, start: str) -> None:
    (tmp_path / "test.yml").write_text(f"tests: [{{start_timestamp: '{start}'}}]")
    with pytest.raises(ConfigError, match=r"test.yml:1:27: tests\[0\].start_timestamp: expected s"):
        case_file.read(tmp_path / "test.yml")
