"""What does the protobuf exposition say? (io.prometheus.client.MetricFamily, each after its size)

Go's clients push it by default. github.com/prometheus/client_model, metrics.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from tocsin.ingest import wire
from tocsin.kit.fault import Rejected
from tocsin.model.labels import NAME
from tocsin.model.samples import Metadata

MEDIA = "application/vnd.google.protobuf"

_TYPES = ("counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram")
_SIMPLE = (2, 3, 5)
"""The fields gauge, counter and untyped of a Metric."""

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class Family:
    """One metric with all its samples, in classic series."""

    metadata: Metadata
    samples: list[tuple[Pairs, float]] = field(default_factory=list)
    has_times: bool = False


def parse(body: bytes) -> list[Family]:
    """The families of a delimited body; raises Rejected when it is none."""
    families = []
    at = 0
    while at < len(body):
        size, start = wire.varint(body, at, len(body))
        at = start + size
        if at > len(body):
            raise Rejected(f"byte {start}: a metric family is longer than the body")
        families.append(_family(body, start, at))
    return families


def _family(body: bytes, start: int, stop: int) -> Family:
    texts = {1: "", 2: "", 5: ""}
    kind_number = 0
    metrics: list[tuple[int, int]] = []
    for number, kind, first, last in wire.fields(body, start, stop):
        if number in texts and kind == wire.BYTES:
            texts[number] = wire.text(body, first, last)
        elif number == 3 and kind == wire.VARINT:
            kind_number = first
        elif number == 4 and kind == wire.BYTES:
            metrics.append((first, last))
    if not texts[1]:
        raise Rejected("a metric family has no name")
    type_name = _TYPES[kind_number] if kind_number < len(_TYPES) else "unknown"
    family = Family(Metadata(texts[1], type_name, texts[2], texts[5]))
    for first, last in metrics:
        _metric(body, first, last, family)
    return family


def _metric(body: bytes, start: int, stop: int, family: Family) -> None:
    pairs: Pairs = []
    parts: list[tuple[int, int, int]] = []
    for number, kind, first, last in wire.fields(body, start, stop):
        if number == 1 and kind == wire.BYTES:
            pairs.append(_label(body, first, last))
        elif number == 6 and kind == wire.VARINT:
            family.has_times = True
        elif kind == wire.BYTES:
            parts.append((number, first, last))
    name = family.metadata.metric
    for number, first, last in parts:
        if number in _SIMPLE:
            family.samples.append(([(NAME, name), *pairs], _numbers(body, first, last).get(1, 0.0)))
        elif number in (4, 7):
            for suffix, extra, value in _distribution(body, first, last, number == 7):
                family.samples.append(([(NAME, name + suffix), *pairs, *extra], value))


def _distribution(
    body: bytes, start: int, stop: int, is_histogram: bool
) -> Iterator[tuple[str, Pairs, float]]:
    """`_count`, `_sum` and the buckets or quantiles."""
    own = _numbers(body, start, stop)
    count = own.get(1, own.get(4, 0.0) if is_histogram else 0.0)
    yield "_count", [], count
    yield "_sum", [], own.get(2, 0.0)
    infinite = False
    for number, kind, first, last in wire.fields(body, start, stop):
        if number != 3 or kind != wire.BYTES:
            continue
        entry = _numbers(body, first, last)
        if is_histogram:
            bound = entry.get(2, 0.0)
            infinite = infinite or bound == math.inf
            yield "_bucket", [("le", _text(bound))], entry.get(1, entry.get(4, 0.0))
        else:
            yield "", [("quantile", _text(entry.get(1, 0.0)))], entry.get(2, 0.0)
    if is_histogram and not infinite:
        yield "_bucket", [("le", "+Inf")], count


def _numbers(body: bytes, start: int, stop: int) -> dict[int, float]:
    found: dict[int, float] = {}
    for number, kind, first, _ in wire.fields(body, start, stop):
        if kind == wire.FIXED64:
            found[number] = wire.double(body, first)
        elif kind == wire.VARINT:
            found[number] = float(first)
    return found


def _label(body: bytes, start: int, stop: int) -> tuple[str, str]:
    texts = {1: "", 2: ""}
    for number, kind, first, last in wire.fields(body, start, stop):
        if number in texts and kind == wire.BYTES:
            texts[number] = wire.text(body, first, last)
    if not texts[1]:
        raise Rejected("a label has no name")
    return texts[1], texts[2]


def _text(number: float) -> str:
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return repr(number)
