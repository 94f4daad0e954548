"""Rules over lines: what each action does, and how mistakes are told."""

from __future__ import annotations

import pytest

from tocsin.ingest.logs.pipeline import Pipeline
from tocsin.ingest.logs.pipeline_config import read_rules
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Rejected
from tocsin.model.logs import LogRecord


def run(rules: str, *records: LogRecord) -> list[LogRecord]:
    return Pipeline(read_rules(rules), FakeClock())(list(records))


def line(body: str = "hello", **parts: object) -> LogRecord:
    given: dict[str, object] = {"ts_ns": 1, "body": body, "attributes": {}, **parts}
    return LogRecord(**given)  # type: ignore[arg-type]  # the tests' own words


@pytest.mark.parametrize(
    ("act", "body", "expected"),
    [
        pytest.param(
            "parse: {form: json}",
            'x {"a": {"b": 7}, "level": "warn"}',
            {"a.b": "7"},
            id="json behind a prefix",
        ),
        pytest.param(
            "parse: {form: logfmt}", 'a=1 b="two words"', {"a": "1", "b": "two words"}, id="logfmt"
        ),
        pytest.param(
            r"parse: {form: regexp, pattern: 'took (?P<duration_ms>\d+)ms'}",
            "it took 17ms",
            {"duration_ms": "17"},
            id="a regular expression",
        ),
        pytest.param(
            "parse: {form: grok, pattern: '%{IP:client.address} %{WORD:method} %{URIPATH:path}'}",
            "10.1.2.3 GET /cart?id=7",
            {"client.address": "10.1.2.3", "method": "GET", "path": "/cart"},
            id="grok with dotted names",
        ),
        pytest.param(
            "parse: {form: key_value, pairs: ';', equals: ':', prefix: kv.}",
            "a:1; b: 2",
            {"kv.a": "1", "kv.b": "2"},
            id="keys and values",
        ),
        pytest.param(
            "set: {team: shop, copy: 'was {message}'}",
            "x",
            {"team": "shop", "copy": "was x"},
            id="set",
        ),
    ],
)
def test_fields_are_read_and_set(act: str, body: str, expected: dict[str, str]) -> None:
    (found,) = run(f"- {{name: r, do: [{act}]}}", line(body))
    assert found.attributes == expected


def test_fields_that_are_parts_of_a_line_become_them() -> None:
    (found,) = run(
        "- {name: r, do: [parse: {form: json}, rename: {svc: service, text: message}]}",
        line('{"svc": "pay", "level": "error", "text": "no", "trace_id": "abc"}'),
    )
    assert (found.service, found.level, found.body, found.trace_id) == ("pay", 17, "no", "abc")
    assert found.attributes == {}


def test_only_lines_that_answer_the_question_are_changed_and_rules_run_in_order() -> None:
    rules = """
- name: mark
  when: service:shop level>=warn
  do:
    - set: {seen: "yes"}
- name: drop what was marked
  when: seen:yes
  do:
    - drop: true
"""
    kept = run(rules, line(service="shop", level=17), line(service="shop", level=9), line())
    assert [one.level for one in kept] == [9, 0]


def test_what_is_redacted_is_nowhere_any_more() -> None:
    (found,) = run(
        r"- {name: r, do: [redact: {pattern: '\d+-\d+', fields: [message, card], by: '[card]'}]}",
        line("card 1234-5678", attributes={"card": "1234-5678"}, original='{"card": "1234-5678"}'),
    )
    assert found.body == "card [card]"
    assert found.attributes == {"card": "[card]"}
    assert found.original == '{"card": "[card]"}'


def test_lines_are_counted_by_their_fields_as_often_as_they_stand_for() -> None:
    rules = "- {name: c, do: [count: {metric: pay_total, by: [service, status.code]}]}"
    pipeline = Pipeline(read_rules(rules), FakeClock())
    pipeline([line(service="a", attributes={"status.code": "500"}), line(service="a", weight=10)])
    assert pipeline.counts.values == {
        (("__name__", "pay_total"), ("service", "a"), ("status_code", "500")): 1,
        (("__name__", "pay_total"), ("service", "a")): 10,
    }


def test_of_sampled_lines_the_kept_ones_count_for_all() -> None:
    rules = "- {name: s, when: level:debug, do: [sample: 10]}"
    kept = run(rules, *(line(level=5) for _ in range(101)), line(level=17))
    assert [one.weight for one in kept] == [1] + [10] * 10 + [1]
    assert kept[1].attributes == {"tocsin.sampled": "10"}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        pytest.param(
            "- {name: a, when: 'level>>x', do: [drop: true]}", "rules:1:3", id="a question"
        ),
        pytest.param(
            "- {name: a, do: [{drop: true, sample: 2}]}", "one action is one of", id="two at once"
        ),
        pytest.param("- {name: a, do: []}", "do", id="nothing to do"),
        pytest.param("- {name: a, do: [droop: true]}", 'did you mean "drop"', id="a slip"),
        pytest.param(
            "- name: a\n  do:\n    - parse: {form: regexp, pattern: '(?P<a>['}",
            "rules:3:14",
            id="an expression, by its place",
        ),
        pytest.param(
            "- {name: a, do: [parse: {form: grok, pattern: '%{NOPE:a}'}]}",
            "NOPE",
            id="an unknown name",
        ),
        pytest.param(
            "- {name: a, do: [drop: true]}\n- {name: a, do: [drop: true]}",
            "two rules",
            id="one name twice",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(rules: str, words: str) -> None:
    with pytest.raises(Rejected) as told:
        read_rules(rules)
    assert words in str(told.value)
