"""How does an OTLP/JSON body become the same messages as a protobuf one?

OTLP's JSON is protobuf's with exceptions (opentelemetry.io/docs/specs/otlp, "JSON Protobuf
Encoding"): ids are hex, enums are numbers. Senders also write 64-bit integers as numbers.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message

from tocsin.kit.fault import Rejected

_IDS = frozenset(("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"))

M = TypeVar("M", bound=Message)


def parse(body: bytes, message: M) -> M:
    """Fill `message` from the JSON; unknown fields are left out. Raises Rejected."""
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise Rejected("the body is not a JSON object")
    try:
        return json_format.ParseDict(_with_ids(data), message, ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError, TypeError, ValueError) as error:
        name = type(message).__name__
        raise Rejected(f"the body is no {name}: {error}") from error


def write(message: Message) -> bytes:
    """The message as OTLP/JSON; only for answers, which have no ids."""
    return json_format.MessageToJson(message, indent=None).encode()


def _with_ids(value: Any) -> Any:  # a JSON value of any shape
    """The same value with hex ids as protobuf's JSON wants them, in base64."""
    if isinstance(value, list):
        return [_with_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _base64(one) if key in _IDS and isinstance(one, str) else _with_ids(one)
        for key, one in value.items()
        if one is not None
    }


def _base64(text: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(text)).decode()
    except (ValueError, binascii.Error) as error:
        raise Rejected(f"the id {text[:40]!r} is not hexadecimal") from error
