"""`/datadog/…/logs`: what Datadog's agents and libraries send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.asgi import site

JSON = "application/json"


@pytest.mark.parametrize(
    ("path", "status"), [("/datadog/api/v2/logs", 202), ("/datadog/v1/input", 200)]
)
async def test_entries_tags_and_sources_are_read(path: str, status: int) -> None:
    here = site()
    entry = {
        "message": "2023-11-14 22:13:00,000 - shop.pay - ERROR - declined",
        "ddsource": "python",
        "ddtags": "env:prod,version:1,bare",
        "service": "shop",
        "hostname": "web-1",
        "status": "info",
    }
    body = json.dumps([entry]).encode()
    answer = await here.call("POST", path, body, content_type=JSON)
    assert (answer.status, answer.json()) == (status, {})
    (record,) = here.lines.records
    assert (record.body, record.level, record.source) == ("declined", 17, "python")
    assert (record.service, record.host, record.environment) == ("shop", "web-1", "prod")
    assert record.attributes["bare"] == "true"


async def test_plain_text_is_a_line_a_line() -> None:
    here = site()
    path = "/datadog/api/v2/logs?service=shop&ddtags=env:dev"
    answer = await here.call("POST", path, b"one\ntwo\n", content_type="text/plain")
    assert answer.status == 202
    assert [(one.body, one.service, one.environment) for one in here.lines.records] == [
        ("one", "shop", "dev"),
        ("two", "shop", "dev"),
    ]


@given(st.binary(max_size=60), st.sampled_from([JSON, "text/plain"]))
async def test_any_bytes_are_taken_or_refused(body: bytes, media: str) -> None:
    answer = await site().call("POST", "/datadog/api/v2/logs", body, content_type=media)
    assert answer.status in (202, 400)
