"""OTLP's trace messages, read less far: attributes and statuses stay the bytes that they came as.

On the wire a message within a message is bytes with their length before them. Most spans repeat
attributes of others, so that bytes that are known need not be read at all; and bytes are handed
over in one step, where a message is an object with an object for each of its fields.
https://protobuf.dev/programming-guides/proto3/#updating (`bytes` and embedded messages)
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

_KEPT_AS_BYTES = (
    ".opentelemetry.proto.common.v1.KeyValue",
    ".opentelemetry.proto.trace.v1.Status",
)


def _trace_request() -> Any:  # a class that is made here
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _lessen(message)
        pool.AddSerializedFile(file.SerializeToString())
    whole = trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(whole))


def _lessen(message: descriptor_pb2.DescriptorProto) -> None:
    for one in message.field:
        if one.type_name in _KEPT_AS_BYTES:
            one.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            one.ClearField("type_name")
    for inner in message.nested_type:
        _lessen(inner)


TraceRequest = _trace_request()
"""`ExportTraceServiceRequest`, with `bytes` for each KeyValue and Status."""
