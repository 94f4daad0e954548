"""A rule that is tried, beside what really happened."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.alert.trying.real_incidents import RealIncident, against_incidents, misses
from tocsin.alert.trying.trial_report import Firing, Outcome


def outcome(title: str, *firings: tuple[float, float], **labels: str) -> Outcome:
    """A version that fired then; times in seconds."""
    return Outcome(
        name="Slow",
        title=title,
        expr="x",
        hold=0,
        keep_firing=0,
        every=15,
        since=0,
        until=10_000,
        firings=[
            Firing(labels={"alertname": "Slow", **labels}, pending=start, fired=start, ended=end)
            for start, end in firings
        ],
    )


def incident(number: str, start: float, end: float, **alert: str) -> RealIncident:
    labels = {"alertname": "Slow", **alert}
    service = labels.get("service", "")
    return RealIncident(
        number=number,
        title="x",
        severity="P1",
        started=start,
        ended=end,
        services=(service,) if service else (),
        alerts=(labels,),
    )


FIRST, SECOND = incident("I-1", 100, 200), incident("I-2", 1000, 1500)


def test_what_the_new_version_misses_is_said_by_number() -> None:
    before, tried = outcome("in force", (90, 210), (1010, 1500)), outcome("new.yml", (1300, 1500))
    found = against_incidents(before, tried, [SECOND, FIRST])
    assert [(one.number, one.before, one.tried) for one in found.judged] == [
        ("I-1", 0.0, None),
        ("I-2", 10.0, 300.0),
    ]
    assert found.missed == ["I-1"]
    assert misses(found) == ", and it misses I-1"
    assert found.sentence == (
        "2 incidents of that time: new.yml catches 1 and misses I-1, which in force caught."
    )


def test_what_only_the_new_version_catches_is_said_too() -> None:
    before, tried = outcome("in force"), outcome("edited", (150, 300), (1100, 0))
    found = against_incidents(before, tried, [FIRST, SECOND])
    assert misses(found) == ""
    assert found.sentence == (
        "2 incidents of that time: edited catches them all; in force missed I-1, I-2."
    )


def test_one_version_alone_is_judged_as_well() -> None:
    found = against_incidents(None, outcome("in force"), [FIRST])
    assert found.sentence == "1 incident of that time: in force misses I-1."
    assert against_incidents(None, outcome("in force"), []).sentence == (
        "No incident of that time concerns this rule."
    )


@pytest.mark.parametrize(
    ("fires", "happened", "is_judged", "is_caught"),
    [
        pytest.param(
            outcome("t", (150, 160)), incident("I", 100, 200, alertname="Other"), False, False,
            id="an incident of another rule, about nothing in common, does not concern it",
        ),
        pytest.param(
            outcome("t", (150, 160), service="api"),
            incident("I", 100, 200, alertname="Other", service="api"), True, True,
            id="an incident of another rule about the same service is caught",
        ),
        pytest.param(
            outcome("t", (150, 160), service="api"),
            incident("I", 100, 200, service="shop"), True, False,
            id="the same alert about another service does not catch it",
        ),
        pytest.param(
            outcome("t", (50, 100)), FIRST, True, False,
            id="what was over when it began does not catch it",
        ),
        pytest.param(
            outcome("t", (200, 300)), FIRST, True, False,
            id="what fires when it is over does not catch it",
        ),
        pytest.param(
            outcome("t", (9000, 0)), incident("I", 8000, 0), True, True,
            id="both go on",
        ),
        pytest.param(
            outcome("t", (20_000, 0)), incident("I", 20_000, 0), False, False,
            id="after the time that was looked at",
        ),
    ],
)  # fmt: skip
def test_an_incident_is_caught_by_what_fires_in_it_about_the_same(
    fires: Outcome, happened: RealIncident, *, is_judged: bool, is_caught: bool
) -> None:
    found = against_incidents(None, fires, [happened])
    assert bool(found.judged) == is_judged
    assert any(one.tried is not None for one in found.judged) == is_caught


def test_it_goes_over_the_wire() -> None:
    found = against_incidents(None, outcome("t", (150, 160)), [FIRST])
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
