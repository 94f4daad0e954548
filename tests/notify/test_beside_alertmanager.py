"""The same alerts, told by the real Alertmanager and by our senders: the same requests."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.real_alertmanager import alertmanager
from tests.notify.making import EXTERNAL_URL
from tests.notify.secure_proxy import secure_proxy
from tests.notify.servers import Seen, Taken, http_receiver
from tests.waiting import eventually
from tocsin.kit.clock import SystemClock
from tocsin.kit.document import Document
from tocsin.kit.sigv4 import Signer
from tocsin.kit.yaml import loads
from tocsin.model.labels import from_mapping
from tocsin.model.notices import Notice, NoticeAlert, fingerprint
from tocsin.notify import KINDS
from tocsin.notify.global_config import GlobalConfig
from tocsin.notify.kind import Making
from tocsin.notify.templates import Templates
from tocsin.scrape.fetch import Fetcher

pytestmark = pytest.mark.slow

ROUTE = """
route: {receiver: web.hook, group_by: [alertname], group_wait: 2s, group_interval: 2s}
"""
RECEIVERS = """
receivers:
- name: web.hook
  opsgenie_configs:
  - api_url: URL/opsgenie/
    api_key: GK
    responders:
    - {name: '{{ .CommonLabels.team }}', type: team}
    - {name: 'a,b', type: teams}
    - {username: '{{ .CommonLabels.nobody }}', type: '{{ .CommonLabels.nobody }}'}
    tags: 'x,,{{ .CommonLabels.team }}'
    note: n
    priority: P1
    details: {z: '{{ .Status }}', severity: replaced}
    update_alerts: true
  - {api_url: URL/opsgenie-plain, api_key: GK}
  telegram_configs:
  - {api_url: URL/telegram, bot_token: 'TT', chat_id: -100123}
  - api_url: URL/telegram-markdown
    bot_token: TT
    chat_id: 7
    parse_mode: Markdown
    disable_notifications: true
    message: '{{ .CommonAnnotations.summary }}'
  discord_configs:
  - {webhook_url: URL/discord}
  victorops_configs:
  - {api_url: URL/victorops/, api_key: VK, routing_key: team, custom_fields: {aa: '{{ .Status }}'}}
  - {api_url: URL/victorops-info/, api_key: VK, routing_key: team, message_type: INFO}
  wechat_configs:
  - {api_url: URL/wechat/, api_secret: S, corp_id: C, to_user: u, agent_id: a, send_resolved: true}
  - api_url: URL/wechat-markdown/
    api_secret: S
    corp_id: C
    message_type: markdown
    send_resolved: true
    message: '**{{ .Status }}**'
  webex_configs:
  - api_url: URL/webex
    room_id: R
    http_config: {authorization: {credentials: WT}}
  - api_url: URL/webex-long
    room_id: R
    message: '{{ range .Alerts }}LATIN{{ end }}'
    http_config: {authorization: {credentials: WT}}
  sns_configs:
  - api_url: URL/sns
    sigv4: {region: eu-west-1, access_key: AK, secret_key: SK}
    topic_arn: arn:aws:sns:eu-west-1:123:topic
    attributes: {one: '{{ .Status }} ü', two: '1~2*3 +'}
  - api_url: URL/sns-fifo
    sigv4: {region: eu-west-1, access_key: AK, secret_key: SK}
    topic_arn: arn:aws:sns:eu-west-1:123:topic.fifo
""".replace("LATIN", "x" * 4000)
TRUSTING = "{insecure_skip_verify: true}"
PUSHOVER = """
receivers:
- name: web.hook
  pushover_configs:
  - {user_key: U, token: T, HTTP}
  - user_key: U
    token: T
    html: true
    title: 'LATIN'
    message: ' <b>{{ .CommonAnnotations.summary }}</b> LATIN '
    url_title: go
    sound: siren
    retry: 90s
    expire: 2h
    HTTP
