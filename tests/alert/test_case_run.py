"""promtool's unit tests of rules, run here and by promtool itself: the verdicts agree."""

from __future__ import annotations

import shutil
from pathlib import Path

import anyio
import pytest

from tocsin.alert.trying import case_file, case_run

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
