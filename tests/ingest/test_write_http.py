"""`POST /api/v1/write`: what senders are told."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import cramjam
import pytest

from tests.ingest import write_messages as messages
from tests.ingest.asgi import site
from tocsin.ingest.config import BodyConfig, IngestConfig
from tocsin.ingest.limits import LimitsConfig
from tocsin.kit.quantity import Duration, Size
from tocsin.web.body import TooSlow, read_body

NOW = 1_700_000_000_000
PROTOBUF = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
UP = {"__name__": "up", "job": "api"}


def packed(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(body))


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        pytest.param({"content_type": PROTOBUF, "content_encoding": "snappy"}, 1, id="1.0"),
        pytest.param({}, 1, id="without any header"),
        pytest.param({"content_type": f"{PROTOBUF};proto=prometheus.WriteRequest"}, 1, id="named"),
        pytest.param({"content_type": V2, "content_encoding": "snappy"}, 2, id="2.0"),
        pytest.param({"content_type": V2.replace(";", "; ")}, 2, id="2.0 with a space"),
    ],
)
async def test_a_good_request_is_answered_with_what_was_written(
    headers: dict[str, str], version: int
) -> None:
    here = site()
    samples = [(NOW, 1.0), (NOW + 1, 2.0)]
    body = messages.v1([(UP, samples)]) if version == 1 else messages.v2([(UP, samples, {})])
    answer = await here.call("POST", "/api/v1/write", packed(body), **headers)
    assert answer.status == 204
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "2"
    assert answer.headers["x-prometheus-remote-write-histograms-written"] == "0"
    assert answer.headers["x-prometheus-remote-write-exemplars-written"] == "0"
    assert here.samples() == {'up{job="api"}': samples}


async def test_a_partly_good_request_is_partly_written_and_says_so() -> None:
    here = site(IngestConfig(limits=LimitsConfig(max_series_per_metric=1)))
    body = messages.v2(
        [(UP, [(NOW, 1.0)], {}), ({**UP, "job": "b"}, [(NOW, 1.0)], {}), ({}, [(NOW, 1.0)], {})]
    )
    answer = await here.call("POST", "/api/v1/write", packed(body), content_type=V2)
    assert answer.status == 400
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "1"
    assert b"max_series_per_metric" in answer.body
    assert b"no metric name" in answer.body


async def test_what_a_drop_rule_takes_is_no_fault_of_the_sender() -> None:
    here = site(IngestConfig(limits=LimitsConfig(drop=("up",))))
    body = packed(messages.v1([(UP, [(NOW, 1.0)]), ({"__name__": "down"}, [(NOW, 1.0)])]))
    for _ in range(2):
        answer = await here.call("POST", "/api/v1/write", body)
        assert answer.status == 204
        assert answer.headers["x-prometheus-remote-write-samples-written"] == "2"
    assert list(here.values()) == ["down"]
    assert here.intake.senders[0].refused == 2


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(packed(b""), {"content_type": "text/plain"}, 415, id="another type"),
        pytest.param(packed(b""), {"content_type": f"{PROTOBUF};proto=x"}, 415, id="a message"),
        pytest.param(b"", {"content_encoding": "gzip"}, 415, id="another encoding"),
        pytest.param(b"\xff\xff\xff\xff", {}, 400, id="no snappy"),
        pytest.param(packed(b"\x0a\xff"), {}, 400, id="no protobuf"),
        pytest.param(b"\xff\xff\xff\x7f" + b"\x00" * 9, {}, 413, id="a bomb"),
        pytest.param([b"x" * 600_000] * 2, {}, 413, id="a long stream"),
        pytest.param(b"", {"content_length": "1000001"}, 413, id="an announced length"),
    ],
)
async def test_a_bad_request_is_refused_in_words(
    body: Any, headers: dict[str, str], status: int
) -> None:
    limits = BodyConfig(max_size=Size(1_000_000), max_inflated_size=Size(1_000_000))
    answer = await site(IngestConfig(body=limits)).call("POST", "/api/v1/write", body, **headers)
    assert answer.status == status
    assert answer.body
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "0"


async def test_a_full_store_asks_to_come_again() -> None:
    here = site()
    here.kept.busy = True
    answer = await here.call("POST", "/api/v1/write", packed(messages.v1([(UP, [(NOW, 1.0)])])))
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


class _Dawdling:
    """A request whose body never ends."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.scope: dict[str, object] = {}

    async def stream(self) -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()


class _Whole:
    """A request with this body."""

    def __init__(self, body: bytes, encoding: str) -> None:
        self.headers = {"content-encoding": encoding}
        self.scope: dict[str, object] = {}
        self._body = body

    async def stream(self) -> AsyncIterator[bytes]:
        yield self._body


@pytest.mark.parametrize(("inflated", "others_ran"), [(1000, False), (60_000_000, True)])
async def test_a_small_body_that_inflates_to_much_lets_others_run(
    inflated: int, others_ran: bool
) -> None:
    body = gzip.compress(bytes(inflated))
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    read = await read_body(_Whole(body, "gzip"), BodyConfig())  # type: ignore[arg-type]  # no more of it is used
    assert len(read) == inflated
    assert ran.is_set() is others_ran


async def test_a_sender_that_never_finishes_is_told_so() -> None:
    limits = BodyConfig(timeout=Duration(0.01))
    with pytest.raises(TooSlow):
        await read_body(_Dawdling(), limits)  # type: ignore[arg-type]  # only stream is used


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        pytest.param("gzip", gzip.compress(bytes(50_000_000)), id="gzip"),
        pytest.param("deflate", zlib.compress(bytes(50_000_000)), id="deflate"),
        pytest.param("zstd", bytes(cramjam.zstd.compress(bytes(50_000_000))), id="zstd"),
        pytest.param("snappy", packed(bytes(50_000_000)), id="snappy"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/metrics", "/datadog/api/v2/series", "/api/metrics"])
async def test_a_bomb_is_refused_in_every_encoding(path: str, encoding: str, bomb: bytes) -> None:
    here = site(IngestConfig(body=BodyConfig(max_inflated_size=Size(1_000_000))))
    answer = await here.call(
        "POST", path, bomb, content_encoding=encoding, content_type="application/x-protobuf"
    )
    assert answer.status == 413
