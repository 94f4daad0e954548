from __future__ import annotations

from collections.abc import Mapping

import pytest

from tocsin.alert.config import AlertingConfig
from tocsin.alert.policy.policy_routes import NOBODY, with_policy
from tocsin.alert.policy.severity import ResponseTime, read_levels
from tocsin.alert.routing.alertmanager_config import RoutingPlan, read_routing
from tocsin.alert.routing.fallback import Channel
from tocsin.alert.routing.route import matching
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode, loads
from tocsin.model.labels import from_mapping

PASTED = """
severities: {
  severityLevels: {
    critical: {
      description: 'Service is down or severely degraded',
      responseTime: '5 minutes',
      escalation: ['on-call-engineer', 'engineering-manager'],
      channels: ['pagerduty', 'slack-critical', 'sms'],
    },
    medium: { responseTime: '1 hour', escalation: [], channels: ['slack-alerts'], },
    low: { description: 'Informational', responseTime: '24 hours', channels: ['slack-info'], },
  },
}
"""
CHANNELS = """
alerting:
  channels:
    pagerduty: {routing_key: k}
    slack-critical: {kind: slack, api_url: http://x}
    slack-alerts: {kind: slack, api_url: http://x}
    slack-info: {slack_configs: [{api_url: http://x}, {api_url: http://y}]}
    sms: {kind: webhook, url: http://x}
    engineering-manager: {kind: email, to: m@example.org}
"""
FILE = """
route:
  receiver: all
  group_by: [service]
  group_interval: 10s
  routes:
    - {match: {team: db}, receiver: db, continue: true}
    - {match: {severity: critical, service: api}, receiver: api}
receivers: [{name: all}, {name: db}, {name: api}, {name: sms}]
"""


def policy(text: str, file: str = "") -> RoutingPlan:
    document = loads(text, "tocsin.yaml")
    alerting = document.get("alerting")
    plan = with_policy(
        read_routing(loads(file, "am.yml")) if file else None,
        read_levels(document.get("severities")),
        decode(alerting, AlertingConfig) if alerting else AlertingConfig(),
        document,
    )
    assert plan is not None
    return plan


def told(plan: RoutingPlan, labels: Mapping[str, str]) -> list[str]:
    return [route.receiver for route in matching(plan.root, from_mapping(labels))]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 minutes", 300),
        ("1 hour", 3600),
        ("24 hours", 86_400),
        ("1 hour and 30 minutes", 5400),
        ("15m", 900),
        ("1h30m", 5400),
        ("2 Days", 172_800),
        ("500ms", 0.5),
        ("soon", None),
        ("5", None),
        ("0", None),
        ("0 minutes", None),
        ("5 moons", None),
        ("", None),
    ],
)
def test_a_response_time_is_read_as_people_write_it(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(Rejected, match="5 minutes"):
            ResponseTime.from_config(text)
        return
    assert ResponseTime.from_config(text) == seconds


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param(
            {"severity": "critical"},
            ["pagerduty", "slack-critical", "sms", "engineering-manager"],
            id="all channels, then the step of the escalation that is a channel",
        ),
        pytest.param({"severity": "low"}, ["slack-info"], id="one channel"),
        pytest.param({"severity": "warning"}, ["slack-alerts"], id="no level: told as medium"),
        pytest.param({"alertname": "A"}, ["slack-alerts"], id="no severity: told as medium"),
    ],
)
def test_a_pasted_policy_tells_every_alert(labels: dict[str, str], receivers: list[str]) -> None:
    assert told(policy(PASTED + CHANNELS), labels) == receivers


def test_times_follow_from_the_response_time() -> None:
    plan = policy(PASTED + CHANNELS)
    critical = matching(plan.root, from_mapping({"severity": "critical"}))
    assert {route.repeat_interval_ms for route in critical} == {20 * 60_000}
    assert [route.group_wait_ms for route in critical] == [30_000, 30_000, 30_000, 600_000]
    [low] = matching(plan.root, from_mapping({"severity": "low"}))
    assert low.repeat_interval_ms == 86_400_000
    assert len({route.number for route in plan.root.walk()}) == len(list(plan.root.walk()))


def test_the_order_of_channels_is_the_order_of_fallback() -> None:
    fallbacks = policy(PASTED + CHANNELS).fallbacks
    assert list(fallbacks.of(Channel("slack-critical", "slack[0]"))) == [Channel("sms")]
    assert list(fallbacks.of(Channel("pagerduty"))) == [Channel("slack-critical"), Channel("sms")]
    assert list(fallbacks.of(Channel("slack-info"))) == []


def test_with_tell_first_the_others_are_only_told_instead() -> None:
    text = "severities: {high: {channels: [slack-alerts, sms], tell: first}}"
    plan = policy(text + CHANNELS)
    assert told(plan, {"severity": "high"}) == ["slack-alerts"]
    assert list(plan.fallbacks.of(Channel("slack-alerts"))) == [Channel("sms")]
    assert set(plan.receivers) >= {"slack-alerts", "sms"}


