"""What does a Prometheus remote write 1.0 request say? (prometheus.WriteRequest, prompb)

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tocsin.ingest import naming, plain_samples, steps, wire
from tocsin.ingest.refs import RefCache
from tocsin.ingest.steps import Steps
from tocsin.kit.fault import Rejected
from tocsin.model import labels as label_sets
from tocsin.model.samples import (
    REFUSED,
    Exemplar,
    Metadata,
    SampleBatch,
    SeriesIntake,
    batch_of,
)

NATIVE_HISTOGRAMS = "native histograms are not stored yet; send classic buckets"

_PAIRS_KEPT = 100_000


@dataclass(slots=True)
class _Found:
    """What one request held, as it is collected."""

    refs: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    metadata: list[Metadata] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Tail:
    """Series recognised by their label bytes whose one sample is still to be read."""

    refs: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)


class RemoteWrite:
    """Decodes requests of one server, remembering the label bytes it has seen.

    The usual series, labels and one sample, is recognised by its label bytes alone; its sample is
    read together with all others by numpy.
    """

    def __init__(self, series: SeriesIntake) -> None:
        self._cache = RefCache(series)
        self._pairs: dict[bytes, tuple[str, str]] = {}

    def decode(self, body: bytes) -> SampleBatch:
        """Samples, exemplars and metadata of a decompressed body.

        Series that cannot be taken are counted in `refused`. Raises Rejected when the bytes are
        no WriteRequest.
        """
        return steps.finish(self.decoding(body))

    def decoding(self, body: bytes) -> Steps[SampleBatch]:
        """As `decode`, in steps."""
        get = self._cache.sync().get
        found, full, zero = _Found(), _Tail(), _Tail()
        add_ref, add_start, add_stop = full.refs.append, full.starts.append, full.stops.append
        full_size, zero_size = plain_samples.FULL, plain_samples.ZERO
        end, at, slow = len(body), 0, 0
        while at < end:
            if body[at] != 0x0A or at + 3 >= end:
                at = self._other_field(body, at, end, found)
                continue
            size, start = body[at + 1], at + 2
            if size > 0x7F:
                size, start = _two_bytes_or_more(body, start, end)
            at = start + size
            if at > end:
                raise Rejected(f"byte {start}: a time series is longer than the request")
            ref = get(body[start : at - full_size])
            if ref is not None and ref >= 0:
                add_ref(ref)
                add_start(start)
                add_stop(at)
                continue
            ref = get(body[start : at - zero_size])
            if ref is not None and ref >= 0:
                zero.refs.append(ref)
                zero.starts.append(start)
                zero.stops.append(at)
            else:
                self._series(body, start, at, found)
                slow += 1
                if not slow % steps.SLOW_SERIES:
                    yield
        return self._batch(body, found, full, zero)

    def _batch(self, body: bytes, found: _Found, full: _Tail, zero: _Tail) -> SampleBatch:
        raw = np.frombuffer(body, np.uint8)
        parts = [
            self._tail(body, raw, full, plain_samples.FULL, found),
            self._tail(body, raw, zero, plain_samples.ZERO, found),
        ]
        slow = batch_of(found.refs, found.ts, found.values)
        parts.append((slow.refs, slow.ts, slow.values))
        columns = zip(*parts, strict=True)
        refs, ts, values = (np.concatenate(column) for column in columns)
        return SampleBatch(
            refs.astype(np.int64, copy=False),
            ts.astype(np.int64, copy=False),
            values.astype(np.float64, copy=False),
            found.exemplars,
            found.metadata,
            found.refused,
        )

    def _tail(
        self, body: bytes, raw: NDArray[np.uint8], tail: _Tail, size: int, found: _Found
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Read the last `size` bytes of each series; what is no such sample is parsed slowly."""
        refs = np.array(tail.refs, np.int64)
        if not len(refs):
            return refs, refs, np.zeros(0, np.float64)
        at = np.array(tail.stops, np.int64) - size
        fits, ts, values = plain_samples.read(raw, at, size)
        fits &= at >= np.array(tail.starts, np.int64)
        if not fits.all():
            for row in np.nonzero(~fits)[0]:
                self._series(body, tail.starts[row], tail.stops[row], found)
            refs, ts, values = refs[fits], ts[fits], values[fits]
        return refs, ts, values

    def _other_field(self, body: bytes, at: int, end: int, found: _Found) -> int:
        """Read one field of the request that is no long time series; answers the place after."""
        number, kind, first, last = next(wire.fields(body, at, end))
        if number == 1 and kind == wire.BYTES:
            self._series(body, first, last, found)
        elif number == 3 and kind == wire.BYTES:
            _metadata(body, first, last, found)
        return last

    def _series(self, body: bytes, start: int, stop: int, found: _Found) -> None:
        """Parse one TimeSeries message of any layout."""
        parts: dict[int, list[tuple[int, int]]] = {1: [], 2: [], 3: [], 4: []}
        for number, kind, first, last in wire.fields(body, start, stop):
            if kind == wire.BYTES and number in parts:
                parts[number].append((first, last))
        names, samples, exemplars, histograms = parts.values()
        if histograms:
            found.refused[NATIVE_HISTOGRAMS] += len(histograms)
        if not samples and not exemplars:
            return
        key = _label_bytes(body, start, stop, names)
        ref = self._ref(body, key, names)
        if ref == REFUSED:
            found.refused[self._cache.reason(key)] += len(samples)
            return
        for first, last in samples:
            value, ts = _sample(body, first, last)
            found.refs.append(ref)
            found.ts.append(ts)
            found.values.append(value)
        for first, last in exemplars:
            _exemplar(body, first, last, ref, found)

    def _ref(self, body: bytes, key: bytes, names: list[tuple[int, int]]) -> int:
        ref = self._cache.refs.get(key)
        if ref is not None:
            return ref
        try:
            labels = naming.checked([self._label(body[first:last]) for first, last in names])
        except Rejected as error:
            return self._cache.refuse(key, str(error))
        return self._cache.learn(key, labels)

    def _label(self, raw: bytes) -> tuple[str, str]:
        """A label message's name and value; most of a new series' labels are known ones."""
        pair = self._pairs.get(raw)
        if pair is None:
            if len(self._pairs) >= _PAIRS_KEPT:
                self._pairs.clear()
            pair = self._pairs[raw] = _label(raw, 0, len(raw))
        return pair


