"""What the agent sends becomes lines; and what a key that sends too much is answered, in the words
of each protocol."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from tests.ingest.asgi import site
from tocsin.agent.batch import encode
from tocsin.agent.entries import Entry, Origin
from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.quota import KeyLimit, LimitsConfig
from tocsin.kit.quantity import Duration

AT_NS = 1_699_999_990_000_000_000
NDJSON = "application/x-ndjson"
LIMITED = LogsConfig(
    limits=LimitsConfig(keys={"*": KeyLimit(lines_per_second=1, burst=Duration(1))})
)


def entry(text: str, **own: str) -> Entry:
    origin = Origin(
        host="web1", fallback_service="shop", environment="prod", source="/var/log/shop.log"
    )
    return Entry(text, AT_NS, origin, "1:2:0", 10, own)


async def test_entries_become_lines_of_their_origin() -> None:
    here = site()
    body = encode([entry("level=warn msg=late service=pay"), entry("plain", level="err")], "a-1")
    for _ in range(2):
        answer = await here.call(
            "POST", "/api/logs/agent", body, content_type=NDJSON, content_encoding="gzip"
        )
        assert (answer.status, answer.json()) == (200, {"kept": 2, "refused": {}})
    first, second = here.lines.records
    assert (first.service, first.level, first.body) == ("pay", 13, "late")
    assert (second.service, second.level, second.body) == ("shop", 17, "plain")
    assert {one.host for one in here.lines.records} == {"web1"}
    assert second.environment == "prod"
    assert second.source == "/var/log/shop.log"
    assert second.ts_ns == AT_NS


async def test_two_batches_of_the_same_lines_are_both_kept() -> None:
    here = site()
    for name in ("a-1", "a-2"):
        body = gzip.decompress(encode([entry("again")], name))
        await here.call("POST", "/api/logs/agent", body, content_type=NDJSON)
    assert len(here.lines.records) == 2


OTLP_RECORDS = [{"body": {"stringValue": "x"}}] * 3


@pytest.mark.parametrize(
    ("path", "body", "media"),
    [
        pytest.param("/api/logs/lines", "one\ntwo\nthree", "text/plain", id="lines"),
        pytest.param(
            "/loki/api/v1/push",
            json.dumps({"streams": [{"stream": {"a": "b"}, "values": [[str(AT_NS), "x"]] * 3}]}),
            "application/json",
            id="Loki",
        ),
        pytest.param(
            "/elasticsearch/_bulk",
            '{"create": {"_index": "a"}}\n{"message": "x"}\n' * 2,
            "application/x-ndjson",
            id="Elasticsearch",
        ),
        pytest.param(
            "/datadog/api/v2/logs",
            json.dumps([{"message": "x"}] * 3),
            "application/json",
            id="Datadog",
        ),
        pytest.param(
            "/v1/logs",
            json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": OTLP_RECORDS}]}]}),
            "application/json",
            id="OTLP",
        ),
    ],
)
async def test_a_key_that_sends_too_much_is_told_to_wait(path: str, body: str, media: str) -> None:
    here = site()
    here.logs.configure(LIMITED, retention_seconds=1e9)
    first = await here.call("POST", path, body.encode(), content_type=media)
    assert first.status in (200, 202, 204), first.body
    kept = len(here.lines.records)
    sending = asyncio.create_task(
        here.call("POST", path, (body.replace('"x"', '"y"') + "\n").encode(), content_type=media)
    )
    if path.startswith("/elasticsearch"):  # its clients repeat at once, and are kept waiting
        await here.clock.advance(1)
    second = await sending
    assert second.status == 429, second.body
    assert int(second.headers["retry-after"]) >= 2
    assert b"limit of 1 lines/s" in second.body
    assert len(here.lines.records) == kept
