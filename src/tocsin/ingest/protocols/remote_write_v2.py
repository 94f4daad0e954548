"""What does a Prometheus remote write 2.0 request say? (io.prometheus.write.v2.Request)

https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
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
from tocsin.model.labels import NAME
from tocsin.model.samples import REFUSED, Exemplar, Metadata, SampleBatch, SeriesIntake, batch_of

NATIVE_HISTOGRAMS = "native histograms are not stored yet; send classic buckets"
BAD_SYMBOL = "a series refers to a symbol that is not in the request"
NOT_UTF8 = "a label is not valid UTF-8"

_SEPARATOR = b"\xff"
"""Never part of UTF-8, so label texts joined by it cannot be mistaken for others."""
_NAME = NAME.encode()


@dataclass(slots=True)
class _Series:
    """Where the parts of one TimeSeries message lie in the body."""

    label_refs: bytes = b""
    samples: list[tuple[int, int]] = field(default_factory=list)
    exemplars: list[tuple[int, int]] = field(default_factory=list)
    metadata: bytes = b""
    histograms: int = 0


@dataclass(frozen=True, slots=True)
class _Plain:
    """Series of the usual layout: label references, one sample, metadata. In equal columns."""

    label_refs: list[bytes] = field(default_factory=list)
    sample_at: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    rest: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Request:
    """One request while it is read."""

    body: bytes
    symbols: list[bytes] = field(default_factory=list)
    bad_symbols: frozenset[int] = frozenset()
    series: list[_Series] = field(default_factory=list)
    plain: _Plain = field(default_factory=lambda: _Plain())
    refs: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    metadata: dict[tuple[bytes, bytes], Metadata] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)


class RemoteWriteV2:
    """Decodes requests of one server, remembering the label texts it has seen."""

    def __init__(self, series: SeriesIntake) -> None:
        self._cache = RefCache(series)

    def decode(self, body: bytes) -> SampleBatch:
        """Samples, exemplars and metadata of a decompressed body.

        Series that cannot be taken are counted in `refused`. Raises Rejected when the bytes are
        no Request.
        """
        return steps.finish(self.decoding(body))

    def decoding(self, body: bytes) -> Steps[SampleBatch]:
        """As `decode`, in steps."""
        self._cache.sync()
        request = _split(body)
        plain = self._take_plain(request)
        label_refs, counts = _packed([series.label_refs for series in request.series])
        at = 0
        for number, (series, count) in enumerate(zip(request.series, counts, strict=True), 1):
            self._take(request, series, label_refs[at : at + count])
            at += count
            if not number % steps.SLOW_SERIES:
                yield
        slow = batch_of(request.refs, request.ts, request.values)
        return SampleBatch(
            np.concatenate((plain.refs, slow.refs)),
            np.concatenate((plain.ts, slow.ts)),
            np.concatenate((plain.values, slow.values)),
            request.exemplars,
            list(request.metadata.values()),
            request.refused,
        )

    def _take_plain(self, request: _Request) -> SampleBatch:
        """Samples of the usual series; those that turn out to be unusual join `request.series`."""
        plain = request.plain
        if not plain.sizes:
            return batch_of([], [], [])
        label_refs, counts = _packed(plain.label_refs)
        found, get, symbol = [], self._cache.refs.get, request.symbols.__getitem__
        at = 0
        try:
            for count, rest in zip(counts, plain.rest, strict=True):
                texts = list(map(symbol, label_refs[at : at + count]))
                at += count
                found.append(get(_SEPARATOR.join(texts), REFUSED))
                if rest and (texts[0] != _NAME or (texts[1], rest) not in request.metadata):
                    _keep_metadata(request, texts, rest)
        except IndexError:
            found.extend([REFUSED] * (len(counts) - len(found)))
        refs = np.array(found, np.int64)
        ts, values = np.zeros(len(refs), np.int64), np.zeros(len(refs), np.float64)
        raw = np.frombuffer(request.body, np.uint8)
        places, sizes = np.array(plain.sample_at, np.int64), np.array(plain.sizes, np.int64)
        fits = refs >= 0
        if request.bad_symbols:
            fits[:] = False
        for size in (plain_samples.FULL, plain_samples.ZERO):
            of_size = sizes == size
            good, ts[of_size], values[of_size] = plain_samples.read(raw, places[of_size], size)
            fits[of_size] &= good
        for row in np.nonzero(~fits)[0]:
            request.series.append(_series(request.body, plain.starts[row], plain.stops[row]))
        return SampleBatch(refs[fits], ts[fits], values[fits])

    def _take(self, request: _Request, series: _Series, label_refs: list[int]) -> None:
        if series.histograms:
            request.refused[NATIVE_HISTOGRAMS] += series.histograms
        try:
            texts = list(map(request.symbols.__getitem__, label_refs))
        except IndexError:
            request.refused[BAD_SYMBOL] += len(series.samples)
            return
        if request.bad_symbols and not request.bad_symbols.isdisjoint(label_refs):
            request.refused[NOT_UTF8] += len(series.samples)
            return
        key = _SEPARATOR.join(texts)
        ref = self._cache.refs.get(key)
        if ref is None:
            ref = self._learn(key, texts)
        if series.metadata:
            _keep_metadata(request, texts, series.metadata)
        if ref == REFUSED:
            request.refused[self._cache.reason(key)] += len(series.samples)
            return
        self._keep(request, series, ref)

    def _learn(self, key: bytes, texts: list[bytes]) -> int:
        if len(texts) % 2:
            return self._cache.refuse(key, "a series has a label name without a value")
        decoded = [text.decode() for text in texts]
        try:
            labels = naming.checked(list(zip(decoded[::2], decoded[1::2], strict=True)))
        except Rejected as error:
            return self._cache.refuse(key, str(error))
        return self._cache.learn(key, labels)

    def _keep(self, request: _Request, series: _Series, ref: int) -> None:
        for first, last in series.samples:
            value, ts = _sample(request.body, first, last)
            request.refs.append(ref)
            request.ts.append(ts)
            request.values.append(value)
        for first, last in series.exemplars:
            _keep_exemplar(request, first, last, ref)


def _split(body: bytes) -> _Request:
    request = _Request(body)
    add, plain, end, at = request.symbols.append, request.plain, len(body), 0
    while at < end:
        tag, first = body[at], at + 2
        if tag not in (0x22, 0x2A) or first >= end or body[at + 1] > 0x7F:
            # Not a symbol or series of less than 128 bytes: read the field the general way.
            number, kind, first, last = next(wire.fields(body, at, end))
            tag = number << 3 | kind
        else:
            last = first + body[at + 1]
            if last > end:
                raise Rejected(f"byte {at}: a field is longer than the request")
        if tag == 0x22:
            add(body[first:last])
        elif tag == 0x2A and not _is_plain(body, first, last, plain):
            request.series.append(_series(body, first, last))
        at = last
    joined = b"".join(request.symbols)
    if not joined.isascii():
        request.bad_symbols = frozenset(
            index for index, symbol in enumerate(request.symbols) if not _is_utf8(symbol)
        )
    return request


def _is_plain(body: bytes, start: int, stop: int, plain: _Plain) -> bool:
    """Note the series in `plain` if its first bytes have the usual layout."""
    if stop - start < 2 + plain_samples.ZERO or body[start] != 0x0A or body[start + 1] > 0x7F:
        return False
    sample_at = start + 2 + body[start + 1]
    head = body[sample_at : sample_at + 3]
    if head == plain_samples.FULL_HEAD:
        size = plain_samples.FULL
    elif head == plain_samples.ZERO_HEAD:
        size = plain_samples.ZERO
    else:
        return False
    after = sample_at + size
    # 2A is metadata; a created timestamp alone (30) goes the longer way.
    if after > stop or (
        after < stop and (body[after] != 0x2A or body[after + 1] != stop - after - 2)
    ):
        return False
    plain.label_refs.append(body[start + 2 : sample_at])
    plain.sample_at.append(sample_at)
    plain.sizes.append(size)
    plain.rest.append(body[after + 2 : stop])
    plain.starts.append(start)
    plain.stops.append(stop)
    return True


def _is_utf8(symbol: bytes) -> bool:
    try:
        symbol.decode()
    except UnicodeDecodeError:
        return False
    return True


def _series(body: bytes, start: int, stop: int) -> _Series:
    series = _Series()
    for number, kind, first, last in wire.fields(body, start, stop):
        if kind != wire.BYTES:
            # 6 is the created timestamp, which has no place in the store yet.
            continue
        if number == 1:
            series.label_refs += body[first:last]
        elif number == 2:
            series.samples.append((first, last))
        elif number == 3:
            series.histograms += 1
        elif number == 4:
            series.exemplars.append((first, last))
        elif number == 5:
            series.metadata = body[first:last]
    return series


def _packed(sections: list[bytes]) -> tuple[list[int], list[int]]:
    """All label references in a row, and how many each series has."""
    raw: NDArray[np.uint8] = np.frombuffer(b"".join(sections), np.uint8)
    sizes = np.array([len(section) for section in sections], np.int64)
    is_last = raw < 0x80
    section_ends = np.cumsum(sizes)
    filled = section_ends[sizes > 0]
    if len(raw) and not is_last[filled - 1].all():
        raise Rejected("a series' label references end within a number")
    lasts = np.nonzero(is_last)[0]
    firsts = np.concatenate((np.zeros(1, np.int64), lasts[:-1] + 1))[: len(lasts)]
    widths = lasts - firsts + 1
    if len(widths) and widths.max() > 5:
        raise Rejected("a series' label reference is longer than 32 bits")
    values = np.zeros(len(lasts), np.int64)
    for place in range(int(widths.max()) if len(widths) else 0):
        has = widths > place
        values[has] |= (raw[firsts[has] + place].astype(np.int64) & 0x7F) << (7 * place)
    so_far = np.concatenate((np.zeros(1, np.int64), np.cumsum(is_last)))
    counts = so_far[section_ends] - so_far[section_ends - sizes]
    return values.tolist(), counts.tolist()


def _sample(body: bytes, start: int, stop: int) -> tuple[float, int]:
    value, ts = 0.0, 0
    for number, kind, first, _ in wire.fields(body, start, stop):
        if number == 1 and kind == wire.FIXED64:
            value = wire.double(body, first)
        elif number == 2 and kind == wire.VARINT:
            ts = wire.signed(first)
    return value, ts


def _keep_exemplar(request: _Request, start: int, stop: int, ref: int) -> None:
    refs: list[int] = []
    value, ts = 0.0, 0
    for number, kind, first, last in wire.fields(request.body, start, stop):
        if number == 1 and kind == wire.BYTES:
            refs = wire.numbers(request.body, first, last)
        elif number == 2 and kind == wire.FIXED64:
            value = wire.double(request.body, first)
        elif number == 3 and kind == wire.VARINT:
            ts = wire.signed(first)
    texts = _texts(request, refs)
    if texts is None or len(texts) % 2:
        request.refused[f"exemplar: {BAD_SYMBOL}"] += 1
        return
    pairs = zip(texts[::2], texts[1::2], strict=True)
    request.exemplars.append(Exemplar(ref, ts, value, label_sets.make(pairs)))


def _texts(request: _Request, refs: list[int]) -> list[str] | None:
    """The symbols' texts; None when one is missing or no text."""
    size = len(request.symbols)
    if any(ref >= size or ref in request.bad_symbols for ref in refs):
        return None
    return [request.symbols[ref].decode() for ref in refs]


def _keep_metadata(request: _Request, texts: list[bytes], raw: bytes) -> None:
    names, values = texts[::2], texts[1::2]
    if _NAME not in names[: len(values)]:
        return
    name = values[names.index(_NAME)]
    found = {1: 0, 3: 0, 4: 0}
    for number, kind, first, _ in wire.fields(raw, 0, len(raw)):
        if kind == wire.VARINT and number in found:
            found[number] = first
    texts_of = _texts(request, [found[3], found[4]])
    if texts_of is None:
        request.refused[f"metadata: {BAD_SYMBOL}"] += 1
        return
    known = found[1] < len(naming.METADATA_TYPES)
    kind_name = naming.METADATA_TYPES[found[1]] if known else "unknown"
    request.metadata[name, raw] = Metadata(_family(name.decode(), kind_name), kind_name, *texts_of)


def _family(name: str, kind: str) -> str:
    """Metadata belongs to the family; a bucket's or a sum's series carries its own name in 2.0."""
    if kind in ("histogram", "gaugehistogram", "summary"):
        for suffix in ("_bucket", "_count", "_sum"):
            if name.endswith(suffix):
                return name[: -len(suffix)]
    return name
