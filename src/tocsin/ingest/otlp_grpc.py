"""OTLP over gRPC: the three Export services on one port, usually 4317."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

# Read when gRPC is imported. Tocsin's child processes are programs of their own and use no gRPC;
# with its fork handlers on, each start of one writes a warning.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics

from tocsin.ingest import otlp_service
from tocsin.ingest.body_room import BodyRoom
from tocsin.ingest.config import BodyConfig
from tocsin.ingest.grpc_status import Trailers, code_of, trailers_of
from tocsin.ingest.otlp_service import Sinks
from tocsin.kit import log
from tocsin.kit.fault import Fault, Permanent, Rejected

_log = log.get("ingest.otlp_grpc")

Authorize = Callable[[Mapping[str, str]], Awaitable[str | None]]
"""Given the call's metadata (lower-case names), answers the sender's name, or None to refuse."""

_COLLECTOR = "opentelemetry.proto.collector"
_SERVICES: dict[str, type[Any]] = {
    f"{_COLLECTOR}.metrics.v1.MetricsService": metrics.ExportMetricsServiceRequest,
    f"{_COLLECTOR}.logs.v1.LogsService": logs.ExportLogsServiceRequest,
    f"{_COLLECTOR}.trace.v1.TraceService": otlp_service.TraceBody,
}
_CONCURRENT_CALLS = 64
_DENIED = "an ingest key is needed: send the metadata `authorization: Bearer <key>`"


async def anybody(metadata: Mapping[str, str]) -> str | None:
    """Lets every caller in, nameless."""
    return ""


class OtlpGrpc:
    """The gRPC server; refuses messages over the body limit before they are decoded."""

    def __init__(
        self,
        sinks: Sinks,
        limits: BodyConfig,
        *,
        authorize: Authorize = anybody,
        room: BodyRoom | None = None,
    ) -> None:
        """`room` is shared with what else takes bodies in."""
        self._sinks = sinks
        self._room = room or BodyRoom()
        self._limits = limits
        self._authorize = authorize
        self._server: Any = None  # grpc has no types

    async def start(self, address: str) -> int:
        """Listen on `host:port` and answer the port taken; port 0 takes a free one.

        Raises Permanent when the address cannot be listened on.
        """
        server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", int(self._limits.max_inflated_size)),
                ("grpc.so_reuseport", 0),
            ),
            maximum_concurrent_rpcs=_CONCURRENT_CALLS,
            interceptors=(_Door(self._authorize),),
        )
        for service, request in _SERVICES.items():
            handler = grpc.unary_unary_rpc_method_handler(
                partial(self._export, request),
                response_serializer=lambda answer: answer.SerializeToString(),
            )
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
            )
        try:
            port = int(server.add_insecure_port(address))
        except RuntimeError as error:
            raise Permanent(f"cannot listen for OTLP/gRPC on {address}: {error}") from error
        await server.start()
        self._server = server
        _log.info("otlp_grpc_listens", address=address, port=port)
        return port

    async def stop(self, *, grace_seconds: float = 5.0) -> None:
        """Take no new call and give the running ones some time."""
        if self._server is not None:
            await self._server.stop(grace_seconds)
            self._server = None

    async def _export(self, kind: type[Any], body: bytes, context: Any) -> otlp_service.Response:
        try:
            sender = await self._authorize(_texts(context.invocation_metadata()))
            if sender is None:  # the key was revoked while the message came
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, _DENIED)
            async with self._room.holding(len(body), self._limits.max_held):
                return await otlp_service.export(self._sinks, _parsed(kind, body), sender or "")
        except Fault as fault:
            await context.abort(code_of(fault), str(fault), trailers_of(fault))
            raise


class _Door(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Lets only those in who may send, before anything of their message is read: that of a
    stranger could be as large as the limit."""

    def __init__(self, authorize: Authorize) -> None:
        self._authorize = authorize

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """The handler of the call, or one that refuses it."""
        try:
            sender = await self._authorize(_texts(details.invocation_metadata))
        except Fault as fault:
            return _refusing(code_of(fault), str(fault), trailers_of(fault))
        if sender is None:
            return _refusing(grpc.StatusCode.UNAUTHENTICATED, _DENIED)
        return await continuation(details)


def _refusing(code: Any, said: str, trailers: Trailers = ()) -> Any:
    async def refuse(_messages: object, context: Any) -> None:
        await context.abort(code, said, trailers)

    return grpc.stream_unary_rpc_method_handler(refuse)  # a stream is not read unless asked for


def _parsed(kind: type[Any], body: bytes) -> otlp_service.Request:
    if kind is otlp_service.TraceBody:
        return otlp_service.TraceBody(body)
    try:
        message: otlp_service.Request = kind.FromString(body)
    except DecodeError as error:
        raise Rejected(f"the body is no {kind.__name__}: {error}") from error
    return message


def _texts(metadata: Any) -> dict[str, str]:
    return {
        key.lower(): value if isinstance(value, str) else value.decode("latin-1")
        for key, value in metadata or ()
    }
