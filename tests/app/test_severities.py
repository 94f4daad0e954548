"""A severity policy from the file to the receivers that hear of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.app.test_alerting import Process, loaded, statuses
from tests.notify.servers import http_receiver
from tests.waiting import until
from tocsin.alert.routing.fallback import Channel
from tocsin.app.effective import effective_yaml
from tocsin.app.receivers import check_receivers, receivers_of
from tocsin.kit.clock import SystemClock
from tocsin.kit.document import ConfigError
from tocsin.model.labels import from_mapping
from tocsin.scrape.fetch import Fetcher

POLICY = """
severities:
  critical:
    channels: [sms, slack]
    group_wait: 0s
    group_interval: 1s
alerting:
  channels:
    sms: {{kind: webhook, url: '{one}'}}
    slack: {{api_url: '{other}', send_resolved: true}}
"""


async def test_every_channel_of_the_level_is_told(tmp_path: Path) -> None:
    with http_receiver() as one, http_receiver() as other:
        process = Process(tmp_path, loaded(tmp_path, POLICY.format(one=one.url, other=other.url)))
        await process.start()
        labels = from_mapping({"alertname": "Down", "severity": "critical"})
        alert = msgspec.structs.replace(process.alert(), labels=labels)
        await process.alerting.dispatcher.put([alert])
        await until(lambda: bool(one.requests) and bool(other.requests))
        over = msgspec.structs.replace(process.alert(ends=True), labels=labels)
        await process.alerting.dispatcher.put([over])
        await until(lambda: len(one.requests) == 2)
        assert statuses(one) == ["firing", "resolved"]
        await process.kill()


def test_the_order_of_channels_reaches_those_who_tell_instead(tmp_path: Path) -> None:
    clock = SystemClock()
    config = loaded(tmp_path, POLICY.format(one="http://x/a", other="http://x/b"))
    found = receivers_of(config, Fetcher(clock, tmp_path), clock, "")
    assert found is not None
    assert list(found.plan.fallbacks.of(Channel("sms", "webhook[0]"))) == [Channel("slack")]
    assert found.warnings == ()


def test_addresses_of_channels_are_secrets(tmp_path: Path) -> None:
    config = loaded(tmp_path, POLICY.format(one="http://x/hush", other="http://x/hush"))
    shown = effective_yaml(config.config)
    assert "hush" not in shown
    assert shown.count("<secret>") >= 2


SEED = """
severities:
  severityLevels: {
    critical: {
      description: 'Service is down or severely degraded',
      responseTime: '5 minutes',
      escalation: ['on-call-engineer', 'engineering-manager'],
      channels: ['pagerduty', 'slack-critical', 'sms'],
    },
  }
"""


def test_channels_that_are_not_defined_are_named_with_place_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_receivers(loaded(tmp_path, SEED), SystemClock())
    assert str(caught.value).endswith(
        "tocsin.yaml:8:18: severities.severityLevels.critical.channels[0]: there is no channel "
        "'pagerduty'; define it as alerting.channels.pagerduty: {kind: …}, or as a receiver of "
        "the alertmanager.yml"
    )


def test_names_of_an_escalation_that_are_no_channels_are_only_said(tmp_path: Path) -> None:
    channels = "".join(
        f"    {name}: {{kind: webhook, url: 'http://x'}}\n"
        for name in ("pagerduty", "slack-critical", "sms")
    )
    text = f"{SEED}alerting:\n  channels:\n{channels}"
    warnings = check_receivers(loaded(tmp_path, text), SystemClock())
    assert [one.partition("escalates to ")[2].partition(",")[0] for one in warnings] == [
        "'on-call-engineer'",
        "'engineering-manager'",
    ]


def test_a_secret_of_a_channel_lies_beside_the_tocsin_yaml(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "am.yml").write_text(
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x'}]}]\n"
    )
    (tmp_path / "key").write_text("k")
    text = (
        "alertmanager: elsewhere/am.yml\nseverities: {high: {channels: [pager]}}\n"
        "alerting: {channels: {pager: {kind: pagerduty, routing_key_file: key}}}\n"
    )
    assert check_receivers(loaded(tmp_path, text), SystemClock()) == ()
