"""OTLP over gRPC tells exporters whether, and when, to send again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # has none
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # has none
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from tests.ingest.asgi import Site, site
from tocsin.ingest.config import IngestConfig
from tocsin.ingest.grpc_status import TRAILER, trailers_of
from tocsin.ingest.logs.config import LogsConfig
from tocsin.ingest.logs.quota import KeyLimit, LimitsConfig
from tocsin.ingest.otlp_grpc import OtlpGrpc
from tocsin.ingest.otlp_service import Sinks
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


@asynccontextmanager
async def serving(here: Site) -> AsyncIterator[grpc.aio.Channel]:
    server = OtlpGrpc(Sinks(here.intake, here.logs, here.spans), IngestConfig().body)
    port = await server.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(grace_seconds=1)


def said(*texts: str) -> bytes:
    records = [LogRecord(body=AnyValue(string_value=text)) for text in texts]
    scope = ScopeLogs(log_records=records)
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope])])
    return request.SerializeToString()


def retry_seconds(error: grpc.aio.AioRpcError) -> float:
    """When to try again, as google.rpc's own classes read it."""
    details = dict(error.trailing_metadata())[TRAILER]
    status = Status.FromString(details)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)


async def test_a_sender_over_its_limit_is_told_when_to_send_again() -> None:
    here = site()
    limits = LimitsConfig(keys={"*": KeyLimit(lines_per_second=2, burst=Duration(1))})
    here.logs.configure(LogsConfig(limits=limits), retention_seconds=1e9)
    async with serving(here) as channel:
        export = channel.unary_unary(EXPORT)
        await export(said("one", "two", "three", "four", "five"), timeout=60)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(said("six"), timeout=60)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        wait = retry_seconds(refused.value)
        assert wait == pytest.approx(2)
        await here.clock.advance(wait)
        await export(said("six"), timeout=60)
    assert len(here.lines.records) == 6


async def test_a_store_that_is_busy_says_when_it_will_not_be() -> None:
    here = site()
    here.lines.busy = True
    async with serving(here) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(EXPORT)(said("one"), timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_seconds(refused.value) == 7


def test_what_no_repetition_helps_has_no_time() -> None:
    assert trailers_of(Rejected("no")) == ()
