"""`/elasticsearch/`: what documents become, and how its clients are answered."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from tests.ingest.asgi import Answer, Site, site
from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.quota import KeyLimit, LimitsConfig
from tocsin.kit.quantity import Duration
from tocsin.model.logs import line_id

NDJSON = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
AT = "2023-11-14T22:13:00Z"
DOCUMENT = {"@timestamp": AT, "message": "card declined", "severity": "error"}


def ndjson(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


async def bulk(here: Site, *lines: object, path: str = "_bulk", method: str = "POST") -> Answer:
    return await here.call(
        method, f"/elasticsearch/{path}", ndjson(*lines), content_type=NDJSON, accept=NDJSON
    )


@pytest.mark.parametrize("path", ["/elasticsearch", "/elasticsearch/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_is_what_the_official_clients_ask_for(path: str, method: str) -> None:
    answer = await site().call(
        method, path, accept="application/vnd.elasticsearch+json; compatible-with=9"
    )
    assert answer.status == 200
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    media = "application/vnd.elasticsearch+json;compatible-with=9"
    assert answer.headers["content-type"] == media
    if method == "GET":
        assert answer.json()["version"]["number"].startswith("8.")
        assert answer.json()["tagline"] == "You Know, for Search"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("path", ["_bulk", "shop-logs/_bulk?refresh=wait_for"])
async def test_documents_become_lines(method: str, path: str) -> None:
    here = site()
    answer = await bulk(
        here, {"index": {"_index": "shop-logs"}}, DOCUMENT, path=path, method=method
    )
    assert answer.status == 200
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    told = answer.json()
    (record,) = here.lines.records
    assert told["errors"] is False
    assert told["items"] == [
        {
            "index": {
                "_index": "shop-logs",
                "_id": line_id(record.ts_ns, here.lines.batches[0].key, 0),
                "_version": 1,
                "result": "created",
                "_shards": {"total": 1, "successful": 1, "failed": 0},
                "_seq_no": 0,
                "_primary_term": 1,
                "status": 201,
            }
        }
    ]
    assert (record.body, record.level, record.service) == ("card declined", 17, "shop")


async def test_each_item_has_a_result_of_its_own() -> None:
    here = site()
    old = {**DOCUMENT, "@timestamp": "2001-01-01T00:00:00Z"}
    create = {"create": {"_index": "a"}}
    answer = await bulk(
        here, create, "no document", create, old, {"delete": {"_index": "a", "_id": "1"}},
        create, DOCUMENT,
    )  # fmt: skip
    told = answer.json()
    results = [next(iter(item.values())) for item in told["items"]]
    assert (answer.status, told["errors"]) == (200, True)
    assert [one["status"] for one in results] == [400, 400, 400, 201]
    assert results[0]["error"]["type"] == "document_parsing_exception"
    assert "older" in results[1]["error"]["reason"]
    assert len(here.lines.records) == 1


async def test_what_winston_sends_again_is_kept_once() -> None:
    here = site()
    old = {**DOCUMENT, "@timestamp": "2001-01-01T00:00:00Z"}
    index: dict[str, Any] = {"index": {"_index": "a", "pipeline": None}}
    for attempts in range(3):
        action = {**index, "attempts": attempts}
        new = {**DOCUMENT, "message": f"new {attempts}"}
        answer = await bulk(here, action, DOCUMENT, action, old, {**index, "attempts": 0}, new)
        assert [i["index"]["status"] for i in answer.json()["items"]] == [201, 400, 201]
    assert [one.body for one in here.lines.records] == [
        *("card declined", "new 0", "new 1", "new 2"),
    ]


async def test_a_repeated_request_is_kept_once_and_answered_alike() -> None:
    here = site()
    first = await bulk(here, {"index": {"_index": "a"}}, DOCUMENT)
    again = await bulk(here, {"index": {"_index": "a"}}, DOCUMENT)
    elsewhere = await bulk(here, {"index": {}}, DOCUMENT, path="b/_bulk")
    assert first.json()["items"] == again.json()["items"]
    assert elsewhere.status == 200
    assert [one.source for one in here.lines.records] == ["a", "b"]


async def test_lines_that_rules_leave_out_move_no_others_id() -> None:
    here = site(steps=[lambda lines: [one for one in lines if "drop" not in one.body]])
    bodies = ("first", "drop me", "third", "drop me too", "fifth")
    index = {"index": {"_index": "a"}}
    parts = [part for one in bodies for part in (index, {**DOCUMENT, "message": one})]
    first, again = await bulk(here, *parts), await bulk(here, *parts)
    items = [one["index"] for one in first.json()["items"]]
    assert [one["result"] for one in items] == [
        *("created", "noop", "created", "noop", "created"),
    ]
    (batch,) = here.lines.batches
    for place, (record, item) in enumerate(zip(batch.records, items[::2], strict=True)):
        assert item["_id"] == line_id(record.ts_ns, batch.key, batch.number(place))
        assert record.body in ("first", "third", "fifth")
    assert [one["index"]["_id"] for one in again.json()["items"]] == [one["_id"] for one in items]


async def test_a_request_whose_lines_are_all_left_out_is_answered() -> None:
    here = site(steps=[lambda _lines: []])
    answer = await bulk(here, {"index": {"_index": "a"}}, DOCUMENT)
    assert answer.json()["items"][0]["index"]["result"] == "noop"
    assert here.lines.batches == []


LIMITED = LogsConfig(
    limits=LimitsConfig(keys={"*": KeyLimit(lines_per_second=1, burst=Duration(2))})
)
"""Two lines, and twice as many of a request whose items are answered one by one."""


async def test_items_over_a_limit_are_told_to_come_later_and_then_come() -> None:
    here = site()
    here.logs.configure(LIMITED, retention_seconds=1e9)
    index = {"index": {"_index": "a"}}
    documents = [{**DOCUMENT, "message": f"m{n}"} for n in range(6)]
    parts = [part for one in documents for part in (index, one)]
    answer = await bulk(here, *parts)
    told = answer.json()
    results = [one["index"] for one in told["items"]]
    assert (answer.status, told["errors"]) == (200, True)
    assert [one["status"] for one in results] == [201, 201, 201, 201, 429, 429]
    assert results[4]["error"]["type"] == "es_rejected_execution_exception"
    assert "limit of 1 lines/s" in results[4]["error"]["reason"]
    # The answer was lost, and the whole request comes again: nothing twice, nothing missing.
    await here.clock.advance(10)
    again = await bulk(here, *parts)
    assert [one["index"]["status"] for one in again.json()["items"]] == [201] * 6
    assert [one.body for one in here.lines.records] == [f"m{n}" for n in range(6)]
    await here.clock.advance(10)
    await bulk(here, *parts)
    assert len(here.lines.records) == 6


@pytest.mark.parametrize("first", [{}, {"_id": "x1"}], ids=["without an id", "one with an id"])
async def test_of_a_part_that_was_kept_before_a_restart_nothing_is_kept_twice(
    first: dict[str, str],
) -> None:
    here = site()
    here.restart(LIMITED)
    actions = [{"index": {"_index": "a", **first}}, *[{"index": {"_index": "a"}}] * 9]
    old = {**DOCUMENT, "@timestamp": "2001-01-01T00:00:00Z"}
    documents = [old, *({**DOCUMENT, "message": f"m{n}"} for n in range(9))]
    parts = [part for pair in zip(actions, documents, strict=True) for part in pair]
    for wanted in (4, 8, 9, 9):
        answer = await bulk(here, *parts)
        results = [one["index"]["status"] for one in answer.json()["items"]]
        assert results[0] == 400
        assert [one for one in results if one < 400] == [201] * wanted
        assert [one.body for one in here.lines.records] == [f"m{n}" for n in range(wanted)]
        here.restart(LIMITED)
    ids = [
        line_id(record.ts_ns, batch.key, batch.number(place))
        for batch in here.lines.batches
        for place, record in enumerate(batch.records)
    ]
    assert len(set(ids)) == 9


async def test_an_id_is_created_once() -> None:
    here = site()
    action = {"create": {"_index": "a", "_id": "x1"}}
    await bulk(here, action, DOCUMENT)
    answer = await bulk(here, action, DOCUMENT, {"create": {"_index": "a"}}, DOCUMENT)
    first, second = (one["create"] for one in answer.json()["items"])
    assert (first["status"], second["status"]) == (409, 201)
    assert first["error"]["type"] == "version_conflict_engine_exception"
    assert len(here.lines.records) == 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("errors", {"errors": False}),
        ("errors,items.*.error", {"errors": False}),
        ("items.*.status", {"items": [{"index": {"status": 201}}]}),
        ("items.index.*o", {"items": [{"index": {"_seq_no": 0}}]}),
        ("-took,-items", {"errors": False}),
        ("**.status", {"items": [{"index": {"status": 201}}]}),
    ],
)
async def test_filter_path_leaves_what_it_names(path: str, expected: object) -> None:
    here = site()
    answer = await bulk(
        here, {"index": {"_index": "a"}}, DOCUMENT, path=f"_bulk?filter_path={path}"
    )
    assert answer.json() == expected


async def test_a_malformed_request_is_told_in_elasticsearchs_words() -> None:
    answer = await site().call("POST", "/elasticsearch/_bulk", b'{"index":{"_index":"a"}}')
    assert answer.status == 400
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    assert answer.json()["error"]["type"] == "illegal_argument_exception"


async def test_a_full_store_is_429_after_a_pause() -> None:
    here = site()
    here.lines.busy = True
    sending = asyncio.create_task(bulk(here, {"index": {"_index": "a"}}, DOCUMENT))
    await here.clock.advance(0.5)
    assert not sending.done(), "a client that repeats at once is kept waiting"
    await here.clock.advance(1)
    answer = await sending
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"]["type"] == "es_rejected_execution_exception"


async def test_a_gzipped_request_is_read() -> None:
    here = site()
    body = gzip.compress(ndjson({"index": {"_index": "a"}}, DOCUMENT))
    answer = await here.call("PUT", "/elasticsearch/_bulk", body, content_encoding="gzip")
    assert (answer.status, len(here.lines.records)) == (200, 1)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "_index_template/template_logs", 200),
        ("GET", "_index_template/x", 200),
        ("PUT", "_index_template/x", 200),
        ("PUT", "_template/x", 200),
        ("PUT", "_component_template/x", 200),
        ("PUT", "_data_stream/x", 200),
        ("PUT", "_ilm/policy/x", 200),
        ("PUT", "_ingest/pipeline/x", 200),
        ("GET", "_cluster/health?timeout=30s&wait_for_nodes=%3E%3D1", 200),
        ("GET", "_nodes", 200),
        ("GET", "_nodes/_all/http", 200),
        ("GET", "_license", 200),
        ("GET", "_xpack", 200),
        ("HEAD", "shop-logs", 200),
        ("PUT", "shop-logs", 200),
        ("POST", "shop-logs/_refresh", 200),
        ("GET", "_unknown", 400),
    ],
)
async def test_what_clients_set_up_first_is_answered(method: str, path: str, status: int) -> None:
    answer = await site().call(method, f"/elasticsearch/{path}", b"{}")
    assert answer.status == status
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    if method == "PUT":
        assert answer.json()["acknowledged"] is True


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "a/_doc"), ("PUT", "a/_doc/7"), ("PUT", "a/_create/7"), ("POST", "a/_doc/7")],
)
async def test_one_document_becomes_one_line(method: str, path: str) -> None:
    here = site()
    body = json.dumps(DOCUMENT).encode()
    answer = await here.call(method, f"/elasticsearch/{path}", body)
    assert (answer.status, answer.json()["result"]) == (201, "created")
    (record,) = here.lines.records
    assert record.attributes.get("_id", "") == ("7" if "7" in path else "")


async def test_a_document_that_is_none_is_refused() -> None:
    answer = await site().call("POST", "/elasticsearch/a/_doc", b"[]")
    assert answer.status == 400
