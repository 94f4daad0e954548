"""Random input through the same rules: Prometheus's own rule manager sees the same alerts.

promtool runs Prometheus's code on virtual time. What Tocsin finds at every minute is written down
as what promtool has to expect; every difference is a failure there.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import anyio
import pytest

from tests.alert.rule_world import RuleWorld
from tocsin.alert.rules.group_run import GroupRun
from tocsin.alert.rules.rule_run import pairs_of
from tocsin.alert.trying.series_notation import labels_of, values_of
from tocsin.model.labels import Labels, metric_name
from tocsin.model.labels import get as label

MINUTES = 40
RULES = """\
groups:
  - name: g
    rules:
      - record: job:x:max
        expr: max by (job) (x)
        labels: {kind: max}
      - {alert: AtOnce, expr: x > 5}
      - {alert: Waits, expr: x > 5, for: 3m, labels: {severity: page, of: "{{ $labels.job }}"}}
      - {alert: Keeps, expr: x > 5, keep_firing_for: 4m}
      - {alert: WaitsAndKeeps, expr: x > 5, for: 2m, keep_firing_for: 3m}
      - {alert: OfRecorded, expr: "job:x:max > 7", for: 1m}
      - {alert: Rises, expr: "delta(x[230s]) > 4", for: 1m}
      - {alert: Gone, expr: "absent(x{job='a', one='0'})", for: 2m}
      - {alert: Grumbles, expr: 'count(ALERTS{alertstate="firing"}) > 3', for: 1m}
"""


def _inputs(chance: random.Random) -> dict[str, str]:
    """Plateaus, ends and short gaps. No gap and no window ends exactly at a sample: there the
    Prometheus 2 of promtool and Prometheus 3, which Tocsin follows, differ."""

    def run(after: str) -> list[str]:
        kind = chance.random()
        word = "stale" if kind > 0.95 else str(chance.randrange(10))
        if kind < 0.15 and after != "_":
            return ["_"] * chance.randrange(1, 5)
        return [word] * chance.randrange(1, 7)

    found = {}
    for job in "ab":
        for one in range(2):
            words = ["1"]
            while len(words) < MINUTES:
                words += run(words[-1])
            found[f'x{{job="{job}", one="{one}"}}'] = " ".join(words[:MINUTES])
    return found


def _quoted(labels: Labels) -> str:
    pairs = ", ".join(f"{n}={json.dumps(v)}" for n, v in labels if n != "__name__")
    return f"{metric_name(labels)}{{{pairs}}}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_the_alerts_of_every_minute_are_prometheus_s(tmp_path: Path, seed: int) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    inputs = _inputs(random.Random(seed))
    world = RuleWorld(tmp_path)
    (made,) = world.groups(RULES)
    group = GroupRun(made, world.around, restore=False)
    for series, text in inputs.items():
        points = {i * 60_000: v for i, v in enumerate(values_of(text)) if v is not None}
        world.memory.put(labels_of(series), points)
    expected = []
    states: set[str] = set()
    for minute in range(MINUTES):
        await group.evaluate(minute * 60_000)
        for expr in ("ALERTS", "ALERTS_FOR_STATE", "job:x:max"):
            found = pairs_of(await world.around.engine.instant(expr, minute * 60_000))
            states |= {label(labels, "alertstate") for labels, _ in found}
            samples = [{"labels": _quoted(labels), "value": value} for labels, value in found]
            expected.append({"expr": expr, "eval_time": f"{minute}m", "exp_samples": samples})
    assert states == {"", "pending", "firing"}
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in inputs.items()],
        "promql_expr_test": expected,
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [case]}))
    theirs = await anyio.run_process(["promtool", "test", "rules", str(file)], check=False)
    assert theirs.returncode == 0, (theirs.stdout + theirs.stderr).decode()[:3000]