def _two_bytes_or_more(body: bytes, at: int, end: int) -> tuple[int, int]:
    """The number whose first byte lies before `at`, and the place after it."""
    if body[at] < 0x80:
        return body[at - 1] & 0x7F | body[at] << 7, at + 1
    return wire.varint(body, at - 1, end)


def _label_bytes(body: bytes, start: int, stop: int, names: list[tuple[int, int]]) -> bytes:
    """The bytes of the label fields; as they lie when they come first and without gaps."""
    if not names:
        return b"\x00"
    last = names[-1][1]
    section = body[start:last]
    at = start
    for first, after in names:
        # A label field that follows another one directly starts with its tag and its size.
        if body[at] != 0x0A or wire.varint(body, at + 1, stop)[1] != first:
            return b"\x00" + b"".join(
                len(body[a:b]).to_bytes(4, "big") + body[a:b] for a, b in names
            )
        at = after
    return section


def _label(body: bytes, start: int, stop: int) -> tuple[str, str]:
    name = value = ""
    for number, kind, first, last in wire.fields(body, start, stop):
        if kind != wire.BYTES:
            continue
        if number == 1:
            name = wire.text(body, first, last)
        elif number == 2:
            value = wire.text(body, first, last)
    return name, value


def _sample(body: bytes, start: int, stop: int) -> tuple[float, int]:
    value, ts = 0.0, 0
    for number, kind, first, _ in wire.fields(body, start, stop):
        if number == 1 and kind == wire.FIXED64:
            value = wire.double(body, first)
        elif number == 2 and kind == wire.VARINT:
            ts = wire.signed(first)
    return value, ts


def _exemplar(body: bytes, start: int, stop: int, ref: int, found: _Found) -> None:
    pairs: list[tuple[str, str]] = []
    value, ts = 0.0, 0
    for number, kind, first, last in wire.fields(body, start, stop):
        if number == 1 and kind == wire.BYTES:
            try:
                pairs.append(_label(body, first, last))
            except Rejected as error:
                found.refused[f"exemplar: {error}"] += 1
                return
        elif number == 2 and kind == wire.FIXED64:
            value = wire.double(body, first)
        elif number == 3 and kind == wire.VARINT:
            ts = wire.signed(first)
    found.exemplars.append(Exemplar(ref, ts, value, label_sets.make(pairs)))


def _metadata(body: bytes, start: int, stop: int, found: _Found) -> None:
    kind_number = 0
    texts = {2: "", 4: "", 5: ""}
    for number, kind, first, last in wire.fields(body, start, stop):
        if number == 1 and kind == wire.VARINT:
            kind_number = first
        elif number in texts and kind == wire.BYTES:
            texts[number] = wire.text(body, first, last)
    if not texts[2]:
        found.refused["metadata without a metric's name"] += 1
        return
    known = kind_number < len(naming.METADATA_TYPES)
    type_name = naming.METADATA_TYPES[kind_number] if known else "unknown"
    found.metadata.append(Metadata(texts[2], type_name, texts[4], texts[5]))
