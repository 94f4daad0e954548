"""The same alerts through Tocsin and the real Alertmanager; the real amtool against Tocsin."""

from __future__ import annotations

import datetime as dt
import json
import re
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from tests.e2e.product import running
from tests.e2e.programs import output_of, path_of
from tests.e2e.real_alertmanager import alertmanager
from tests.notify.servers import Mails, Taken, http_receiver, mail_server
from tests.waiting import eventually, stays

pytestmark = pytest.mark.slow

EXTERNAL_URL = "http://am.example"
ROUTES = """
route:
  receiver: web.hook
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  routes:
    - match_re: {severity: "a|b"}
      receiver: slack
    - match: {severity: critical, aa: b}
      receiver: pager
      continue: true
    - match: {severity: critical}
      receiver: mail
inhibit_rules:
  - {source_match: {severity: critical}, target_match: {severity: minor}, equal: [aa]}
receivers:
  - name: web.hook
    webhook_configs: [{url: '%(http)s/hook'}]
  - name: slack
    slack_configs: [{api_url: '%(http)s/slack', channel: '#x', send_resolved: true}]
  - name: pager
    pagerduty_configs: [{routing_key: KEY, url: '%(http)s/pager'}]
  - name: mail
    email_configs:
      - {to: x@y.zz, from: a@b.cc, smarthost: '127.0.0.1:%(smtp)d', require_tls: false,
         send_resolved: true}
"""


def firing(start: dt.datetime) -> list[dict[str, object]]:
    """Alerts that began at `start`, a whole second."""
    begun = start.isoformat()
    later = (start + dt.timedelta(milliseconds=123)).isoformat(timespec="milliseconds")
    return [
        {
            "labels": {"alertname": "A", "severity": "a", "instance": "i<1>"},
            "annotations": {"summary": 'S "q" & é'},
            "startsAt": begun,
            "generatorURL": "http://g/x?a=1&b=2",
        },
        {
            "labels": {"alertname": "A", "severity": "a", "instance": "i2", "job": "j"},
            "annotations": {"summary": "S2"},
            "startsAt": later,
        },
        {"labels": {"alertname": "B", "x": "y"}, "startsAt": begun},
        {"labels": {"alertname": "C", "severity": "critical", "aa": "b"}, "startsAt": begun},
        {"labels": {"alertname": "D", "severity": "minor", "aa": "b"}, "startsAt": begun},
    ]


def test_the_same_alerts_make_the_same_messages(tmp_path: Path) -> None:
    path_of("prometheus-alertmanager", "alertmanager")
    theirs = tmp_path / "theirs"
    ours = tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    with (
        receivers() as (taken, mails),
        alertmanager(theirs, routes(taken, mails), EXTERNAL_URL) as url,
    ):
        start = next_second()
        wanted = told(url, taken, mails, start)
    with receivers() as (taken, mails), tocsin(ours, taken, mails) as url:
        found = told(url, taken, mails, start)
    assert found == wanted
    assert len(wanted[0]) == 6  # D is told once C, which held it back, is over
    assert len(wanted[1]) == 2


def test_amtool_asks_adds_and_silences(tmp_path: Path) -> None:
    amtool = path_of("amtool")
    with receivers() as (taken, mails), tocsin(tmp_path, taken, mails) as address:
        for url in (address, address.removesuffix("/alertmanager")):
            call(amtool, url, "alert", "add", "foo", "tool=r1")
            assert "foo" in call(amtool, url, "alert", "query", "tool=r1")
            silence = call(amtool, url, "silence", "add", "tool=r1", "-c", "work").split()[-1]
            assert silence in call(amtool, url, "silence", "query", "tool=r1")
            assert "foo" not in call(amtool, url, "alert", "query", "tool=r1")
            assert "suppressed" in call(amtool, url, "alert", "query", "-s", "tool=r1")
            call(amtool, url, "silence", "update", "-d", "2h", silence)
            call(amtool, url, "silence", "expire", silence)
            assert silence not in call(amtool, url, "silence", "query")
            assert "web.hook" in call(amtool, url, "config", "show")
            assert "disabled" in call(amtool, url, "cluster", "show")


