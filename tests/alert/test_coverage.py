from __future__ import annotations

import pytest

from tests.alert.test_severity import policy
from tocsin.alert.checking.coverage import unrouted, without_level
from tocsin.alert.checking.route_advice import route_advice
from tocsin.alert.routing.alertmanager_config import RoutingPlan, read_routing
from tocsin.kit.yaml import loads
from tocsin.model.labels import from_mapping

TREE = """
route:
  receiver: "null"
  routes:
    - {match: {team: db}, receiver: db}
    - matchers: ['severity=~"high|critical"']
      receiver: pager
      routes: [{match: {env: dev}, receiver: empty}]
receivers:
  - {name: "null"}
  - {name: empty}
  - {name: db, webhook_configs: [{url: http://x}]}
  - {name: pager, webhook_configs: [{url: http://x}]}
"""


def plan_of(text: str) -> RoutingPlan:
    return read_routing(loads(text, "am.yml"))


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        pytest.param({"severity": "critical"}, "", id="somebody is told"),
        pytest.param({"severity": "low"}, "", id="its series may belong to the team db"),
        pytest.param(
            {"severity": "low", "team": "web"},
            "it leads to the receiver 'null', which tells nobody",
            id="nobody is told",
        ),
        pytest.param({"severity": "{{ $labels.x }}", "team": "web"}, "", id="a template"),
        pytest.param(
            {"severity": "high", "team": "web", "env": "dev"},
            "it leads to the receiver 'empty', which tells nobody",
            id="a route below",
        ),
        pytest.param({"severity": "high", "team": "web"}, "", id="its series may be of any env"),
    ],
)
def test_a_rule_that_nobody_hears_of_is_found(labels: dict[str, str], why: str) -> None:
    assert unrouted(plan_of(TREE), from_mapping({"alertname": "A", **labels})) == why


def test_without_routes_nobody_hears_of_anything() -> None:
    assert unrouted(None, from_mapping({"alertname": "A"})).startswith("there are no routes")


LEVELS = """
severities: {critical: {channels: [c]}, low: {channels: [d]}, lost: {}}
alerting:
  default_severity: low
  channels: {c: {kind: webhook, url: http://x}, d: {kind: webhook, url: http://x}}
"""


def test_a_severity_without_a_level_is_found() -> None:
    plan = policy(LEVELS)
    assert without_level(plan, from_mapping({"severity": "critical"})) == ""
    assert without_level(plan, from_mapping({"severity": "{{ $value }}"})) == ""
    assert (
        without_level(plan, from_mapping({"severity": "warning"}))
        == "no level of severities is called 'warning'; it is told to d"
    )
    assert without_level(plan, from_mapping({"a": "b"})) == "it has no severity; it is told to d"
    assert unrouted(plan, from_mapping({"severity": "lost"})) != ""
    beside = policy(LEVELS.replace("default_severity: low", ""), TREE)
    labels = from_mapping({"severity": "warning", "team": "web"})
    assert without_level(beside, labels).endswith("it is told to null")
    assert without_level(beside, from_mapping({"severity": "warning"})) == ""


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        pytest.param("[{receiver: a}]", [], id="nothing"),
        pytest.param(
            "[{match: {x: y}}, {matchers: ['x=y', 'z=~w'], receiver: a}]",
            ["this route never takes an alert: route 1 of the same list takes"],
            id="behind a wider one",
        ),
        pytest.param("[{match: {x: y}, continue: true}, {match: {x: y}}]", [], id="`continue`"),
        pytest.param(
            "[{matchers: ['x=~a|b']}, {match: {x: b}}]",
            ["this route never takes an alert: route 1 of the same list takes"],
            id="behind a pattern",
        ),
        pytest.param(
            "[{}, {match: {x: b}}]",
            ["this route never takes an alert: route 1 of the same list takes"],
            id="behind one that takes all",
        ),
        pytest.param(
            "[{match: {x: a}, routes: [{match: {x: b}}]}]",
            ['this route never takes an alert: x="b" contradicts'],
            id="a contradiction",
        ),
    ],
)
def test_routes_that_never_take_an_alert_are_found(routes: str, words: list[str]) -> None:
    text = f"""
route: {{receiver: a,
  routes: {routes}}}
receivers: [{{name: a, webhook_configs: [{{url: http://x}}]}}]
"""
    found = route_advice(plan_of(text))
    assert len(found) == len(words)
    assert all(f": {start}" in one for one, start in zip(found, words, strict=True))
    assert all(one.startswith("am.yml:3:") for one in found)


def test_what_nothing_uses_and_what_tells_nobody_is_said() -> None:
    text = """
route: {receiver: a}
receivers: [{name: a}, {name: b}]
time_intervals: [{name: nights}]
"""
    assert route_advice(plan_of(text)) == [
        "am.yml: no route leads to the receiver 'b'",
        "am.yml: no route uses the time interval 'nights'",
        "am.yml: the receiver 'a' has no way of telling anybody; give it one such as "
        "webhook_configs",
    ]
    assert "null" not in " ".join(route_advice(plan_of(TREE)))


def test_channels_that_are_told_instead_are_in_use() -> None:
    text = """
severities: {high: {channels: [a, b], tell: first}}
alerting:
  channels: {a: {kind: webhook, url: u}, b: {kind: webhook, url: u}, c: {kind: webhook, url: u}}
"""
    assert route_advice(policy(text)) == ["tocsin.yaml: no route leads to the receiver 'c'"]
