"""Official-shaped messages for remote write, built from descriptors with the protobuf library."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = {
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}

_FILES = {
    "io.prometheus.client": {
        "LabelPair": "name:1:string value:2:string",
        "Number": "value:1:double",
        "Quantile": "quantile:1:double value:2:double",
        "Summary": "sample_count:1:uint64 sample_sum:2:double quantile:3:*Quantile",
        "Bucket": "cumulative_count:1:uint64 upper_bound:2:double",
        "Histogram": "sample_count:1:uint64 sample_sum:2:double bucket:3:*Bucket",
        "Metric": "label:1:*LabelPair gauge:2:Number counter:3:Number summary:4:Summary "
        "untyped:5:Number timestamp_ms:6:int64 histogram:7:Histogram",
        "MetricFamily": "name:1:string help:2:string type:3:uint32 metric:4:*Metric unit:5:string",
    },
    "prometheus": {
        "Label": "name:1:string value:2:string",
        "Sample": "value:1:double timestamp:2:int64",
        "Exemplar": "labels:1:*Label value:2:double timestamp:3:int64",
        "Histogram": "count_int:1:uint64 sum:3:double",
        "TimeSeries": "labels:1:*Label samples:2:*Sample exemplars:3:*Exemplar "
        "histograms:4:*Histogram",
        "MetricMetadata": "type:1:uint32 metric_family_name:2:string help:4:string unit:5:string",
        "WriteRequest": "timeseries:1:*TimeSeries metadata:3:*MetricMetadata",
    },
    "io.prometheus.write.v2": {
        "Sample": "value:1:double timestamp:2:int64",
        "Exemplar": "labels_refs:1:*uint32 value:2:double timestamp:3:int64",
        "Histogram": "count_int:1:uint64 sum:3:double",
        "Metadata": "type:1:uint32 help_ref:3:uint32 unit_ref:4:uint32",
        "TimeSeries": "labels_refs:1:*uint32 samples:2:*Sample histograms:3:*Histogram "
        "exemplars:4:*Exemplar metadata:5:Metadata created_timestamp:6:int64",
        "Request": "symbols:4:*string timeseries:5:*TimeSeries",
    },
}


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for package, messages in _FILES.items():
        file = descriptor_pb2.FileDescriptorProto(
            name=f"{package}.proto", package=package, syntax="proto3"
        )
        for name, spec in messages.items():
            message = file.message_type.add(name=name)
            for part in spec.split():
                field_name, number, kind = part.split(":")
                field = message.field.add(name=field_name, number=int(number))
                repeated = kind.startswith("*")
                field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
                kind = kind.lstrip("*")
                if kind in _TYPES:
                    field.type = _TYPES[kind]
                else:
                    field.type = field.TYPE_MESSAGE
                    field.type_name = f".{package}.{kind}"
        pool.Add(file)
    return pool


_POOL = _pool()


def message(full_name: str, **fields: Any) -> Any:  # protobuf builds these classes at run time
    """A message of one of the packages above."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(full_name))(**fields)


def family(**fields: Any) -> bytes:  # fields of the message
    """A delimited MetricFamily."""
    raw = bytes(message("io.prometheus.client.MetricFamily", **fields).SerializeToString())
    assert len(raw) < 128
    return bytes((len(raw),)) + raw


def v1(
    series: list[tuple[dict[str, str], list[tuple[int, float]]]], **more: Any
) -> bytes:  # `more` becomes protobuf fields
    """A WriteRequest's bytes; samples are (milliseconds, value)."""
    return bytes(
        message(
            "prometheus.WriteRequest",
            timeseries=[
                {
                    "labels": [{"name": name, "value": value} for name, value in labels.items()],
                    "samples": [{"timestamp": ts, "value": value} for ts, value in samples],
                }
                for labels, samples in series
            ],
            **more,
        ).SerializeToString()
    )


def v2(series: list[tuple[dict[str, str], list[tuple[int, float]], dict[str, Any]]]) -> bytes:
    """A v2 Request's bytes; the third part of a series goes into its message as it stands."""
    symbols = [""]

    def symbol(text: str) -> int:
        if text not in symbols:
            symbols.append(text)
        return symbols.index(text)

    parts = []
    for labels, samples, more in series:
        metadata = more.get("metadata")
        if metadata:
            more = {
                **more,
                "metadata": {
                    "type": metadata["type"],
                    "help_ref": symbol(metadata.get("help", "")),
                    "unit_ref": symbol(metadata.get("unit", "")),
                },
            }
        if "exemplars" in more:
            more = {
                **more,
                "exemplars": [
                    {
                        "labels_refs": [symbol(text) for pair in of.items() for text in pair],
                        "value": value,
                        "timestamp": ts,
                    }
                    for of, value, ts in more["exemplars"]
                ],
            }
        parts.append(
            {
                "labels_refs": [symbol(text) for pair in labels.items() for text in pair],
                "samples": [{"timestamp": ts, "value": value} for ts, value in samples],
                **more,
            }
        )
    request = message("io.prometheus.write.v2.Request", symbols=symbols, timeseries=parts)
    return bytes(request.SerializeToString())
