"""What the page Alerts says, of alerts as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.web.pages.samples import NOW, frame
from tocsin.alert.attention.acknowledge import Acknowledgement
from tocsin.model.labels import from_mapping
from tocsin.model.notices import fingerprint
from tocsin.web.alert_board import BoardAlert, Held, RuleName
from tocsin.web.alert_filter import Asked, asked_of, silence_address
from tocsin.web.pages.alert_detail import logs_of
from tocsin.web.pages.alerts import AlertsView, Watched, view_of
from tocsin.web.pages.render import html

WATCHED = Watched(rules=4, failing=1, latest_s=NOW - 3)
RULE = RuleName("Down", "shop", "rules.yml", "up == 0", 0)
SILENCED = Held("silenced", "silenced by ana: new disks", "/silences/1")


def alert(name: str = "Down", *, phase: str = "firing", **labels: str) -> BoardAlert:
    """An alert of a rule since a minute ago."""
    given = from_mapping({"alertname": name, **labels})
    return BoardAlert(
        fingerprint=fingerprint(given),
        labels=given,
        annotations=(("runbook_url", "https://wiki/down"), ("summary", f"{name} says so")),
        phase=phase,
        word=phase.capitalize(),
        since_ms=round((NOW - 60) * 1000),
        value=0.0,
        rule=replace(RULE, name=name),
        receivers=("team",),
        routes=(f"team: alertname={name}",),
        held=(),
        ack=None,
    )


def view(*found: BoardAlert, **query: str) -> AlertsView:
    return view_of(found, asked_of(query), WATCHED)


def shown(view: AlertsView, **query: str) -> str:
    around = frame("/alerts", **query)
    around = replace(around, viewer=replace(around.viewer, may_respond=True))
    return html("pages/alerts.html", around, view=view, silence_of=silence_address)


MIXED = (
    alert("Slow", severity="warning", job="api"),
    alert("Down", severity="critical", job="api", instance="a"),
    alert("Down", severity="critical", job="db", instance="b"),
    alert("Soon", phase="pending", severity="critical"),
    replace(alert("Quiet", severity="critical"), held=(SILENCED,)),
)


def test_the_worst_group_comes_first_and_what_is_held_back_is_in_none() -> None:
    page = view(*MIXED)
    assert [(one.title, one.tone, one.firing) for one in page.groups] == [
        ("Down", "critical", 2),
        ("Slow", "warning", 1),
        ("Soon", "unknown", 0),
    ]
    assert [one.name for one in page.held] == ["Quiet"]
    assert page.held_counts == [("silenced", 1)]
    assert page.counts == {
        "": 4, "firing": 3, "pending": 1, "acknowledged": 0, "held": 1, "all": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("by", "titles"),
    [
        ("service", ["api", "db", "(none)"]),
        ("severity", ["critical", "warning"]),
        ("route", ["team: alertname=Down", "team: alertname=Slow", "team: alertname=Soon"]),
        ("none", ["Alerts"]),
        ("nonsense", ["Down", "Slow", "Soon"]),
    ],
)
def test_alerts_are_grouped_as_the_address_says(by: str, titles: list[str]) -> None:
    assert [one.title for one in view(*MIXED, by=by).groups] == titles


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"q": "slow"}, 1),
        ({"q": "-slow"}, 3),
        ({"q": 'job="api"'}, 2),
        ({"q": "job=~'a.*'"}, 0),
        ({"q": 'job=~"a.*" severity!=critical'}, 1),
        ({"severity": "critical"}, 3),
        ({"receiver": "nobody"}, 0),
        ({"state": "held"}, 1),
        ({"state": "all"}, 5),
        ({"state": "pending"}, 1),
        ({"group": "Down"}, 4),
    ],
    ids=str,
)
def test_only_what_is_asked_for_is_listed(query: dict[str, str], count: int) -> None:
    assert view(*MIXED, **query).shown == count


def test_a_condition_that_is_none_is_told_and_hides_nothing() -> None:
    page = view(*MIXED, q='job=~"("')
    assert "missing" in page.asked.problem
    assert page.shown == 4
    assert page.asked.problem in shown(page, q='job=~"("').replace("&#34;", '"')


def test_ten_thousand_alerts_are_counted_and_shown_a_page_at_a_time() -> None:
    found = [alert("Down", instance=str(number)) for number in range(9_000)]
    found += [alert(f"Rule{number}") for number in range(1_000)]
    page = view(*found)
    assert (page.shown, page.group_count, page.pages) == (10_000, 1_001, 51)
    assert (page.groups[0].firing, len(page.groups[0].rows), page.groups[0].more) == (
        9_000,
        6,
        8_994,
    )
    one = view(*found, group="Down", page="90")
    assert (one.pages, len(one.groups), len(one.groups[0].rows)) == (90, 1, 100)
    assert len(shown(page)) < 300_000


def test_the_version_changes_with_the_list_and_not_with_the_values() -> None:
    (first,) = (alert(),)
    before = view(first).version
    assert view(replace(first, value=7.0)).version == before
    ack = Acknowledgement(
        fingerprint=first.fingerprint, labels=first.labels, by="ana", at_ms=1, source="page"
    )
    for changed in (replace(first, held=(SILENCED,)), replace(first, ack=ack)):
        assert view(changed).version != before


def test_a_row_has_its_runbook_its_labels_and_what_can_be_done() -> None:
    text = shown(view(alert(severity="critical", job='a"b')))
    assert 'href="https://wiki/down"' in text
    assert "Down says so" in text
    assert "data-acknowledge" in text
    assert "matcher=job%3D%22a%5C%22b%22" in text
    assert 'query="up"' in text
    assert 'thresholds="0.0 critical == 0"' in text


def test_what_is_held_back_is_quiet_and_says_why() -> None:
    text = shown(view(MIXED[-1]))
    assert "silenced by ana: new disks" in text
    assert "is-held" in text
    assert "Nothing that anybody must see to" in text


def test_an_empty_page_says_what_is_watched() -> None:
    assert "4 alerting rules" in shown(view())
    nothing = view_of((), Asked(), Watched(0, 0, 0.0))
    assert "No rule watches anything yet" in shown(nothing)


def test_an_address_of_a_script_is_no_runbook() -> None:
    evil = replace(alert(), annotations=(("runbook_url", "javascript:alert(1)"),))
    assert 'href="javascript' not in shown(view(evil))


def test_rules_of_one_name_share_the_graph_and_link_of_the_worst_of_them() -> None:
    burn = 'slo:bad_ratio:{0}{{slo="shop"}} > {1} and slo:bad_ratio:5m{{slo="shop"}} > {1}'
    found = [
        replace(
            alert("SloBudgetBurn", severity=severity, slo="shop", window=window),
            rule=RuleName("SloBudgetBurn", group, "tocsin.yaml", burn.format(window, bound), 0),
        )
        for severity, window, bound, group in (
            ("warning", "3d", 0.001, "slo shop, long windows"),
            ("critical", "1h", 0.0144, "slo shop"),
        )
    ]
    (group,) = view(*found).groups
    assert group.place == "/rules/slo%20shop/SloBudgetBurn"
    assert group.graph is not None
    assert group.graph.query == 'slo:bad_ratio:1h{slo="shop"}'
    assert group.graph.thresholds == "0.0144 critical > 0.0144"


@pytest.mark.parametrize(
    ("labels", "address"),
    [
        ({"service": "api"}, "/logs?q=service%3Aapi&from=400000&to=1300000"),
        ({"app": 'a "b"'}, "/logs?q=service%3A%22a+%5C%22b%5C%22%22&from=400000&to=1300000"),
        ({"job": "node"}, ""),
    ],
)
def test_an_alert_leads_to_what_its_service_logged_when_it_began(
    labels: dict[str, str], address: str
) -> None:
    assert logs_of(from_mapping(labels), 1000.0) == address
