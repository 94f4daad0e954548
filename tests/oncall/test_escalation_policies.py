"""What policies say, and what is refused with its place before anybody is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.kit.document import Document
from tocsin.kit.yaml import decode, load
from tocsin.model.people import Person, Team
from tocsin.oncall.config import OnCallConfig
from tocsin.oncall.escalation.config import Policies, read_policies
from tocsin.oncall.mistakes import OnCallError
from tocsin.oncall.roster import Roster
from tocsin.oncall.schedule import Schedule

MINUTE = 60_000
ROSTER = Roster.of(
    {name: Person(name=name) for name in ("ana", "ben", "mara", "kai")},
    {"platform": Team(name="platform", members=("ana", "ben"))},
    {"primary": Schedule(name="primary", zone="UTC")},
    "primary",
)


def _read(folder: Path, content: str, roster: Roster = ROSTER) -> Policies:
    file = folder / "tocsin.yaml"
    file.write_text(content)
    document: Document = load(file)
    config = decode(document, OnCallConfig)
    matrix = config.escalation_matrix
    roles = document.get("roles")
    return read_policies(config.policies, matrix, config.roles, roster, ("slack", "sms"), roles)


def _shown(policies: Policies, name: str) -> list[tuple[str, int]]:
    return [
        (" ".join(map(str, step.notify)), step.timeout_ms // MINUTE)
        for step in policies.by_name[name].steps
    ]


def test_steps_name_everything_that_can_be_told(tmp_path: Path) -> None:
    policies = _read(
        tmp_path,
        """
roles: {on-call-engineer: "schedule:primary", team-lead: ana}
policies:
  P0:
    repeat: 2
    fallback: [channel:slack]
    steps:
      - {notify: on-call-engineer, timeout: 15 minutes}
      - {notify: [schedule:primary:secondary, Team Lead, team:platform, channel:sms], timeout: 30m}
      - {notify: mara}
""",
    )
    assert _shown(policies, "P0") == [
        ("schedule:primary", 15),
        ("schedule:primary:secondary person:ana team:platform channel:sms", 30),
        ("person:mara", 0),
    ]
    assert policies.by_name["P0"].repeat == 2


def test_a_policy_in_a_step_stands_for_its_steps(tmp_path: Path) -> None:
    policies = _read(
        tmp_path,
        """
policies:
  night: {steps: [{notify: ana, timeout: 5m}, {notify: policy:bosses}]}
  bosses: {steps: [{notify: mara, timeout: 10m}, {notify: kai}]}
""",
    )
    assert _shown(policies, "night") == [("person:ana", 5), ("person:mara", 10), ("person:kai", 0)]


def test_the_matrix_of_roles_is_the_default_policy(tmp_path: Path) -> None:
    policies = _read(
        tmp_path,
        """
roles: {engineering-manager: mara, cto: kai}
escalation_matrix:
  primaryOnCall: {role: First, escalateAfter: 15 minutes, escalateTo: secondaryOnCall}
  secondaryOnCall: {role: Second, escalateAfter: 30 minutes, escalateTo: engineeringManager}
  engineeringManager: {role: Engineering Manager, escalateAfter: 45 minutes, escalateTo: cto}
