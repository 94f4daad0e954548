"""Hits of a search are read page by page in each of the ways that clients have."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.web.elasticsearch_site import elasticsearch_site, numbers
from tests.web.log_site import LogSite
from tocsin.store.client import Store


@pytest.fixture
async def site(store: Store, tmp_path: Path) -> AsyncIterator[LogSite]:
    async with elasticsearch_site(store, tmp_path) as found:
        yield found


async def test_pages_follow_each_other_by_search_after_and_by_scroll(site: LogSite) -> None:
    body: dict[str, Any] = {"size": 30, "sort": [{"@timestamp": "asc"}, "_doc"]}
    seen: list[int] = []
    while True:
        found = await site.post("/elasticsearch/_search", body)
        hits = found["hits"]["hits"]
        if not hits:
            break
        seen += numbers(found)
        body["search_after"] = hits[-1]["sort"]
    assert seen == list(range(99, -1, -1))
    found = await site.post("/elasticsearch/_search?scroll=1m", {"size": 40})
    total = numbers(found)
    while found["hits"]["hits"]:
        found = await site.post("/elasticsearch/_search/scroll", {"scroll_id": found["_scroll_id"]})
        total += numbers(found)
    assert sorted(total) == list(range(100))


def token(content: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="nothing"),
        pytest.param("\u00b2", id="no ASCII"),
        pytest.param("%%%", id="no base64"),
        pytest.param(token([1]), id="a list"),
        pytest.param(token({"body": [1], "index": 5}), id="no body"),
        pytest.param(token({"body": {"size": {}}, "index": {}}), id="a wrong body"),
        pytest.param(base64.b64encode(b"[" * 100_000).decode(), id="too deep"),
        pytest.param({"a": 1}, id="no text"),
    ],
)
async def test_a_scroll_or_point_in_time_that_was_made_up_is_refused(
    site: LogSite, name: object
) -> None:
    await site.post("/elasticsearch/_search/scroll", {"scroll_id": name}, 400)
    for pit in ({"id": name}, name):
        answer = await site.call(
            "POST", "/elasticsearch/_search", msgspec.json.encode({"pit": pit})
        )
        assert answer.status in (200, 400, 404), answer.body


async def test_a_point_in_time_is_paged_and_closed(site: LogSite) -> None:
    pit = await site.post("/elasticsearch/shop-logs/_pit?keep_alive=1m", None)
    body = {"pit": {"id": pit["id"]}, "size": 50, "sort": [{"@timestamp": "desc"}]}
    found = await site.post("/elasticsearch/_search", body)
    assert len(found["hits"]["hits"]) == 50
    body["search_after"] = found["hits"]["hits"][-1]["sort"]
    assert not (await site.post("/elasticsearch/_search", body))["hits"]["hits"]
