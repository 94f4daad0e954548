"""Every address that takes log lines: what it keeps, and how it answers its own clients."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from tests.ingest.asgi import Answer, Site, site
from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.quota import KeyLimit, LimitsConfig
from tocsin.kit.quantity import Duration
from tocsin.model.logs import line_id

NDJSON = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
NOW = 1_700_000_000
AT = "2023-11-14T22:13:00Z"
AT_NS = (NOW - 20) * 1_000_000_000
DOCUMENT = {"@timestamp": AT, "message": "card declined", "severity": "error"}


def ndjson(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


async def bulk(here: Site, *lines: object, path: str = "_bulk", method: str = "POST") -> Answer:
    return await here.call(
        method, f"/elasticsearch/{path}", ndjson(*lines), content_type=NDJSON, accept=NDJSON
    )


class TestElasticsearch:
    """`/elasticsearch/`."""

    @pytest.mark.parametrize("path", ["/elasticsearch", "/elasticsearch/"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_it_is_what_the_official_clients_ask_for(self, path: str, method: str) -> None:
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
    async def test_documents_become_lines(self, method: str, path: str) -> None:
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

    async def test_each_item_has_a_result_of_its_own(self) -> None:
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

    async def test_what_winston_sends_again_is_kept_once(self) -> None:
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

    async def test_a_repeated_request_is_kept_once_and_answered_alike(self) -> None:
        here = site()
        first = await bulk(here, {"index": {"_index": "a"}}, DOCUMENT)
        again = await bulk(here, {"index": {"_index": "a"}}, DOCUMENT)
        elsewhere = await bulk(here, {"index": {}}, DOCUMENT, path="b/_bulk")
        assert first.json()["items"] == again.json()["items"]
        assert elsewhere.status == 200
        assert [one.source for one in here.lines.records] == ["a", "b"]

    async def test_lines_that_rules_leave_out_move_no_others_id(self) -> None:
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
        assert [one["index"]["_id"] for one in again.json()["items"]] == [
            one["_id"] for one in items
        ]

    async def test_a_request_whose_lines_are_all_left_out_is_answered(self) -> None:
        here = site(steps=[lambda _lines: []])
        answer = await bulk(here, {"index": {"_index": "a"}}, DOCUMENT)
        assert answer.json()["items"][0]["index"]["result"] == "noop"
        assert here.lines.batches == []

    async def test_items_over_a_limit_are_told_to_come_later_and_then_come(self) -> None:
        here = site()
        limit = KeyLimit(lines_per_second=1, burst=Duration(2))
        limits = LimitsConfig(keys={"*": limit})
        here.logs.configure(LogsConfig(limits=limits), retention_seconds=1e9)
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

    async def test_an_id_is_created_once(self) -> None:
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
    async def test_filter_path_leaves_what_it_names(self, path: str, expected: object) -> None:
        here = site()
        answer = await bulk(
            here, {"index": {"_index": "a"}}, DOCUMENT, path=f"_bulk?filter_path={path}"
        )
        assert answer.json() == expected

    async def test_a_malformed_request_is_told_in_elasticsearchs_words(self) -> None:
        answer = await site().call("POST", "/elasticsearch/_bulk", b'{"index":{"_index":"a"}}')
        assert answer.status == 400
        assert answer.headers["x-elastic-product"] == "Elasticsearch"
        assert answer.json()["error"]["type"] == "illegal_argument_exception"

    async def test_a_full_store_is_429_after_a_pause(self) -> None:
        here = site()
        here.lines.busy = True
        sending = asyncio.create_task(bulk(here, {"index": {"_index": "a"}}, DOCUMENT))
        await here.clock.advance(0.5)
        assert not sending.done(), "a client that repeats at once is kept waiting"
        await here.clock.advance(1)
        answer = await sending
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")
        assert answer.json()["error"]["type"] == "es_rejected_execution_exception"

    async def test_a_gzipped_request_is_read(self) -> None:
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
    async def test_what_clients_set_up_first_is_answered(
        self, method: str, path: str, status: int
    ) -> None:
        answer = await site().call(method, f"/elasticsearch/{path}", b"{}")
        assert answer.status == status
        assert answer.headers["x-elastic-product"] == "Elasticsearch"
        if method == "PUT":
            assert answer.json()["acknowledged"] is True

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "a/_doc"), ("PUT", "a/_doc/7"), ("PUT", "a/_create/7"), ("POST", "a/_doc/7")],
    )
    async def test_one_document_becomes_one_line(self, method: str, path: str) -> None:
        here = site()
        body = json.dumps(DOCUMENT).encode()
        answer = await here.call(method, f"/elasticsearch/{path}", body)
        assert (answer.status, answer.json()["result"]) == (201, "created")
        (record,) = here.lines.records
        assert record.attributes.get("_id", "") == ("7" if "7" in path else "")

    async def test_a_document_that_is_none_is_refused(self) -> None:
        answer = await site().call("POST", "/elasticsearch/a/_doc", b"[]")
        assert answer.status == 400


def push(*streams: tuple[str, list[tuple[int, str, dict[str, str]]]]) -> bytes:
    """A logproto.PushRequest, compressed."""
    return bytes(cramjam.snappy.compress_raw(b"".join(field(1, stream(*one)) for one in streams)))


def stream(labels: str, entries: list[tuple[int, str, dict[str, str]]]) -> bytes:
    return field(1, labels.encode()) + b"".join(field(2, entry(*one)) for one in entries)


def entry(at_ns: int, line: str, metadata: dict[str, str]) -> bytes:
    seconds, nanos = divmod(at_ns, 1_000_000_000)
    stamp = b"\x08" + varint(seconds) + b"\x10" + varint(nanos)
    pairs = (field(1, k.encode()) + field(2, v.encode()) for k, v in metadata.items())
    return field(1, stamp) + field(2, line.encode()) + b"".join(field(3, pair) for pair in pairs)


def field(number: int, body: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(body)) + body


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes((value,))


class TestLoki:
    """`/loki/api/v1/push`."""

    @pytest.mark.parametrize("declared", [{}, {"content_encoding": "snappy"}], ids=str)
    async def test_protobuf_is_read_whether_or_not_it_says_snappy(
        self, declared: dict[str, str]
    ) -> None:
        here = site()
        body = push(
            (
                '{level="info", app="shop", note="a \\"b\\" \\n"}',
                [(AT_NS + 5, "one", {}), (AT_NS + 6, "two", {"trace_id": "t1"})],
            )
        )
        answer = await here.call(
            "POST", "/loki/api/v1/push", body, content_type=PROTOBUF, **declared
        )
        assert (answer.status, answer.body) == (204, b"")
        one, two = here.lines.records
        assert (one.body, one.ts_ns, one.service, one.level) == ("one", AT_NS + 5, "shop", 9)
        assert one.attributes == {"level": "info", "app": "shop", "note": 'a "b" \n'}
        assert (two.trace_id, two.attributes["trace_id"]) == ("t1", "t1")

    async def test_json_values_have_two_or_three_elements(self) -> None:
        here = site()
        values = [[str(AT_NS), "plain"], [str(AT_NS + 1), "with", {"user": "u1", "n": 2}]]
        labels = {"severity": "error", "logger": "shop.pay"}
        body = json.dumps({"streams": [{"stream": labels, "values": values}]}).encode()
        answer = await here.call("POST", "/loki/api/v1/push", body, content_type=JSON)
        assert answer.status == 204
        plain, rich = here.lines.records
        assert (plain.level, plain.service, plain.attributes) == (17, "shop.pay", labels)
        assert rich.attributes == {**labels, "user": "u1", "n": "2"}

    async def test_a_level_that_no_label_tells_is_found_in_the_line(self) -> None:
        here = site()
        body = push(('{job="x"}', [(AT_NS, 'level=warn msg="slow" trace_id=' + "a" * 32, {})]))
        await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
        (record,) = here.lines.records
        assert (record.level, record.trace_id, record.service) == (13, "a" * 32, "x")
        assert record.body.startswith("level=warn")

    async def test_a_line_that_is_an_object_is_told_by_its_message(self) -> None:
        here = site()
        line = '{"level":50,"time":1,"msg":"declined","name":"shop","pid":7,"app":"y","n":3}'
        body = push(('{app="x"}', [(AT_NS, line, {"n": "4"}), (AT_NS, '{"a": 1}', {})]))
        await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
        first, second = here.lines.records
        assert (first.body, first.original, first.ts_ns) == ("declined", line, AT_NS)
        assert (first.level, first.service) == (17, "x")
        assert first.attributes["n"] == "4", "its sender's word goes before the line's"
        assert (second.body, second.original) == ('{"a": 1}', "")
        assert second.attributes["a"] == "1"

    async def test_lines_too_old_are_told_and_the_others_kept(self) -> None:
        here = site()
        body = push(('{app="x"}', [(1, "old", {}), (AT_NS, "new", {})]))
        answer = await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
        assert answer.status == 400
        assert b"1 lines kept, 1 left out" in answer.body
        assert [one.body for one in here.lines.records] == ["new"]

    @pytest.mark.parametrize(
        ("body", "media", "status"),
        [
            (b"\xff", PROTOBUF, 400),
            (bytes(cramjam.snappy.compress_raw(field(1, field(1, b"no labels")))), PROTOBUF, 400),
            (b"{}", JSON, 400),
            (b'{"streams":[{}]}', JSON, 400),
            (b'{"streams":[{"stream":{},"values":[["x","y"]]}]}', JSON, 400),
            (b'{"streams":[{"stream":{},"values":[[1]]}]}', JSON, 400),
            (b"x", "text/html", 415),
        ],
    )
    async def test_what_is_no_push_is_refused(self, body: bytes, media: str, status: int) -> None:
        answer = await site().call("POST", "/loki/api/v1/push", body, content_type=media)
        assert answer.status == status

    async def test_a_full_store_is_429(self) -> None:
        here = site()
        here.lines.busy = True
        body = push(('{app="x"}', [(AT_NS, "a", {})]))
        answer = await here.call("POST", "/loki/api/v1/push", body, content_type=PROTOBUF)
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")

    @given(st.binary(max_size=80), st.sampled_from([PROTOBUF, JSON]))
    async def test_any_bytes_are_taken_or_refused(self, body: bytes, media: str) -> None:
        raw = bytes(cramjam.snappy.compress_raw(body)) if media == PROTOBUF else body
        answer = await site().call("POST", "/loki/api/v1/push", raw, content_type=media)
        assert answer.status in (204, 400)


def otlp_request() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    for name, value in (("service.name", "checkout"), ("deployment.environment", "prod")):
        resource.resource.attributes.add(key=name).value.string_value = value
    scope = resource.scope_logs.add()
    scope.scope.name = "shop.pay"
    record = scope.log_records.add(
        time_unix_nano=AT_NS, severity_number=17, severity_text="ERROR", trace_id=b"\x0a" * 16
    )
    record.span_id = b"\x0b" * 8
    record.body.string_value = "card declined"
    record.attributes.add(key="order.id").value.int_value = 7
    mapped = scope.log_records.add(observed_time_unix_nano=AT_NS + 1)
    pair = mapped.body.kvlist_value.values.add(key="message")
    pair.value.string_value = "from a map"
    mapped.body.kvlist_value.values.add(key="n").value.double_value = 0.5
    listed = scope.log_records.add(time_unix_nano=AT_NS + 2, severity_text="warn")
    listed.body.array_value.values.add().bool_value = True
    scope.log_records.add(time_unix_nano=5).body.string_value = "too old"
    return request


class TestOtlp:
    """`/v1/logs`."""

    async def test_records_have_their_resource_scope_and_ids(self) -> None:
        here = site()
        answer = await here.call(
            "POST", "/v1/logs", otlp_request().SerializeToString(), content_type=PROTOBUF
        )
        told = ExportLogsServiceResponse.FromString(answer.body).partial_success
        assert (answer.status, told.rejected_log_records) == (200, 1)
        assert "older" in told.error_message
        first, mapped, listed = here.lines.records
        assert (first.body, first.service, first.environment) == (
            "card declined",
            "checkout",
            "prod",
        )
        assert (first.level, first.severity) == (17, "ERROR")
        assert (first.trace_id, first.span_id) == ("0a" * 16, "0b" * 8)
        assert first.attributes["order.id"] == "7"
        assert first.attributes["scope.name"] == "shop.pay"
        assert (mapped.body, mapped.attributes["n"]) == ("from a map", "0.5")
        assert json.loads(mapped.original) == {"message": "from a map", "n": 0.5}
        assert (listed.body, listed.level) == ("[true]", 13)

    async def test_json_is_read_and_answered_as_json(self) -> None:
        here = site()
        record = {
            "timeUnixNano": str(AT_NS),
            "body": {"stringValue": "hello"},
            "traceId": "0a" * 16,
            "attributes": [{"key": "n", "value": {"intValue": 3}}],
            "flags": 257,
        }
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        answer = await here.call("POST", "/v1/logs", json.dumps(body).encode(), content_type=JSON)
        assert (answer.status, answer.json()) == (200, {})
        (kept,) = here.lines.records
        assert (kept.body, kept.trace_id, kept.attributes) == ("hello", "0a" * 16, {"n": "3"})

    async def test_the_same_export_is_kept_once(self) -> None:
        here = site()
        for _ in range(2):
            body = otlp_request().SerializeToString()
            await here.call("POST", "/v1/logs", body, content_type=PROTOBUF)
        assert len(here.lines.records) == 3


class TestFrontEnds:
    """`/api/logs`."""

    @pytest.mark.parametrize("media", [JSON, "text/plain;charset=UTF-8"])
    async def test_the_usual_loggers_body_is_read(self, media: str) -> None:
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

    async def test_entries_that_say_nothing_are_counted(self) -> None:
        here = site()
        body = json.dumps([{"message": "a"}, {"level": "info"}, 7]).encode()
        answer = await here.call("POST", "/api/logs", body)
        assert answer.json() == {"success": True, "accepted": 1, "rejected": 2}

    @pytest.mark.parametrize("body", [b"", b"7", b'{"logs":[{}]}', b"{"])
    async def test_a_body_without_a_line_is_refused(self, body: bytes) -> None:
        answer = await site().call("POST", "/api/logs", body)
        assert (answer.status, answer.json()) == (400, {"error": "Invalid log data"})


class TestLines:
    """`/api/logs/lines`."""

    async def test_text_and_json_lines_are_read_and_traces_stay_together(self) -> None:
        here = site()
        body = (
            b'{"level":"warn","msg":"slow"}\n\n2023-11-14 22:13:00,000 ERROR shop: boom\n'
            b"Traceback (most recent call last):\n  File a\nValueError: no\nplain\n"
        )
        answer = await here.call(
            "POST", "/api/logs/lines?service=shop&host=web-1&source=app.log", body
        )
        assert answer.json() == {"success": True, "accepted": 3}
        slow, boom, plain = here.lines.records
        assert (slow.body, slow.level, boom.level, plain.body) == ("slow", 13, 17, "plain")
        assert boom.body.endswith("ValueError: no")
        assert {(one.service, one.host, one.source) for one in here.lines.records} == {
            ("shop", "web-1", "app.log")
        }

    async def test_a_mapping_names_the_parts(self) -> None:
        here = site()
        body = b'[{"txt":"hello","meta":{"sev":"fatal"},"when":"2023-11-14T22:13:00Z"}]'
        mapping = "body=txt,level=meta.sev,time=when"
        answer = await here.call("POST", f"/api/logs/lines?mapping={mapping}", body)
        (record,) = here.lines.records
        assert answer.status == 200
        assert (record.body, record.level, record.ts_ns) == ("hello", 21, AT_NS)

    async def test_a_mapping_of_unknown_parts_is_refused(self) -> None:
        answer = await site().call("POST", "/api/logs/lines?mapping=colour=red", b"x")
        assert answer.status == 400
        assert "mapping" in answer.json()["error"]

    @given(st.binary(max_size=100))
    async def test_any_bytes_are_lines(self, body: bytes) -> None:
        assert (await site().call("POST", "/api/logs/lines", body)).status == 200


class TestDatadog:
    """`/datadog/…/logs`."""

    @pytest.mark.parametrize(
        ("path", "status"), [("/datadog/api/v2/logs", 202), ("/datadog/v1/input", 200)]
    )
    async def test_entries_tags_and_sources_are_read(self, path: str, status: int) -> None:
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

    async def test_plain_text_is_a_line_a_line(self) -> None:
        here = site()
        path = "/datadog/api/v2/logs?service=shop&ddtags=env:dev"
        answer = await here.call("POST", path, b"one\ntwo\n", content_type="text/plain")
        assert answer.status == 202
        assert [(one.body, one.service, one.environment) for one in here.lines.records] == [
            ("one", "shop", "dev"),
            ("two", "shop", "dev"),
        ]

    @given(st.binary(max_size=60), st.sampled_from([JSON, "text/plain"]))
    async def test_any_bytes_are_taken_or_refused(self, body: bytes, media: str) -> None:
        answer = await site().call("POST", "/datadog/api/v2/logs", body, content_type=media)
        assert answer.status in (202, 400)
