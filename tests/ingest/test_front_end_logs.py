"""`/api/logs`: what loggers of front ends send."""

from __future__ import annotations

import json

import pytest

from tests.ingest.asgi import site

JSON = "application/json"
NOW = 1_700_000_000


@pytest.mark.parametrize("media", [JSON, "text/plain;charset=UTF-8"])
async def test_the_usual_loggers_body_is_read(media: str) -> None:
    here = site()
    line = {
        "level": "error",
        "message": "Unhandled error",
        "context": {"message": "x is undefined", "stack": "Error: x\n  at y", "lineno": 3},
        "timestamp": (NOW - 5) * 1000 + 250,
        "url": "https://shop.example.com/cart",
        "userId": "u7",
    }
    body = json.dumps({"logs": [line]}).encode()
    answer = await here.call(
        "POST", "/api/logs", body, content_type=media, user_agent="Mozilla/5.0"
    )
    assert answer.json() == {"success": True, "accepted": 1}
    (record,) = here.lines.records
    assert (record.body, record.level, record.user_id) == ("Unhandled error", 17, "u7")
    assert (record.source, record.service) == ("frontend", "frontend")
    assert record.ts_ns == (NOW - 5) * 1_000_000_000 + 250_000_000
    assert record.attributes["stack"] == "Error: x\n  at y"
    assert record.attributes["url"] == "https://shop.example.com/cart"
    assert record.attributes["user_agent.original"] == "Mozilla/5.0"


async def test_entries_that_say_nothing_are_counted() -> None:
    here = site()
    body = json.dumps([{"message": "a"}, {"level": "info"}, 7]).encode()
    answer = await here.call("POST", "/api/logs", body)
    assert answer.json() == {"success": True, "accepted": 1, "rejected": 2}


@pytest.mark.parametrize("body", [b"", b"7", b'{"logs":[{}]}', b"{"])
async def test_a_body_without_a_line_is_refused(body: bytes) -> None:
    answer = await site().call("POST", "/api/logs", body)
    assert (answer.status, answer.json()) == (400, {"error": "Invalid log data"})
