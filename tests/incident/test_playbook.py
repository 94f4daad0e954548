"""How a playbook is read: sentences, lists, conditions, and what is refused."""

from __future__ import annotations

import pytest

from tests.incident.response_world import (
    FIRST_PLAYBOOK,
    KNOWN,
    RESPONSE,
    SECOND_PLAYBOOK,
    incidents_config,
)
from tocsin.incident.response.actions import playbook_of
from tocsin.incident.response.known import Known
from tocsin.incident.response.settings import ResponseConfig
from tocsin.incident.response.steps import Page, Post, Task
from tocsin.incident.response.when import Now, When
from tocsin.kit.document import ConfigError
from tocsin.model.incidents import Incident

INCIDENT = Incident(
    severity="P1", title="Slow", services=("api", "web"), tags=("db",), acknowledged_ms=5
)


def kinds(text: str, known: Known = KNOWN, response: ResponseConfig = RESPONSE) -> dict[str, str]:
    playbook = playbook_of(incidents_config(text), response, known)
    return {
        severity: " ".join(one.kind for one in actions)
        for severity, actions in playbook.actions.items()
    }


def test_the_sentences_of_the_playbook_are_understood_as_written() -> None:
    assert kinds(FIRST_PLAYBOOK) == {
        "P0": "page slack_channel status_page note",
        "P1": "post task task",
        "P2": "ticket task task",
    }


def test_a_sentence_that_nothing_is_configured_for_is_a_task_and_says_what_is_missing() -> None:
    playbook = playbook_of(incidents_config(FIRST_PLAYBOOK), ResponseConfig(), Known())
    assert [one.kind for one in playbook.of("P0")] == ["task", "task", "task", "note"]
    assert playbook.of("P0")[0].step == Task(text="Page on-call engineer immediately")
    assert (
        "tocsin.yaml:5:9: 'Page on-call engineer immediately' is shown as a task"
        in (playbook.warnings[0])
    )
    assert playbook.warnings[0].endswith("define an escalation policy under oncall.policies")


def test_the_other_playbook_is_an_explicit_list() -> None:
    assert kinds(SECOND_PLAYBOOK) == {
        "P0": "post post mail",
        "P1": "post mail",
        "P2": "post",
        "P3": "post",
    }


def test_the_same_action_of_two_severities_is_the_same() -> None:
    playbook = playbook_of(incidents_config(SECOND_PLAYBOOK), RESPONSE, KNOWN)
    assert playbook.of("P1")[0].identity == playbook.of("P3")[0].identity
    assert isinstance(playbook.of("P1")[0].step, Post)
    first = playbook_of(incidents_config(FIRST_PLAYBOOK), RESPONSE, KNOWN)
    assert isinstance(first.of("P0")[0].step, Page)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{do: pagee}", "got 'pagee'; did you mean \"page\"?"),
        ("{page: now}", 'the key "do" is missing'),
        ("{do: page, policy: defalt}", "there is no escalation policy 'defalt'"),
        ("{do: post, channel: alert}", "there is no channel 'alert'; known: alerts"),
        ("{do: post}", "post needs channel"),
        ("{do: post, channel: alerts, whom: x}", "unknown key"),
        ("{do: post, channel: alerts, text: '{severty}'}", "unknown field {severty}"),
        ("{do: mail, to: criticl-team}", "there is no mail list 'criticl-team'"),
        ("{do: mail, to: a@b.c, audience: customers, text: '{title}'}", "unknown field {title}"),
        ("{do: status_page, text: '{description}'}", "unknown field {description}"),
        ("{do: ticket, tracker: op}", "there is no tracker 'op'"),
        ("{do: assign, to: anna}", "there is no person 'anna'"),
        ("{do: assign, to: 'schedule:secondary'}", "there is no schedule 'secondary'"),
        ("{do: webhook, url: ftp://x}", "url must start with http"),
        ("{do: page, after: soon}", "expected a duration"),
        ("{do: page, when: unacked}", "is no condition"),
        ('{do: page, when: servce="a"}', "an incident has no field 'servce'; did you mean"),
        ('{do: page, when: drill="maybe"}', 'drill is "true" or "false"'),
    ],
)
def test_mistakes_are_refused_with_place_and_remedy(action: str, words: str) -> None:
    text = f"severities:\n  P0:\n    actions:\n      - {action}\n"
    with pytest.raises(ConfigError) as refused:
        kinds(text)
    assert words in str(refused.value)
    assert refused.value.place.line == 4
    assert "severities.P0.actions[0]" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("acknowledged", True),
        ("unacknowledged", False),
        ("not acknowledged", False),
        ("unassigned and business hours", True),
        ("outside business hours", False),
        ('severity="P0"', False),
        ('severity=~"P0|P1", acknowledged', True),
        ('service="api"', True),
        ('service!="api"', False),
        ('service="shop"', False),
        ('tag="db" and not drill', True),
        ('title="a, and b"', False),
        ('assignee=""', True),
        ('status!~"resolved|closed"', True),
    ],
)
def test_conditions_ask_for_the_incident_as_it_is(text: str, holds: bool) -> None:
    assert When.from_config(text).holds(INCIDENT, Now(is_business_hours=True)) is holds
