"""Remote-write bodies as Prometheus sends them, made ahead: only the receiver is timed."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence

import cramjam

Labels = Sequence[tuple[str, str]]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def encode_labels(labels: Labels) -> bytes:
    """The labels part of a TimeSeries message."""
    pairs = (_field(1, k.encode()) + _field(2, v.encode()) for k, v in labels)
    return b"".join(_field(1, pair) for pair in pairs)


def encode_sample(value: float, ts_ms: int) -> bytes:
    """The samples part of a TimeSeries message, for one sample."""
    return _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(ts_ms))


def body(series: Sequence[bytes], values: Sequence[float], ts_ms: int) -> bytes:
    """One request: a sample for each series, snappy-compressed."""
    parts = (
        _field(1, labels + encode_sample(value, ts_ms))
        for labels, value in zip(series, values, strict=True)
    )
    return bytes(cramjam.snappy.compress_raw(b"".join(parts)))


def label_sets(count: int, metrics: int = 10) -> list[Labels]:
    """`count` series as a fleet of services exports them, sorted by label name."""
    return [
        (
            ("__name__", f"bench_requests_{i % metrics}_total"),
            ("code", ("200", "404", "500")[i % 3]),
            ("instance", f"10.0.{i // 250 % 250}.{i % 250}:8080"),
            ("job", f"service-{i % 20}"),
            ("method", ("GET", "POST", "PUT", "DELETE")[i % 4]),
            ("path", f"/api/v1/resource/{i // metrics % 1000}"),
        )
        for i in range(count)
    ]


def lanes(
    sets: Sequence[Labels], start_ms: int, steps: int, step_ms: int, *, per_request: int = 2000
) -> list[list[bytes]]:
    """Counters that grow at random, as successive scrapes forward them.

    A lane is what one connection sends, in order: the same series each time, as a Prometheus
    shards its queue. Servers that refuse older samples need that order.
    """
    return [
        list(_lane(sets[at : at + per_request], start_ms, steps, step_ms, seed=at))
        for at in range(0, len(sets), per_request)
    ]


def _lane(
    sets: Sequence[Labels], start_ms: int, steps: int, step_ms: int, *, seed: int
) -> Iterator[bytes]:
    chance = random.Random(seed)
    encoded = [encode_labels(labels) for labels in sets]
    values = [float(chance.randrange(10_000)) for _ in sets]
    for step in range(steps):
        values = [value + chance.randrange(20) for value in values]
        yield body(encoded, values, start_ms + step * step_ms)
