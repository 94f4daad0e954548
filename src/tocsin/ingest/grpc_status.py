"""Which status does a gRPC call end in, and when may it be tried again?

The details are those of google.rpc (google/rpc/status.proto, error_details.proto), in the trailer
`grpc-status-details-bin`. OpenTelemetry's exporters try RESOURCE_EXHAUSTED again only with a
RetryInfo there (OTLP specification, "OTLP/gRPC Throttling").
"""

from __future__ import annotations

import math
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration

from tocsin.kit.fault import Fault, NotFound, Rejected, Temporary, TooLarge, TooMuch

TRAILER = "grpc-status-details-bin"
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_LONGEST_MESSAGE = 2_000
"""Characters; trailers are bounded."""

Trailers = tuple[tuple[str, bytes], ...]


def code_of(fault: Fault) -> Any:  # grpc has no types
    """UNAVAILABLE, and RESOURCE_EXHAUSTED with a RetryInfo, are tried again by SDKs."""
    match fault:
        case TooMuch():
            return grpc.StatusCode.RESOURCE_EXHAUSTED
        case Temporary():
            return grpc.StatusCode.UNAVAILABLE
        case TooLarge():
            return grpc.StatusCode.OUT_OF_RANGE
        case NotFound():
            return grpc.StatusCode.NOT_FOUND
        case Rejected():
            return grpc.StatusCode.INVALID_ARGUMENT
        case _:
            return grpc.StatusCode.INTERNAL


def trailers_of(fault: Fault) -> Trailers:
    """When the call may be made again; nothing for a fault that no repetition helps."""
    if not isinstance(fault, Temporary):
        return ()
    code = code_of(fault).value[0]
    seconds = max(fault.retry_after or 1.0, 0.001)
    delay = Duration(seconds=math.floor(seconds), nanos=round(seconds % 1 * 1000) * 1_000_000)
    info = Packed(type_url=_RETRY_INFO, value=_field(1, delay.SerializeToString()))
    status = b"\x08" + bytes([code]) + _field(2, str(fault)[:_LONGEST_MESSAGE].encode())
    return ((TRAILER, status + _field(3, info.SerializeToString())),)


def _field(number: int, content: bytes) -> bytes:
    """A field of a message that is bytes, text or a message itself."""
    size, found = len(content), bytearray([number << 3 | 2])
    while size > 0x7F:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    found.append(size)
    return bytes(found) + content