def test_a_level_may_take_other_values_of_severity_too() -> None:
    text = """
severities:
  high: {channels: [sms], also: [warning, 'p.1']}
  low: {channels: [slack-info]}
alerting:
  default_severity: low
"""
    plan = policy(text + CHANNELS.replace("\nalerting:\n", ""))
    assert told(plan, {"severity": "warning"}) == ["sms"]
    assert told(plan, {"severity": "p.1"}) == ["sms"]
    assert told(plan, {"severity": "px1"}) == ["slack-info"]


BESIDE = """
severities: {critical: {response_time: 5m, channels: [pager, sms]}}
alerting: {channels: {pager: {kind: pagerduty, routing_key: k}}}
"""


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param({"severity": "critical"}, ["pager", "sms"], id="no route of the file"),
        pytest.param({"severity": "critical", "service": "api"}, ["api"], id="the file's route"),
        pytest.param(
            {"severity": "critical", "team": "db"}, ["db"], id="`continue` does not tell twice"
        ),
        pytest.param({"severity": "info"}, ["all"], id="no level: the file's first route"),
        pytest.param(
            {"severity": "critical", "team": "db", "service": "api"},
            ["db", "api"],
            id="`continue` inside the file",
        ),
    ],
)
def test_beside_a_file_the_policy_takes_what_no_route_takes(
    labels: dict[str, str], receivers: list[str]
) -> None:
    plan = policy(BESIDE, FILE)
    assert told(plan, labels) == receivers
    [route, *_] = matching(plan.root, from_mapping({"severity": "critical"}))
    assert (route.group_by, route.group_interval_ms) == (frozenset({"service"}), 10_000)


def test_beside_a_file_a_default_severity_takes_the_rest() -> None:
    text = BESIDE.replace("alerting: {", "alerting: {default_severity: critical, ")
    assert told(policy(text, FILE), {"severity": "info"}) == ["pager", "sms"]


def test_a_level_without_channels_is_said_aloud() -> None:
    plan = policy("severities: {low: {}}")
    assert told(plan, {"severity": "low"}) == [NOBODY]
    assert plan.receivers[NOBODY] == ()
    assert plan.warnings == ("tocsin.yaml:1:19: severity 'low' has no channels; nobody is told",)


def test_a_level_may_be_silent_at_times() -> None:
    text = """
severities: {low: {channels: [sms, slack-info], active_time_intervals: [office]}}
alerting:
  time_intervals: {office: [{weekdays: ['monday:friday']}]}
"""
    plan = policy(text + CHANNELS.replace("\nalerting:\n", ""))
    found = matching(plan.root, from_mapping({"severity": "low"}))
    assert [route.active for route in found] == [("office",), ("office",)]
    assert "office" in plan.intervals


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "severities: {high: {channels: [slak-info]}}" + CHANNELS,
            "tocsin.yaml:1:32: severities.high.channels[0]: there is no channel 'slak-info'; "
            "define it as alerting.channels.slak-info",
            id="a channel that is not there",
        ),
        pytest.param(
            "severities: {high: {responsTime: 5m}}",
            'did you mean "response_time"?',
            id="a key that is not known",
        ),
        pytest.param(
            "severities: {high: {responseTime: 5m, response_time: 5m}}",
            "response_time is given already; keep one",
            id="both spellings",
        ),
        pytest.param(
            "severities: {high: {responseTime: soon}}",
            "expected a time such as 15m, 5 minutes or 24 hours, got 'soon'",
            id="no time",
        ),
        pytest.param(
            "severities: {high: {also: [x]}, low: {also: [x]}}",
            "alerts with severity='x' are told by 'high' already",
            id="a value in two levels",
        ),
        pytest.param(
            "severities: {a: {channels: [c]}}\nalerting: {channels: {c: {url: http://x}}}",
            "alerting.channels.c: which kind of channel is this?",
            id="no kind",
        ),
        pytest.param(
            "severities: {a: {channels: [c]}}\nalerting: {channels: {c: {kind: slak}}}",
            "alerting.channels.c.kind: there is no kind 'slak'",
            id="an unknown kind",
        ),
        pytest.param(
            "severities: {a: {}}\nalerting: {default_severity: b}",
            "there is no level 'b' in severities",
            id="an unknown level",
        ),
        pytest.param(
            "severities: {a: {mute_time_intervals: [night]}}",
            "there is no time interval 'night'; define it in alerting.time_intervals",
            id="an unknown time interval",
        ),
        pytest.param(
            "severities: {a: {escalation: [{to: boss, after: 1h}]}}",
            "severities.a.escalation[0].to: there is no channel 'boss'",
            id="an escalation to nobody",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(text)
    assert words in str(caught.value)


def test_a_channel_called_like_a_receiver_of_the_file_is_refused() -> None:
    text = "severities: {a: {channels: [db]}}\nalerting: {channels: {db: {kind: slack}}}"
    with pytest.raises(ConfigError, match=r"a receiver 'db' in am\.yml too; rename one"):
        policy(text, FILE)
