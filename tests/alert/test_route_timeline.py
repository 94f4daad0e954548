from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC

import pytest

from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.config import AlertingConfig
from tocsin.alert.delivering.delivery import Integration
from tocsin.alert.routing.alertmanager_config import read_routing
from tocsin.alert.trying.route_story import story
from tocsin.alert.trying.route_timeline import Forecast, Surroundings, forecast
from tocsin.kit import gauge
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode, loads
from tocsin.model.alerts import Alert
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.notices import Notice

TREE = """
route:
  receiver: all
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 1h
  routes:
    - {match: {team: db}, receiver: db, continue: true, group_wait: 10s}
    - {match: {team: db}, receiver: boss, active_time_intervals: [office]}
receivers: [{name: all}, {name: db}, {name: boss}]
inhibit_rules: [{source_match: {alertname: Down}, target_match: {team: db}}]
time_intervals:
  - name: office
    time_intervals:
      - {weekdays: ['monday:friday'], times: [{start_time: '08:00', end_time: '17:00'}]}
"""
PLAN = read_routing(loads(TREE, "am.yml"))
SUNDAY = 1_777_777_200_000
"""2026-05-03 03:00 UTC."""
HOUR = 3_600_000


class Refusing:
    """A sender that must not be used."""

    async def send(self, notice: Notice) -> None:
        raise AssertionError(notice)


def ways(*, sends_resolved: bool = True) -> Mapping[str, Sequence[Integration]]:
    return {
        name: (Integration(name, "test", 0, Refusing(), sends_resolved=sends_resolved),)
        for name in PLAN.receivers
    }


def tried(labels: Mapping[str, str], hours: float, around: Surroundings | None = None) -> Forecast:
    return forecast(PLAN, ways(), from_mapping(labels), SUNDAY, round(hours * HOUR), around)


def told(seen: Forecast) -> list[tuple[float, str, str]]:
    return [((one.at_ms - SUNDAY) / 1000, one.receiver, one.why) for one in seen.messages]


def test_the_messages_to_come_are_the_dispatchers() -> None:
    seen = tried({"alertname": "A"}, 2.1)
    assert told(seen) == [
        (30, "all", "first"),
        (30 + 13 * 300, "all", "repeat"),
        (30 + 26 * 300, "all", "resolved"),
    ]
    assert (seen.is_cut, seen.quiet, seen.receivers) == (False, (), ("all",))


def test_a_route_that_is_silent_at_that_time_says_until_when() -> None:
    seen = tried({"alertname": "A", "team": "db"}, 30)
    monday = SUNDAY + 29 * HOUR
    assert [(one.from_ms, one.until_ms, one.route) for one in seen.quiet] == [(SUNDAY, monday, 2)]
    boss = next(one for one in seen.messages if one.receiver == "boss")
    assert monday <= boss.at_ms < monday + 300_000
    words = [one.words for one in story(seen, tuple(PLAN.root.walk()), UTC)]
    assert (
        "boss is not told before Monday 2026-05-04 08:00:00: outside the active time interval "
        "office" in words
    )
    assert "all" not in " ".join(words)
    assert any(one.startswith("db is told the last of ") for one in words)


def test_what_fires_and_what_is_silenced_hold_it_back() -> None:
    down = Alert(
        labels=from_mapping({"alertname": "Down"}), starts_ms=SUNDAY, ends_ms=SUNDAY + HOUR
    )
    silence = Silence(
        id="1",
        matchers=(SilenceMatcher(name="team", op="=", value="db"),),
        starts_ms=SUNDAY,
        ends_ms=SUNDAY + 2 * HOUR,
        created_by="ada",
        comment="moving",
    )
    around = Surroundings(alerts=(down,), silences=(silence,))
    seen = tried({"alertname": "A", "team": "db"}, 4, around)
    assert [(one.until_ms - SUNDAY, one.why) for one in seen.quiet if one.route < 0] == [
        (
            HOUR,
            'held back by Down, which fires: {alertname="Down"} holds back {team="db"}; '
            "silenced by ada: moving",
        ),
        (2 * HOUR, "silenced by ada: moving"),
    ]
    assert min(at for at, _, _ in told(seen)) > 2 * 3600


class Windows:
    """Maintenance of the first hour."""

    def covering(self, labels: Labels, now_ms: int) -> Sequence[str]:
        return ("moving the rack",) if now_ms < SUNDAY + HOUR else ()


def test_maintenance_and_causes_hold_it_back() -> None:
    seen = tried({"alertname": "A"}, 2, Surroundings(maintenance=Windows()))
    [quiet] = seen.quiet
    assert "moving the rack" in quiet.why
    assert SUNDAY + HOUR <= quiet.until_ms < SUNDAY + HOUR + 60_000
    config = decode(
        loads("dependencies: [{when: ['alertname=Db'], suppress: ['alertname=A']}]"), AlertingConfig
    )
    cause = Alert(labels=from_mapping({"alertname": "Db"}), starts_ms=SUNDAY, ends_ms=SUNDAY + HOUR)
    seen = tried({"alertname": "A"}, 2, Surroundings(alerts=(cause,), config=config))
    [quiet] = seen.quiet
    assert quiet.why.startswith("follows from Db, which fires")


def test_who_does_not_hear_of_ends_is_not_said_to() -> None:
    seen = forecast(PLAN, ways(sends_resolved=False), from_mapping({"a": "b"}), SUNDAY, HOUR // 2)
    assert told(seen) == [(30, "all", "first")]


def test_nothing_is_counted() -> None:
    def counted() -> set[str]:
        return {
            f"{sample.name}{sorted(sample.labels.items())}={sample.value}"
            for family in gauge.REGISTRY.collect()
            for sample in family.samples
            if "alert" in sample.name or "notification" in sample.name
        }

    ways()
    before = counted()
    tried({"alertname": "A", "team": "db"}, 3)
    assert {one for one in counted() if "created" not in one} == {
        one for one in before if "created" not in one
    }


def test_a_long_time_with_short_intervals_is_cut_and_said_to_be() -> None:
    plan = read_routing(
        loads("route: {receiver: a, group_interval: 1s}\nreceivers: [{name: a}]", "am.yml")
    )
    seen = forecast(plan, {}, from_mapping({"a": "b"}), SUNDAY, 14 * 24 * HOUR)
    assert seen.is_cut
    assert seen.seen_ms < seen.ends_ms
    assert seen.messages == ()


@pytest.mark.parametrize(("labels", "hours"), [({}, 1), ({"a": "b"}, 0), ({"a": "b"}, 24 * 14 + 1)])
def test_what_cannot_be_tried_is_refused(labels: dict[str, str], hours: float) -> None:
    with pytest.raises(Rejected):
        tried(labels, hours)
