"""Mistakes under `status_page` are told with their place and a remedy."""

from __future__ import annotations

import pytest

from tests.statuspage.world import CONFIG, config_of
from tocsin.kit.document import ConfigError

MISTAKES = [
    pytest.param(
        "components:\n  - {name: A, monitor: 'up{'}",
        "tocsin.yaml:2:24: components[0].monitor: this is no PromQL",
        id="PromQL that cannot be read",
    ),
    pytest.param(
        "components:\n  - {name: A, monitor: 'up[5m]'}",
        "not over a range",
        id="a range where numbers are wanted",
    ),
    pytest.param(
        "components:\n  - {name: A, alerts: 'service'}",
        "components[0].alerts: bad matcher format",
        id="conditions that are none",
    ),
    pytest.param(
        "components:\n  - {name: A, alerts: 'service=~\".*\"'}",
        "does not match the empty string",
        id="conditions that mean every alert",
    ),
    pytest.param("components:\n  - {name: '–'}", "give it an id", id="a name without a letter"),
    pytest.param(
        "components:\n  - {name: A}\n  - {name: a}", "same id", id="two components of one id"
    ),
    pytest.param(
        "components:\n  - {name: A, degraded: slow}",
        "degraded needs a monitor",
        id="slow without up",
    ),
    pytest.param("colours: {accent: '#ffff00'}", "contrast of 1.1", id="yellow on white"),
    pytest.param(
        "colours: {header: '#777777', header_text: '#888888'}",
        "header_text #888888 has a contrast",
        id="grey on grey",
    ),
    pytest.param("colours: {accent: red}", "colours.accent: expected a colour", id="a named one"),
    pytest.param("host: https://x.test/", "without https://", id="an address as host"),
    pytest.param(
        "links: [{name: a, url: 'javascript:alert(1)'}]", "links[0].url", id="a script as link"
    ),
    pytest.param("words: {operatonal: x}", 'did you mean "operational"?', id="a word that is none"),
    pytest.param("severities: {p1: outage}", "major_outage", id="a state that is none"),
    pytest.param("refresh: 1s", "from 10s to 5m", id="a refresh too often"),
    pytest.param(
        "subscriptions: {allow_networks: [10.0.0.1/8]}", "is no network", id="a network with a host"
    ),
    pytest.param("componets: []", 'did you mean "components"?', id="a key that is none"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        config_of(text)
    assert words in str(told.value)
    assert str(told.value).startswith("tocsin.yaml:")


def test_there_is_a_page_as_soon_as_there_are_components() -> None:
    assert not config_of("{}").is_on
    assert config_of(CONFIG).is_on
    assert not config_of(CONFIG + "enabled: false").is_on


def test_what_is_not_enabled_is_not_shown() -> None:
    config = config_of(
        "components: [{name: A, enabled: false}]\n"
        "groups:\n  - {name: G, components: [{name: B}, {name: C, enabled: false}]}\n"
        "  - {name: H, enabled: false, components: [{name: D}]}\n"
    )
    assert [[one.name for one in group.components] for group in config.shown] == [["B"]]
