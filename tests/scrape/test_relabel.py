"""Relabelling does what Prometheus's rules say."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.kit.document import ConfigError
from tocsin.kit.yaml import decode, loads
from tocsin.scrape.relabel import Relabeling, RelabelRule

START = {"a": "foo", "b": "bar", "c": "baz"}

CASES: list[Any] = [
    pytest.param("{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch$1-ch$1'}",
                 {**START, "d": "choo-choo"}, id="replace with a group"),
    pytest.param("{source_labels: [a, b], regex: f(.*);(.*)r, target_label: a,"
                 " replacement: b$1$2m}",
                 {**START, "a": "boo"}, id="$2m names a group that is not there"),
    pytest.param("{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a,"
                 " replacement: 'b${1}${2}m'}",
                 {**START, "a": "boobam"}, id="braces end a group's name"),
    pytest.param("{source_labels: [a], regex: '(?P<x>.*)', target_label: d, replacement: '${x}$$'}",
                 {**START, "d": "foo$"}, id="a named group and a dollar"),
    pytest.param("{source_labels: [a], regex: 'x', target_label: d, replacement: y}", START,
                 id="no match changes nothing"),
    pytest.param("{source_labels: [a], regex: f, target_label: d, replacement: y}", START,
                 id="a regex is anchored"),
    pytest.param("{target_label: d, replacement: y}", {**START, "d": "y"}, id="a constant"),
    pytest.param("{source_labels: [zz], target_label: a}", {"b": "bar", "c": "baz"},
                 id="an empty result deletes"),
    pytest.param("{source_labels: [a], regex: '(f).*', target_label: 'x_$1', replacement: y}",
                 {**START, "x_f": "y"}, id="a target label with a group"),
    pytest.param("{source_labels: [a], regex: 'foo', action: keep}", START, id="keep"),
    pytest.param("{source_labels: [a], regex: 'bar', action: keep}", None, id="keep drops"),
    pytest.param("{source_labels: [a], regex: 'f.*', action: drop}", None, id="drop"),
    pytest.param("{source_labels: [a, b], separator: '', regex: 'foobar', action: drop}", None,
                 id="an empty separator"),
    pytest.param("{source_labels: [a], regex: 'o', action: drop}", START, id="drop keeps"),
    pytest.param("{source_labels: [a], target_label: b, action: keepequal}", None, id="keepequal"),
    pytest.param("{source_labels: [a], target_label: b, action: dropequal}", START, id="dropequal"),
    pytest.param("{source_labels: [zz], target_label: yy, action: dropequal}", None,
                 id="absent labels are equal"),
    pytest.param("{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}",
                 {**START, "d": "976"}, id="hashmod as Prometheus"),
    pytest.param("{regex: '(b.*)', action: labelmap, replacement: 'x_$1'}".replace("(b.*)", "(b)"),
                 {**START, "x_b": "bar"}, id="labelmap"),
    pytest.param("{regex: '[ab]', action: labeldrop}", {"c": "baz"}, id="labeldrop"),
    pytest.param("{regex: '[ab]', action: labelkeep}", {"a": "foo", "b": "bar"}, id="labelkeep"),
    pytest.param("{source_labels: [a], target_label: d, action: uppercase}", {**START, "d": "FOO"},
                 id="uppercase"),
    pytest.param("{source_labels: [a], target_label: d, action: LowerCase}", {**START, "d": "foo"},
                 id="lowercase, in any case"),
]  # fmt: skip


def rules(text: str) -> Relabeling:
    return Relabeling([decode(loads(text), RelabelRule)])


@pytest.mark.parametrize(("rule", "after"), CASES)
def test_a_rule_does_what_prometheus_says(rule: str, after: dict[str, str] | None) -> None:
    labels = dict(START)
    verdict = rules(rule).apply(labels)
    assert (None if verdict else labels) == after


BAD = [
    pytest.param("{action: replace}", "target_label", id="replace without a target"),
    pytest.param("{action: hashmod, target_label: a}", "modulus", id="hashmod without modulus"),
    pytest.param("{action: labeldrop, source_labels: [a]}", "only regex", id="labeldrop with more"),
    pytest.param("{action: keepequal, target_label: a, regex: x}", "only", id="keepequal + regex"),
    pytest.param("{action: keep, regex: '('}", "missing", id="a broken regex"),
    pytest.param("{action: kepp}", "keep", id="an unknown action"),
]


@pytest.mark.parametrize(("rule", "words"), BAD)
def test_a_wrong_rule_is_refused_with_its_reason(rule: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        rules(rule)


def test_the_verdict_names_the_rule() -> None:
    relabeling = Relabeling(
        [
            RelabelRule(target_label="x", replacement="y"),
            RelabelRule(source_labels=("a",), regex="f.*", action="drop"),
        ]
    )
    verdict = relabeling.apply(dict(START))
    assert str(verdict) == "rule 2 (action drop, source_labels [a], regex 'f.*')"
