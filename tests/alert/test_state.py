"""The steps of an alert, as Prometheus takes them."""

from __future__ import annotations

import pytest

from tocsin.alert.rules.state import (
    RESOLVED_KEPT_MS,
    Active,
    Found,
    Phase,
    advance,
    needs_sending,
    restored,
)
from tocsin.model.labels import Labels

NAME: Labels = (("alertname", "Down"),)
MINUTE = 60_000


def phases(seen: str, *, hold: int = 0, keep: int = 0) -> str:
    """The phase after each minute: `seen` has an x where the expression gave the label set."""
    alerts: dict[Labels, Active] = {}
    told = ""
    for minute, mark in enumerate(seen):
        found = {NAME: Found(1.0)} if mark == "x" else {}
        alerts = advance(
            alerts,
            found,
            now_ms=minute * MINUTE,
            hold_ms=hold * MINUTE,
            keep_firing_ms=keep * MINUTE,
        )
        told += {None: "-", Phase.PENDING: "p", Phase.FIRING: "F", Phase.INACTIVE: "r"}[
            alerts[NAME].phase if NAME in alerts else None
        ]
    return told


@pytest.mark.parametrize(
    ("seen", "hold", "keep", "expected"),
    [
        pytest.param("xx.", 0, 0, "FFr", id="without for it fires at once and is resolved at once"),
        pytest.param("xxxx.", 2, 0, "ppFFr", id="with for it is pending until the time has passed"),
        pytest.param("xx.xx.", 2, 0, "pp-pp-", id="a gap while pending begins anew"),
        pytest.param("xxx.xx", 2, 0, "ppFrpp", id="who was resolved is pending again"),
        pytest.param("x...x", 0, 2, "FFFrF", id="keep_firing_for holds it that long"),
        pytest.param("x.x..", 0, 2, "FFFFF", id="a return ends the wait of keep_firing_for"),
        pytest.param("xx...", 2, 5, "pp---", id="keep_firing_for keeps nothing that is pending"),
        pytest.param("x" + "." * 18, 0, 0, "F" + "r" * 16 + "--", id="resolved is kept 15 minutes"),
    ],
)
def test_the_phase_follows_what_was_seen(seen: str, hold: int, keep: int, expected: str) -> None:
    assert phases(seen, hold=hold, keep=keep) == expected


def test_an_alert_that_goes_on_keeps_its_beginning_and_takes_the_new_value() -> None:
    first = advance({}, {NAME: Found(1.0)}, now_ms=1, hold_ms=0, keep_firing_ms=0)
    second = advance(first, {NAME: Found(2.0)}, now_ms=5, hold_ms=0, keep_firing_ms=0)
    assert (second[NAME].active_ms, second[NAME].fired_ms, second[NAME].value) == (1, 1, 2.0)


@pytest.mark.parametrize(
    ("phase", "sent_ms", "resolved_ms", "is_due"),
    [
        pytest.param(Phase.PENDING, 0, 0, False, id="pending alerts are not told"),
        pytest.param(Phase.FIRING, 0, 0, True, id="a new one is told"),
        pytest.param(Phase.FIRING, 90_000, 0, False, id="not again within the minute"),
        pytest.param(Phase.FIRING, 39_999, 0, True, id="again after the minute"),
        pytest.param(Phase.INACTIVE, 90_000, 95_000, True, id="its end is told at once"),
        pytest.param(Phase.INACTIVE, 96_000, 95_000, False, id="its end is not told twice at once"),
    ],
)
def test_when_an_alert_is_told(
    phase: Phase, sent_ms: int, resolved_ms: int, *, is_due: bool
) -> None:
    alert = Active(labels=NAME, phase=phase, active_ms=1, sent_ms=sent_ms, resolved_ms=resolved_ms)
    assert needs_sending(alert, 100_000, MINUTE) is is_due


@pytest.mark.parametrize(
    ("pending_for", "away", "fires_in"),
    [
        pytest.param(40, 5, 0, id="who was firing fires at once"),
        pytest.param(25, 5, 10, id="who would have fired soon gets ten minutes"),
        pytest.param(10, 5, 20, id="the time away does not count"),
    ],
)
def test_after_a_restart_an_alert_goes_on(pending_for: int, away: int, fires_in: int) -> None:
    now, hold = 1000 * MINUTE, 30 * MINUTE
    seen = now - away * MINUTE
    alert = restored(
        Active(labels=NAME, active_ms=now),
        seen_ms=seen,
        active_ms=seen - pending_for * MINUTE,
        now_ms=now,
        hold_ms=hold,
        grace_ms=10 * MINUTE,
    )
    assert max(0, hold - (now - alert.active_ms)) == fires_in * MINUTE


def test_fifteen_minutes_are_prometheus_retention() -> None:
    assert RESOLVED_KEPT_MS == 900_000
