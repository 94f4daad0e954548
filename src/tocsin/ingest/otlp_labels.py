"""Which labels do a resource, a scope and a point's attributes make?"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tocsin.ingest import otlp_naming

_SERVICE_NAME = "service.name"
_SERVICE_NAMESPACE = "service.namespace"
_INSTANCE = "service.instance.id"
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Origin:
    """What a resource says of all its series; `info` are the labels of its target_info."""

    labels: dict[str, str]
    promoted: dict[str, str]
    info: dict[str, str]
    key: bytes


def origin_of(resource: Resource, promote: Sequence[str]) -> Origin:
    """`job`, `instance` and the promoted attributes of a resource."""
    attributes = {kv.key: text_of(kv.value) for kv in resource.attributes}
    labels = {}
    name = attributes.get(_SERVICE_NAME, "")
    if name:
        namespace = attributes.get(_SERVICE_NAMESPACE, "")
        labels["job"] = f"{namespace}/{name}" if namespace else name
    if attributes.get(_INSTANCE):
        labels["instance"] = attributes[_INSTANCE]
    own = (_SERVICE_NAME, _SERVICE_NAMESPACE, _INSTANCE)
    rest = joined((k, v) for k, v in sorted(attributes.items()) if k not in own)
    promoted = joined((key, attributes[key]) for key in promote if key in attributes)
    info = {**rest, **labels} if labels and rest else {}
    return Origin(labels, promoted, info, resource.SerializeToString(deterministic=True))


def scope_labels(scope: InstrumentationScope) -> dict[str, str]:
    """`otel_scope_*` of a scope that has a name."""
    if not scope.name:
        return {}
    own = joined((f"otel_scope_{kv.key}", text_of(kv.value)) for kv in scope.attributes)
    return {**own, "otel_scope_name": scope.name, "otel_scope_version": scope.version}


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Attributes as labels; values of keys that become one name are joined by a semicolon."""
    labels: dict[str, str] = {}
    for key, value in pairs:
        name = otlp_naming.label_name(key)
        if name:
            labels[name] = f"{labels[name]};{value}" if name in labels else value
    return labels


def point_labels(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """A data point's attributes as labels."""
    return joined(sorted((kv.key, text_of(kv.value)) for kv in attributes))


def text_of(value: AnyValue) -> str:
    """A value as text, lists and maps as JSON (OpenTelemetry's "AsString")."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return ""
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            number = value.double_value
            return str(int(number)) if number.is_integer() and abs(number) < 1e21 else repr(number)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case _:
            return json.dumps(_plain(value, 0), ensure_ascii=False, separators=(",", ":"))


def plain_of(value: AnyValue) -> object:
    """A value as JSON has it: lists and dictionaries, bytes in base64."""
    return _plain(value, 0)


def _plain(value: AnyValue, depth: int) -> object:
    if depth > _DEEPEST:
        return "…"
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(one, depth + 1) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {kv.key: _plain(kv.value, depth + 1) for kv in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind else None
