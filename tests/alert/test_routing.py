from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.alert.routing.alertmanager_config import RoutingPlan, read_routing
from tocsin.alert.routing.calendar import TimeInterval
from tocsin.alert.routing.group import group_key, group_labels, told_order
from tocsin.alert.routing.matchers import matcher_text, matches_all, parse_matchers
from tocsin.alert.routing.route import matching, why_muted
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode, loads
from tocsin.model.labels import from_mapping
from tocsin.model.notices import fingerprint

TREE = """
route:
  receiver: all
  group_by: [alertname]
  repeat_interval: 3h
  routes:
    - match: {team: db}
      receiver: db
      group_wait: 5s
      continue: true
      routes:
        - matchers: ['severity=~"page|critical"']
          receiver: pager
          group_by: ['...']
    - match_re: {service: "api|web"}
      receiver: web
      mute_time_intervals: [nights]
      active_time_intervals: [workdays]
receivers: [{name: all}, {name: db}, {name: pager}, {name: web}]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:00'}]
        location: Europe/Berlin
  - name: workdays
    time_intervals: [{weekdays: ['monday:friday']}]
"""


def plan_of(text: str) -> RoutingPlan:
    return read_routing(loads(text, "am.yml"))


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param({"x": "y"}, ["all"], id="nothing below matches: the root"),
        pytest.param({"team": "db"}, ["db"], id="the deepest that matches"),
        pytest.param({"team": "db", "severity": "page"}, ["pager"], id="a child instead"),
        pytest.param({"team": "db", "severity": "pager"}, ["db"], id="patterns are anchored"),
        pytest.param({"team": "db", "service": "api"}, ["db", "web"], id="continue goes on"),
    ],
)
def test_an_alert_ends_at_the_right_routes(labels: dict[str, str], receivers: list[str]) -> None:
    found = matching(plan_of(TREE).root, from_mapping(labels))
    assert [route.receiver for route in found] == receivers


def test_settings_are_inherited_and_groups_are_named_as_alertmanager_names_them() -> None:
    labels = from_mapping({"alertname": "A", "team": "db", "severity": "page", "i": "1"})
    [pager] = matching(plan_of(TREE).root, labels)
    assert (pager.group_wait_ms, pager.repeat_interval_ms) == (5000, 3 * 3_600_000)
    assert group_labels(pager, labels) == labels
    assert group_key(pager, labels) == (
        '{}/{team="db"}/{severity=~"page|critical"}:'
        '{alertname="A", i="1", severity="page", team="db"}'
    )
    [web] = matching(plan_of(TREE).root, from_mapping({"service": "api"}))
    assert web.key == '{}/{service=~"^(?:api|web)$"}'
    assert group_labels(web, from_mapping({"service": "api"})) == ()


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2026-05-04T12:00", ""),
        ("2026-05-03T12:00", "outside the active time interval workdays"),
        ("2026-05-04T20:30", "muted by the time interval nights"),
        ("2026-01-05T20:30", ""),
    ],
    ids=["Monday noon", "Sunday", "22:30 in Berlin's summer", "21:30 in Berlin's winter"],
)
def test_routes_are_silent_at_their_hours(at: str, why: str) -> None:
    plan = plan_of(TREE)
    [web] = matching(plan.root, from_mapping({"service": "api"}))
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert why_muted(web, plan.intervals, round(moment.timestamp() * 1000)) == why


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("{days_of_month: ['-3:-1']}", "2026-02-26", "2026-02-25"),
        ("{days_of_month: ['31']}", "2026-03-31", "2026-04-30"),
        ("{days_of_month: ['1:-10']}", "2026-02-19", "2026-02-20"),
        ("{months: ['november:december', '2']}", "2026-02-01", "2026-03-01"),
        ("{years: ['2026:2027']}", "2027-06-01", "2028-06-01"),
        ("{weekdays: ['saturday', 'sunday']}", "2026-05-02", "2026-05-01"),
    ],
)
def test_every_kind_of_range_holds(interval: str, inside: str, outside: str) -> None:
    found = decode(loads(interval), TimeInterval)

    def at(day: str) -> int:
        return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)

    assert found.holds(at(inside))
    assert not found.holds(at(outside))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a=b", ['a="b"']),
        ("{a='x'}", None),
        ('{a="b",c!~"d.*"}', ['a="b"', 'c!~"d.*"']),
        ('{"größe mit leer"=~"x|y", b=c}', ['"größe mit leer"=~"x|y"', 'b="c"']),
        ("grün=ja", ['grün="ja"']),
        (r'a="q\"\n"', [r'a="q\"\n"']),
        (r'path=~"a\.b"', [r'path=~"a\\.b"']),
        ("a=b,", ['a="b"']),
        ("a=", None),
        ("a~b", None),
        ('a=~"("', None),
    ],
)
def test_matchers_are_read_in_both_notations(text: str, written: list[str] | None) -> None:
    if written is None:
        if text == "a=":  # the classic notation: an empty value
            assert [matcher_text(m) for m in parse_matchers(text)] == ['a=""']
            return
        if text == "{a='x'}":
            assert matches_all(parse_matchers(text), from_mapping({"a": "'x'"}))
            return
        with pytest.raises(Rejected):
            parse_matchers(text)
        return
    assert [matcher_text(matcher) for matcher in parse_matchers(text)] == written


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("receivers: []", "am.yml:1:1: route: no route is given"),
        ("route: {receiver: a}", "there is no receiver 'a'"),
        (
            "route: {receiver: tea}\nreceivers: [{name: team}]",
            """am.yml:1:9: route.receiver: there is no receiver 'tea'; did you mean "team"?""",
        ),
        (
            "route: {receiver: a, rotues: []}\nreceivers: [{name: a}]",
            'did you mean "routes"?',
        ),
        (
            "route: {receiver: a, group_by: ['...', b]}\nreceivers: [{name: a}]",
            "it stands alone",
        ),
        (
            "route: {receiver: a, match: {x: y}}\nreceivers: [{name: a}]",
            "the first route takes every alert",
        ),
        (
            "route: {receiver: a, routes: [{matchers: ['x~y']}]}\nreceivers: [{name: a}]",
            "route.routes[0].matchers[0]: bad matcher format: x~y",
        ),
        (
            "route: {receiver: a, routes: [{mute_time_intervals: [n]}]}\nreceivers: [{name: a}]",
            "there is no time interval 'n'",
        ),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "a receiver 'a' already"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(text)
    assert words in str(caught.value)


def test_alerts_are_told_by_job_and_instance_then_by_their_labels() -> None:
    sets = [
        from_mapping({"z": "1"}),
        from_mapping({"a": "1", "b": "1"}),
        from_mapping({"instance": "2", "job": "b"}),
        from_mapping({"instance": "1", "job": "b"}),
        from_mapping({"job": "a", "x": "1", "y": "1"}),
    ]
    assert sorted(sets, key=told_order) == [sets[4], sets[3], sets[2], sets[0], sets[1]]


def test_fingerprints_are_alertmanagers() -> None:
    assert fingerprint(from_mapping({"alertname": "B", "x": "y"})) == "7b48656479ca7e51"
    labels = {"alertname": "A", "instance": "i<1>", "severity": "a"}
    assert fingerprint(from_mapping(labels)) == "6eb6f2882805c4f0"
