from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.web.pages.samples import NOW, STATUS, frame, target
from tocsin.ingest.intake import Sender
from tocsin.store.series import Cardinality
from tocsin.web.pages import overview
from tocsin.web.pages.connect import sending
from tocsin.web.pages.firing_rules import AlertRow, AlertsView, RuleAlerts
from tocsin.web.pages.overview import Attention, OverviewView
from tocsin.web.pages.render import html
from tocsin.web.pages.target_rows import TargetRow
from tocsin.web.pages.vital_queries import Asked, questions
from tocsin.web.pages.vitals import Line, Vitals

COST = Cardinality(
    series=5000, metrics=[("up", 3)], jobs=[("api", 3000), ("shop", 20)], pairs=[], labels=[]
)


def view(*rows: TargetRow, notices: tuple[Attention, ...] = ()) -> OverviewView:
    senders = [Sender("otlp", "shop", 3, 900, 0, 0, round(NOW * 1000))]
    return overview.values(rows, COST, senders=senders, status=STATUS, notices=notices)


def test_a_healthy_system_says_so_and_lists_nothing() -> None:
    shown = view(target())
    assert (shown.verdict, shown.state, list(shown.attention)) == ("All is well", "ok", [])


def test_a_job_that_is_down_whole_is_critical_and_a_partly_one_a_warning() -> None:
    whole = view(target("pay", error="connection refused"), target("api"))
    assert (whole.verdict, whole.state) == ("1 thing is broken", "critical")
    assert whole.attention[0].what == "pay is down"
    partly = view(target("api", "a", error="connection refused"), target("api", "b"))
    assert (partly.verdict, partly.state) == ("1 thing needs a look", "warning")
    assert partly.attention[0].why == "connection refused"


def test_the_worst_and_oldest_comes_first() -> None:
    young = replace(target("young", error="x"), down_since_s=NOW - 60)
    old = replace(target("old", error="x"), down_since_s=NOW - 6000)
    notice = Attention("warning", "Configuration", "a word", "/system", "System")
    shown = view(young, old, notices=(notice,))
    assert [one.what for one in shown.attention] == [
        "old is down",
        "young is down",
        "Configuration",
    ]


def test_a_job_that_is_pushed_stands_beside_those_that_are_scraped() -> None:
    shown = view(target("api"))
    assert [(one.job, one.series) for one in shown.services if not one.targets] == [("shop", 20)]


def test_more_than_fits_is_counted() -> None:
    shown = view(*(target(f"job-{n}", error="x") for n in range(40)))
    assert len(shown.attention) == 12
    text = html("pages/overview.html", frame(), view=shown, sending=())
    assert "and 28 more" in text


def test_what_a_target_says_is_escaped() -> None:
    shown = view(target("<b>job</b>", error="<script>alert(1)</script>"))
    text = html("pages/overview.html", frame(), view=shown, sending=())
    assert "<script>alert" not in text
    assert "<b>job" not in text


@pytest.mark.parametrize(
    ("status", "what"),
    [
        pytest.param(replace(STATUS, ready=False, reason="the disk is full"), "not ready", id="x"),
        pytest.param(replace(STATUS, engine_restarts=2), "restarted 2 times", id="restarts"),
    ],
)
def test_tocsins_own_trouble_is_told(status: object, what: str) -> None:
    assert isinstance(status, type(STATUS))
    found = overview.notices_of(status, (), ())
    assert what in found[0].what


def test_a_rule_that_fires_needs_attention_with_what_its_oldest_alert_says() -> None:
    def alert(since_s: float, summary: str) -> AlertRow:
        return AlertRow("critical", since_s, summary)

    alerts = (alert(NOW - 60, "b is down"), alert(NOW - 600, "a is down"))
    rule = RuleAlerts("TargetDown", "basics", "up == 0", "critical", 2, 0, alerts)
    (found,) = overview.firing_of(AlertsView((rule,), 2, 0, 1, 0))
    assert (found.what, found.why) == ("TargetDown (2 alerts)", "a is down")
    assert (found.state, found.since_s) == ("critical", NOW - 600)


def test_a_service_that_fails_stands_before_those_that_are_well() -> None:
    times = np.arange(20, dtype=np.float64) * 15.0
    failing = Vitals(
        rate=Line(times, np.full(20, 5.0)), errors=Line(times, np.r_[np.zeros(10), np.ones(10)])
    )
    asked = Asked({"zoo": failing}, {}, questions({"http_requests_total": 4}, 60))
    shown = overview.values(
        [target("api"), target("zoo")],
        COST,
        senders=[],
        status=STATUS,
        notices=(),
        asked=asked,
    )
    assert [one.job for one in shown.services] == ["zoo", "api", "shop"]
    assert (shown.services[0].word, shown.state) == ("failing", "critical")
    assert shown.attention[0].path.startswith("/explore?a=")
    text = html("pages/overview.html", frame(), view=shown, sending=())
    assert "100 %" in text


def test_who_has_sent_nothing_yet_is_told_how() -> None:
    own = Cardinality(series=300, metrics=[], jobs=[("tocsin", 300)], pairs=[], labels=[])
    shown = overview.values(
        [target("tocsin"), target("node")], own, senders=[], status=STATUS, notices=()
    )
    assert shown.is_new
    text = html("pages/overview.html", frame(), view=shown, sending=sending("http://a:1", "KEY"))
    assert "Nothing of yours is here yet" in text
    assert "http://a:1/api/v1/write" in text
    assert not view(target("shop")).is_new
