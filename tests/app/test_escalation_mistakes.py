"""What of paging cannot work is refused when the configuration is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.app.config import load_config
from tocsin.app.escalations import check_escalations
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.oncall.mistakes import OnCallError


def _check(folder: Path, content: str) -> None:
    file = folder / "tocsin.yaml"
    file.write_text(content)
    check_escalations(load_config(file), FakeClock())


GUIDE = Path(__file__).parents[2] / "docs/guide/oncall.md"


def test_the_example_of_the_guide_is_right_as_it_is_written(tmp_path: Path) -> None:
    example = GUIDE.read_text().partition("```yaml\n")[2].partition("```")[0]
    assert "schedules:" in example, "the guide shows no schedule any more"
    _check(tmp_path, example)


@pytest.mark.parametrize(
    ("addition", "why"),
    [
        (
            "people: {ana: {methods: [{kind: sms, address: '+491511234567'}]}}",
            r"oncall\.people\.ana: ana is to be reached by sms, and nothing can do that",
        ),
        ("paging: {sms: nowhere}", r"oncall\.paging\.sms: there is no channel 'nowhere'"),
        (
            "paging: {call: {kind: slack, app_token: x, channel: y}}",
            "call needs a channel of the kind twilio, this is slack",
        ),
        ("paging: {test_every_week: Caturday}", "expected a time such as Mon 10:00"),
        ("paging: {web_push: {contact: ops}}", "contact must be mailto:"),
    ],
)
def test_a_way_that_cannot_work_is_refused_at_load(tmp_path: Path, addition: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        _check(tmp_path, f"oncall: {{{addition}}}\n")


def test_a_receiver_that_tells_nobody_cannot_be_paged(tmp_path: Path) -> None:
    content = (
        "alertmanager: {route: {receiver: void}, receivers: [{name: void},"
        " {name: team, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]}\n"
        "oncall: {policies: {P0: {steps: [{notify: 'channel:team'}, {notify: 'channel:void'}]}}}\n"
    )
    with pytest.raises(OnCallError, match=r"steps\[1\]\.notify: 'void' is not in .* team$"):
        _check(tmp_path, content)


def test_a_severity_whose_policy_is_nobodys_is_refused_with_its_place(tmp_path: Path) -> None:
    content = "incidents: {severities: {P0: {escalation: nightowls}}}\n"
    with pytest.raises(ConfigError, match=r"severities\.P0\.escalation: 'nightowls' is no policy"):
        _check(tmp_path, content)
