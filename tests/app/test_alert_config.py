"""An application's own `alertConfig`, in place or in the program that exports it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.test_alerting import loaded
from tocsin.alert.rules.rule_file import RuleFileError
from tocsin.app.alert_config import literal_as_yaml
from tocsin.app.receivers import check_receivers
from tocsin.app.rules import rule_plan
from tocsin.kit.clock import SystemClock
from tocsin.kit.document import ConfigError
from tocsin.kit.yaml import loads

PROGRAM = """\
// What wakes us
import { x } from './x'
export const alertConfig: AlertConfig = {
  severityLevels: {
    critical: {
      description: 'It\\'s down', // really
      responseTime: '5 minutes',
      escalation: ['on-call-engineer'],
      channels: ['pager', /* and */ "chat"],
    },
  },

  alertRules: {
    // Critical
    serviceDown: {
      condition: 'http_status_5xx_rate > 50%',
      duration: '1m',
      severity: 'critical',
      message: '🚨 http://wiki.example {not a brace',
    },
  },
}
export const other = { severityLevels: 1 }
"""
CHANNELS = """
alerting:
  channels:
    pager: {kind: webhook, url: 'http://127.0.0.1:9'}
    chat: {kind: webhook, url: 'http://127.0.0.1:9'}
"""


def test_the_program_that_exports_it_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "monitoring.ts").write_text(PROGRAM)
    config = loaded(tmp_path, "alertConfig: monitoring.ts" + CHANNELS)
    check_receivers(config, SystemClock())
    assert tmp_path / "monitoring.ts" in config.sources
    plan = rule_plan(config)
    [rule] = plan.groups[0].rules
    assert rule.name == "serviceDown"
    assert dict(rule.annotations)["summary"] == "🚨 http://wiki.example {not a brace"


def test_a_mistake_in_the_program_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "monitoring.ts").write_text(PROGRAM.replace("'1m'", "'soon'"))
    config = loaded(tmp_path, "alertConfig: monitoring.ts" + CHANNELS)
    with pytest.raises(RuleFileError, match=r"monitoring\.ts:17:17: alerts\.serviceDown\.duration"):
        rule_plan(config)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param(r"'it\'s'", "it's", id="an apostrophe"),
        pytest.param(r"'a\nb\tc\\'", "a\nb\tc\\", id="control characters and a backslash"),
        pytest.param(r"'\u{1F6A8}\u00e9\x41'", "🚨éA", id="code points"),
        pytest.param("`two\nlines`", "two\nlines", id="a template of two lines"),
        pytest.param("'say \"no\" // {'", 'say "no" // {', id="what looks like something else"),
    ],
)
def test_texts_mean_what_they_mean_there(written: str, meant: str) -> None:
    text = literal_as_yaml(f"alertConfig = {{a: {written}, // end\n b: 1}}", "x.js")
    assert loads(text).data == {"a": meant, "b": 1}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("const other = {}", "expected `alertConfig = {…}`"),
        ("\nalertConfig = {a: {}", ":2:1: the object of `alertConfig` does not end"),
    ],
    ids=["no such object", "no end"],
)
def test_what_is_no_object_is_refused_with_its_place(program: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        literal_as_yaml(program, "x.js")
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"alertConfig: cannot read the file .*/gone\.ts"):
        loaded(tmp_path, "alertConfig: gone.ts")