def test_a_rule_of_our_own_wakes_somebody_and_lets_him_sleep_again(tmp_path: Path) -> None:
    rule = 'groups: [{name: g, rules: [{alert: Full, expr: "vector(7) > %d", annotations: %s}]}]'
    annotations = '{summary: "{{ $value }} of 9"}'
    file = tmp_path / "rules.yml"
    file.write_text(rule % (5, annotations))
    with receivers() as (taken, mails):
        (tmp_path / "am.yml").write_text(ROUTES % {"http": taken.url, "smtp": mails.port})
        with running(tmp_path, "--auth", "off", config=CONFIG + RULES):
            eventually(lambda: taken.requests)
            file.write_text(rule % (9, annotations))
            eventually(lambda: len(taken.requests) > 1)
    messages = [json.loads(body) for _, body in taken.requests]
    assert [message["status"] for message in messages] == ["firing", "resolved"]
    [told_of] = messages[0]["alerts"]
    assert told_of["labels"] == {"alertname": "Full"}
    assert told_of["annotations"] == {"summary": "7 of 9"}
    assert told_of["generatorURL"].startswith(EXTERNAL_URL + "/")


def call(amtool: str, url: str, *words: str) -> str:
    """amtool's answer without its word about versions, which are not the same."""
    return output_of([amtool, f"--alertmanager.url={url}", *words])


@contextmanager
def receivers() -> Iterator[tuple[Taken, Mails]]:
    with http_receiver() as taken, mail_server() as mails:
        yield taken, mails


def routes(taken: Taken, mails: Mails) -> str:
    return ROUTES % {"http": taken.url, "smtp": mails.port}


@contextmanager
def tocsin(folder: Path, taken: Taken, mails: Mails) -> Iterator[str]:
    (folder / "am.yml").write_text(routes(taken, mails))
    with running(folder, "--auth", "off", config=CONFIG) as product:
        yield f"{product.http}/alertmanager"


CONFIG = f"""
alertmanager: am.yml
scrape: {{host: false, itself: false}}
listen: {{external_url: '{EXTERNAL_URL}', statsd: 127.0.0.1:0}}
"""


RULES = """
prometheus:
  global: {evaluation_interval: 1s}
  rule_files: [rules.yml]
"""


def post(url: str, alerts: Sequence[dict[str, object]]) -> None:
    request = urllib.request.Request(
        f"{url}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.status == 200


def told(
    url: str, taken: Taken, mails: Mails, start: dt.datetime
) -> tuple[list[tuple[str, bytes]], list[str]]:
    """What the receivers got: all fire, then two are over."""
    alerts = firing(start)
    post(url, alerts)
    eventually(lambda: len(taken.requests) >= 3 and mails.envelopes)
    end = (start + dt.timedelta(seconds=1)).isoformat()
    post(url, [{**alert, "endsAt": end} for alert in (alerts[0], alerts[3])])
    eventually(lambda: len(taken.requests) >= 6 and len(mails.envelopes) >= 2)
    # One more interval, in which nothing may come.
    assert stays(lambda: len(taken.requests) == 6 and len(mails.envelopes) == 2, 2.5)
    return sorted(taken.requests), [_mail(envelope.content) for envelope in mails.envelopes]


def next_second() -> dt.datetime:
    """When alerts begin that Alertmanager is to tell together: it tells of the first one that it
    takes at once, without the others of its group, if that began longer than `group_wait` ago."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)


def _mail(content: bytes | str | None) -> str:
    """The subject and the words of the HTML part that tell of alerts: the design is our own."""
    assert isinstance(content, bytes)
    message = message_from_bytes(content, policy=default)
    part = message.get_body(("html",))
    assert part is not None
    words = re.sub(r"<style.*?</style>|<[^>]+>", " ", part.get_content(), flags=re.S)
    lines = re.findall(r"\d+ alerts? for|\[\d+\] \w+|\w+ ?= ?\w+|Labels|Annotations", words)
    return f"{message['Subject']}: {' '.join(lines)}"