""".replace("LATIN", "ä+*~x" * 300)
ANSWERS = {
    "/telegram": b'{"ok":true,"result":{"message_id":1,"chat":{"id":1}}}',
    "/wechat/gettoken": b'{"access_token":"AT"}',
    "/wechat-markdown/gettoken": b'{"access_token":"AT"}',
    "/wechat": b'{"errcode":0}',
    "/sns": b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>"
    b"</PublishResponse>",
}
REQUESTS_FIRING, REQUESTS_RESOLVED = 17, 13
ALERTS = (
    {"alertname": "Down", "team": "t", "severity": "critical", "instance": "2"},
    {"alertname": "Down", "team": "t", "severity": "critical", "instance": "<3>"},
)
ANNOTATIONS = {"summary": 'S "q" & é *', "runbook": "http://r/?a=1&b=2"}


def test_every_service_hears_the_same(tmp_path: Path) -> None:
    with receiver() as taken, beside(tmp_path, RECEIVERS.replace("URL", taken.url)) as url:
        start = now()
        post(url, start)
        eventually(lambda: len(taken.seen) == REQUESTS_FIRING)
        post(url, start, over=True)
        eventually(lambda: len(taken.seen) == REQUESTS_FIRING + REQUESTS_RESOLVED)
        theirs, their_url = taken.seen, taken.url
    with receiver() as taken:
        asyncio.run(tell(RECEIVERS.replace("URL", taken.url), start))
        ours, our_url = taken.seen, taken.url
    wanted = {key: shown(seen, their_url) for key, seen in by_key(theirs).items()}
    found = {key: shown(seen, our_url) for key, seen in by_key(ours).items()}
    assert sorted(found) == sorted(wanted)
    for key, request in wanted.items():
        assert found[key] == request, key


def test_amazon_is_shown_the_signature_that_its_own_library_makes(tmp_path: Path) -> None:
    with receiver() as taken, beside(tmp_path, RECEIVERS.replace("URL", taken.url)) as url:
        post(url, now())
        eventually(lambda: len(taken.seen) == REQUESTS_FIRING)
    [seen] = [seen for seen in taken.seen if seen.path.startswith("/sns-fifo")]
    signed = seen.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    moment = dt.datetime.strptime(seen.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(
        tzinfo=dt.UTC
    )
    ours = Signer("AK", "SK", "eu-west-1", "sns").authorization(
        moment,
        "POST",
        taken.url + seen.path,
        {name: seen.headers[name] for name in signed},
        hashlib.sha256(seen.body).hexdigest(),
    )
    assert ours == seen.headers["authorization"]


def test_pushover_hears_the_same(tmp_path: Path) -> None:
    with secure_proxy(tmp_path) as proxy:
        way = f"{{proxy_url: 'http://127.0.0.1:{proxy.port}', tls_config: {TRUSTING}}}"
        receivers = PUSHOVER.replace("HTTP", f"http_config: {way}")
        with beside(tmp_path, receivers) as url:
            start = now()
            post(url, start)
            eventually(lambda: len(proxy.seen) == 2)
    with http_receiver() as taken:
        ours = PUSHOVER.replace("HTTP", f"api_url: {taken.url}/1/messages.json")
        asyncio.run(tell(ours, start, over=(False,)))
    wanted = sorted(seen.path.partition("?")[2] for seen in proxy.seen)
    found = [seen.body.decode() for seen in taken.seen]
    # Alertmanager sends `device` since 0.26.
    assert sorted(body.removeprefix("device=&") for body in found) == [
        query.removeprefix("device=&") for query in wanted
    ]


@contextmanager
def receiver() -> Iterator[Taken]:
    with http_receiver() as taken:
        taken.by_path = ANSWERS
        yield taken


def beside(folder: Path, receivers: str) -> AbstractContextManager[str]:
    return alertmanager(folder, ROUTE + receivers, EXTERNAL_URL)


def now() -> dt.datetime:
    """When alerts begin that Alertmanager is to tell together: it tells of the first one that it
    takes at once, without the others of its group, if that began longer than `group_wait` ago."""
    moment = dt.datetime.now(dt.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def ended(start: dt.datetime) -> dt.datetime:
    return start + dt.timedelta(milliseconds=1)


def post(url: str, start: dt.datetime, *, over: bool = False) -> None:
    alerts = [
        {
            "labels": labels,
            "annotations": ANNOTATIONS,
            "startsAt": start.isoformat(),
            "generatorURL": "http://g/x?a=1&b=2",
            **({"endsAt": ended(start).isoformat()} if over else {}),
        }
        for labels in ALERTS
    ]
    request = urllib.request.Request(
        url + "/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60):
        return


async def tell(receivers: str, start: dt.datetime, over: tuple[bool, ...] = (False, True)) -> None:
    """The messages, by our senders."""
    clock, folder = SystemClock(), Path()
    base = Making(
        GlobalConfig(), Templates({}, clock, EXTERNAL_URL), Fetcher(clock, folder), clock, folder
    )
    document = loads(receivers, "am.yml")
    senders = []
    for key in cast("dict[str, object]", cast("Document", document.get("receivers", 0)).data):
        for place in range(9):
            part = document.get("receivers", 0, key, place)
            if part is not None and key.endswith("_configs"):
                senders.append(KINDS[key.removesuffix("_configs")].make(part, base))
    try:
        for ends in over:
            for made in senders:
                await made.sender.send(notice(start, over=ends))
    finally:
        await base.fetcher.close()


def notice(start: dt.datetime, *, over: bool) -> Notice:
    alerts = tuple(
        NoticeAlert(
            labels=from_mapping(labels),
            annotations=from_mapping(ANNOTATIONS),
            starts_ms=round(start.timestamp() * 1000),
            ends_ms=round(ended(start).timestamp() * 1000) if over else 0,
            generator_url="http://g/x?a=1&b=2",
            fingerprint=fingerprint(from_mapping(labels)),
        )
        for labels in ALERTS
    )
    return Notice(
        receiver="web.hook",
        group_key='{}:{alertname="Down"}',
        group_labels=from_mapping({"alertname": "Down"}),
        alerts=alerts,
        at_ms=round(start.timestamp() * 1000),
    )


def by_key(seen: list[Seen]) -> dict[tuple[str, str, int], Seen]:
    """By method, path, and the how-manieth of these it is."""
    found: dict[tuple[str, str, int], Seen] = {}
    for request in seen:
        nth = sum(
            1 for method, path, _ in found if (method, path) == (request.method, request.path)
        )
        found[request.method, request.path, nth] = request
    return found


def shown(seen: Seen, url: str) -> tuple[str, str, str]:
    """What is compared: the body, and who asks, unless it is a signature of that moment."""
    kind = seen.headers.get("content-type", "")
    who = seen.headers.get("authorization", "")
    return seen.body.decode().replace(url, "URL"), kind, "" if "Signature" in who else who
