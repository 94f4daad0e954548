"""What is sent, byte for byte; the golden files follow what the real Alertmanager sends."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest

from tests.notify.making import alert, made, making, notice
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected
from tocsin.notify.email import Email
from tocsin.notify.pagerduty import PagerDuty
from tocsin.notify.slack_webhook import SlackWebhook
from tocsin.notify.webhook import body_of

GOLDEN = Path(__file__).parent / "golden"
FULL_SLACK = """
api_url: http://127.0.0.1/x
channel: '#{{ .GroupLabels.alertname | toLower }}'
icon_emoji: ':bell:'
link_names: true
pretext: '{{ .CommonAnnotations.summary }}'
text: '{{ range .Alerts }}{{ .Status }} {{ .Labels.instance }}{{ .Labels.nothing }};{{ end }}'
fields: [{title: Service, value: '{{ .CommonLabels.service }}'}, {title: a, value: b, short: true}]
actions: [{type: button, text: Open, url: '{{ .ExternalURL }}', confirm: {text: sure?}}]
"""


def slack(text: str, clock: FakeClock) -> SlackWebhook:
    return cast("SlackWebhook", made("slack", text, making(clock)).sender)


def pagerduty(text: str, clock: FakeClock) -> PagerDuty:
    return cast("PagerDuty", made("pagerduty", text, making(clock)).sender)


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def test_the_webhook_sends_version_4() -> None:
    assert body_of(notice(), "http://am.example") == golden("webhook.json")


def test_the_webhook_leaves_out_what_is_beyond_max_alerts() -> None:
    body = body_of(notice(), "http://am.example", max_alerts=1)
    assert b'"truncatedAlerts":1' in body
    assert b'"instance":"2"' not in body


def test_slack_by_default(clock: FakeClock) -> None:
    body = slack("{api_url: 'http://127.0.0.1/x', channel: '#x'}", clock).body_of(notice())
    assert body == golden("slack.json")


def test_slack_with_everything(clock: FakeClock) -> None:
    assert slack(FULL_SLACK, clock).body_of(notice()) == golden("slack_full.json")


def test_pagerduty_triggers_and_resolves_one_incident(clock: FakeClock) -> None:
    sender = pagerduty("{routing_key: K}", clock)
    assert sender.body_of(notice(), "K") == golden("pagerduty.json")
    over = notice(alert(instance="1", ends=True))
    assert sender.body_of(over, "K") == golden("pagerduty_resolve.json")


def test_pagerduty_version_1(clock: FakeClock) -> None:
    sender = pagerduty("{service_key: K}", clock)
    assert sender.body_of(notice(), "K") == golden("pagerduty_v1.json")


def test_pagerduty_drops_details_that_are_too_large(clock: FakeClock) -> None:
    sender = pagerduty("{routing_key: K, details: {big: '{{ .CommonLabels.big }}'}}", clock)
    body = sender.body_of(notice(alert(big="x" * 600_000)), "K")
    assert len(body) < 10_000
    assert b"Custom details have been removed" in body


def mail(text: str, clock: FakeClock, shared: str = "") -> EmailMessage:
    shared = shared or "{smtp_smarthost: 'localhost:25', smtp_from: 'Tocsin <t@example.com>'}"
    sender = cast("Email", made("email", text, making(clock, shared)).sender)
    return sender.message_of(notice())


def test_the_default_mail_says_the_same_as_alertmanagers(clock: FakeClock) -> None:
    message = mail("{to: a@example.com}", clock)
    assert str(message["Subject"]) == "[FIRING:1] Down (api)"
    assert message.get_content_type() == "text/html"
    html = message.get_content()
    for part in ("2 alerts for", "[1] Firing", "[1] Resolved", "instance = 1", "&lt;é&gt;"):
        assert part in html
    assert 'href="http://g/x?a=1&amp;b=2"' in html
    assert "<é>" not in html


def test_text_and_html_are_alternatives(clock: FakeClock) -> None:
    message = mail(
        "{to: a@example.com, text: '{{ .Status }}', html: '<b>{{ .Status }}</b>'}", clock
    )
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]


def test_headers_may_be_given_and_cannot_be_broken(clock: FakeClock) -> None:
    text = '{to: a@example.com, headers: {subject: "x\\r\\nBcc: evil@example.com", X-Team: ops}}'
    message = mail(text, clock)
    assert str(message["Subject"]) == "x Bcc: evil@example.com"
    assert message["Bcc"] is None
    assert str(message["X-Team"]) == "ops"


def test_mails_of_one_group_make_one_conversation(clock: FakeClock) -> None:
    one, other = (mail("{to: a@example.com}", clock) for _ in range(2))
    assert one["References"] == other["References"]
    assert one["Message-ID"] != other["Message-ID"]
    assert str(one["Message-ID"]).endswith("@example.com>")


def test_subject_and_body_are_understood_and_the_standard_is_told(clock: FakeClock) -> None:
    text = "{to: a@example.com, subject: 'S {{ .GroupLabels.alertname }}', body: 'B {{ .Status }}'}"
    shared = "{smtp_smarthost: 'localhost:25', smtp_from: t@example.com}"
    result = made("email", text, making(clock, shared))
    message = cast("Email", result.sender).message_of(notice())
    assert str(message["Subject"]) == "S Down"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().strip() == "B firing"
    assert ["headers: {Subject" in w or "text (or html)" in w for w in result.warnings] == [
        True
    ] * 2


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("webhook", "{}", "one of url and url_file"),
        ("slack", "{channel: x}", "write api_url here or slack_api_url in global"),
        ("slack", "{chanel: x}", 'did you mean "channel"'),
        ("pagerduty", "{routing_key: a, service_key: b}", "must be given"),
        ("email", "{to: x@y.z}", "no mail server is given"),
        ("email", "{smarthost: 'h:25'}", 'the key "to" is missing'),
    ],
)
def test_mistakes_are_told(clock: FakeClock, kind: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(kind, text, making(clock))
    assert words in str(caught.value)


def test_a_template_that_fails_says_which(clock: FakeClock) -> None:
    sender = slack("{api_url: 'http://127.0.0.1/x', text: '{{ .Nope.x | toUpper }}'}", clock)
    with pytest.raises(Rejected, match="Nope"):
        sender.body_of(notice())


def test_templates_of_files_replace_the_defaults(clock: FakeClock) -> None:
    files = {"a.tmpl": '{{ define "slack.default.title" }}own {{ .Status }}{{ end }}'}
    base = making(clock, files=files)
    sender = cast("SlackWebhook", made("slack", "{api_url: 'http://127.0.0.1/x'}", base).sender)
    assert b'"title":"own firing"' in sender.body_of(notice())