""",
    )
    assert _shown(policies, "default") == [
        ("schedule:primary", 15),
        ("schedule:primary:secondary", 30),
        ("person:mara", 45),
        ("person:kai", 0),
    ]
    assert "P0" not in policies.by_name


def test_without_policies_the_three_severities_have_those_that_are_shipped(tmp_path: Path) -> None:
    policies = _read(tmp_path, "roles: {}\n")
    assert sorted(policies.by_name) == ["P0", "P1", "P2"]
    assert _shown(policies, "P1") == [("schedule:primary", 0), ("schedule:primary:secondary", 0)]
    assert _read(tmp_path, "roles: {}\n", Roster()).by_name == {}


def test_names_of_severities_mean_policies_people_or_nobody(tmp_path: Path) -> None:
    policies = _read(tmp_path, "roles: {team-lead: ana}\npolicies: {p: {steps: [{notify: ben}]}}\n")
    meant = {name: policies.targets(name) for name in ("p", "team-lead", "on-call-engineer", "x")}
    assert meant["p"] == policies.by_name["p"]
    assert meant["x"] is None
    steps = [meant[name].steps[0].notify[0] for name in ("team-lead", "on-call-engineer")]  # type: ignore[union-attr]  # they mean somebody
    assert list(map(str, steps)) == ["person:ana", "schedule:primary"]
    assert policies.targets("slack") is None, "channels are told by routes"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(
            "policies: {p: {steps: [{notify: anna}]}}",
            r"1:\d+: policies\.p\.steps\[0\]\.notify: 'anna' is not in .* did you mean \"ana\"",
            id="somebody who is not there",
        ),
        pytest.param(
            "policies: {p: {steps: [{notify: [ana, 'schedule:primry']}]}}",
            r"notify\[1\]: 'primry' is not in oncall\.schedules.*did you mean \"primary\"",
            id="a schedule that is not there",
        ),
        pytest.param(
            "policies: {p: {steps: [{notify: 'channel:slak'}]}}",
            r"'slak' is not in alerting\.channels.*did you mean \"slack\"",
            id="a channel that is not there",
        ),
        pytest.param(
            "policies: {p: {steps: [{notify: 'schedule:primary:third'}]}}",
            "expected primary or secondary",
            id="a rank that is none",
        ),
        pytest.param("policies: {p: {steps: []}}", r"policies\.p\.steps: .*no steps", id="none"),
        pytest.param(
            "policies: {p: {steps: [{notify: []}]}}", "tells nobody", id="a step to nobody"
        ),
        pytest.param(
            "policies: {a: {steps: [{notify: 'policy:b'}]}, b: {steps: [{notify: 'policy:a'}]}}",
            "the policies go round in a circle: a → b → a",
            id="a circle",
        ),
        pytest.param(
            "policies: {a: {steps: [{notify: ana}, {notify: 'policy:a'}]}}",
            "in a circle: a → a",
            id="a policy in itself",
        ),
        pytest.param(
            "policies: {a: {steps: [{notify: [ana, 'policy:b']}]}, b: {steps: [{notify: ben}]}}",
            "'b' must be alone in its step",
            id="a policy beside others",
        ),
        pytest.param(
            "{roles: {boss: nobody}, policies: {p: {steps: [{notify: ana}]}}}",
            r"1:\d+: roles\.boss: 'nobody' is not in",
            id="a role of nobody",
        ),
        pytest.param(
            "{policies: {default: {steps: [{notify: ana}]}}, escalation_matrix: {ana: {}}}",
            "a policy `default` already",
            id="two defaults",
        ),
        pytest.param(
            "escalation_matrix: {ana: {escalate_to: ben}, ben: {escalate_to: ana}}",
            r"^[^\n]*the matrix goes round in a circle: ana → ben → ana; take one of these out$",
            id="a circle in the matrix",
        ),
        pytest.param(
            "escalation_matrix: {ana: {escalate_to: cto}}",
            r"'cto' is not in .*say who that is: oncall\.roles\.cto",
            id="a role in the matrix that nobody has",
        ),
        pytest.param(
            "escalation_matrix: {ana: {escalate_to: ben}, mara: {escalate_to: kai}}",
            "nobody escalates to 'mara'",
            id="two beginnings in the matrix",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_place_and_remedy(
    tmp_path: Path, content: str, why: str
) -> None:
    with pytest.raises(OnCallError, match=why):
        _read(tmp_path, f"{content}\n")


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OnCallError) as told:
        _read(tmp_path, "policies: {p: {steps: [{notify: x1}, {notify: x2}]}, q: {steps: []}}\n")
    assert len(told.value.problems) == 3


def test_a_role_of_nobody_is_refused_without_policies_too(tmp_path: Path) -> None:
    with pytest.raises(OnCallError, match=r"1:\d+: roles\.boss: 'nobody' is not in"):
        _read(tmp_path, "roles: {boss: nobody}\n")
