"""Remote write 1.0 and 2.0: bytes in, columns out."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest import write_messages as messages
from tocsin.ingest.protocols.remote_write import RemoteWrite
from tocsin.ingest.protocols.remote_write_v2 import RemoteWriteV2
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels
from tocsin.model.samples import STALE_BITS, Interner, SampleBatch, is_stale

NOW = 1_700_000_000_000
UP = {"__name__": "up", "instance": "a:9090", "job": "api"}

Encode = Callable[[list[tuple[dict[str, str], list[tuple[int, float]]]]], bytes]


def _v2(series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> bytes:
    return messages.v2([(labels, samples, {}) for labels, samples in series])


BOTH = pytest.mark.parametrize(
    ("decoder", "encode"),
    [
        pytest.param(RemoteWrite, messages.v1, id="1.0"),
        pytest.param(RemoteWriteV2, _v2, id="2.0"),
    ],
)


def decoded_or_rejected(decoder: RemoteWrite | RemoteWriteV2, body: bytes) -> bool:
    """Whether it was decoded; anything but a batch or Rejected fails the test."""
    try:
        batch = decoder.decode(body)
    except Rejected:
        return False
    return len(batch.refs) == len(batch.ts) == len(batch.values)


def rows(batch: SampleBatch, series: Interner) -> list[tuple[Labels, int, float]]:
    columns = zip(batch.refs.tolist(), batch.ts.tolist(), batch.values.tolist(), strict=True)
    return sorted((series.labels[ref], ts, value) for ref, ts, value in columns)


def labels_of(mapping: dict[str, str]) -> Labels:
    return tuple(sorted(mapping.items()))


@BOTH
def test_every_sample_arrives_the_first_time_and_when_the_labels_are_known(
    decoder: Any, encode: Encode
) -> None:
    series = Interner()
    decode = decoder(series).decode
    sent = [
        (UP, [(NOW, 1.0)]),
        ({**UP, "instance": "b:9090"}, [(NOW, 0.0)]),
        ({**UP, "instance": "c:9090"}, [(NOW, 2.5), (NOW + 1000, 3.5)]),
        ({**UP, "instance": "d:9090", "long": "x" * 300}, [(5, 4.0)]),
        ({**UP, "instance": "é:9090"}, [(-7, 0.0)]),
    ]
    expected = sorted(
        (labels_of(labels), ts, value) for labels, samples in sent for ts, value in samples
    )
    for _ in range(3):
        assert rows(decode(encode(sent)), series) == expected


@BOTH
def test_staleness_and_other_nans_keep_their_bits(decoder: Any, encode: Encode) -> None:
    stale = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
    plain = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))[0]
    body = encode([(UP, [(NOW, stale)]), ({**UP, "job": "b"}, [(NOW, plain)])])
    decode = decoder(Interner()).decode
    for _ in range(2):
        batch = decode(body)
        assert sorted(batch.values.view(np.uint64).tolist()) == [STALE_BITS, 0x7FF8000000000001]
        assert is_stale(batch.values).sum() == 1


@BOTH
def test_labels_in_any_order_name_the_same_series(decoder: Any, encode: Encode) -> None:
    series = Interner()
    backwards = dict(reversed(UP.items()))
    decoder(series).decode(encode([(UP, [(NOW, 1.0)]), (backwards, [(NOW + 1, 2.0)])]))
    assert series.labels == [labels_of(UP)]


@BOTH
def test_only_the_bad_series_of_a_request_are_left_out(decoder: Any, encode: Encode) -> None:
    series = Interner()
    decode = decoder(series).decode
    body = encode([(UP, [(NOW, 1.0)]), ({"job": "nameless"}, [(NOW, 1.0), (NOW + 1, 1.0)])])
    for _ in range(2):
        batch = decode(body)
        assert rows(batch, series) == [(labels_of(UP), NOW, 1.0)]
        assert batch.refused == {"a series has no metric name (label __name__)": 2}


def test_a_label_given_twice_is_refused_with_its_name() -> None:
    request = messages.message("prometheus.WriteRequest")
    one = request.timeseries.add()
    for name, value in (("__name__", "up"), ("job", "a"), ("job", "b")):
        one.labels.add(name=name, value=value)
    one.samples.add(timestamp=NOW, value=1)
    batch = RemoteWrite(Interner()).decode(request.SerializeToString())
    assert batch.refused == {"a series has the label 'job' twice": 1}
    assert len(batch) == 0


def test_labels_that_are_no_text_are_refused_and_the_rest_is_kept() -> None:
    good = {"__name__": "up", "job": "good"}
    body = messages.v1([({"__name__": "up", "job": "BAD!"}, [(NOW, 1.0)]), (good, [(NOW, 2.0)])])
    series = Interner()
    batch = RemoteWrite(series).decode(body.replace(b"BAD!", b"\xff\xfe!!"))
    assert rows(batch, series) == [(labels_of(good), NOW, 2.0)]
    assert list(batch.refused) == ["a label, name or help text is not valid UTF-8"]
    body = messages.v2([({"__name__": "up", "job": "BAD!"}, [(NOW, 1.0)], {})])
    batch = RemoteWriteV2(Interner()).decode(body.replace(b"BAD!", b"\xff\xfe!!"))
    assert batch.refused == {"a label is not valid UTF-8": 1}


def test_metadata_alone_is_a_good_request() -> None:
    body = messages.v1(
        [], metadata=[{"type": 1, "metric_family_name": "http", "help": "Requests.", "unit": ""}]
    )
    batch = RemoteWrite(Interner()).decode(body)
    assert [(m.metric, m.type, m.help) for m in batch.metadata] == [
        ("http", "counter", "Requests.")
    ]
    assert len(batch) == 0


def test_metadata_and_exemplars_of_2_0_come_with_their_series() -> None:
    series = Interner()
    batch = RemoteWriteV2(series).decode(
        messages.v2(
            [
                (
                    {"__name__": "latency_bucket", "le": "1"},
                    [(NOW, 4.0)],
                    {
                        "metadata": {"type": 3, "help": "Latency.", "unit": "seconds"},
                        "exemplars": [({"trace_id": "abc"}, 0.7, NOW - 5)],
                        "created_timestamp": NOW - 60_000,
                    },
                )
            ]
        )
    )
    assert (batch.metadata[0].metric, batch.metadata[0].unit) == ("latency", "seconds")
    assert batch.exemplars[0].labels == (("trace_id", "abc"),)
    assert (batch.exemplars[0].value, batch.exemplars[0].ts_ms) == (0.7, NOW - 5)


def test_exemplars_of_1_0_come_with_their_series() -> None:
    request = messages.message("prometheus.WriteRequest")
    one = request.timeseries.add()
    one.labels.add(name="__name__", value="latency")
    one.samples.add(timestamp=NOW, value=1)
    exemplar = one.exemplars.add(value=0.5, timestamp=NOW)
    exemplar.labels.add(name="trace_id", value="abc")
    batch = RemoteWrite(Interner()).decode(request.SerializeToString())
    assert batch.exemplars[0].labels == (("trace_id", "abc"),)


def test_native_histograms_are_counted_and_refused_with_advice() -> None:
    body = messages.v2([({"__name__": "h"}, [], {"histograms": [{"count_int": 3, "sum": 1.0}]})])
    batch = RemoteWriteV2(Interner()).decode(body)
    assert batch.refused == {"native histograms are not stored yet; send classic buckets": 1}


def test_a_symbol_that_is_not_there_costs_only_its_series() -> None:
    request = messages.message(
        "io.prometheus.write.v2.Request",
        symbols=["", "__name__", "up"],
        timeseries=[
            {"labels_refs": [1, 2], "samples": [{"timestamp": NOW, "value": 1}]},
            {"labels_refs": [1, 99], "samples": [{"timestamp": NOW, "value": 1}]},
        ],
    )
    batch = RemoteWriteV2(Interner()).decode(request.SerializeToString())
    assert len(batch) == 1
    assert sum(batch.refused.values()) == 1


class _Picky(Interner):
    """Refuses whatever is named so, until its mind changes."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = "api"

    def ref(self, labels: Labels) -> int:
        return -1 if ("job", self.refuses) in labels else super().ref(labels)

    def why(self, labels: Labels) -> str:
        return "too many"


@BOTH
def test_a_refused_series_is_asked_for_again_in_the_next_epoch(
    decoder: Any, encode: Encode
) -> None:
    series = _Picky()
    decode = decoder(series).decode
    body = encode([(UP, [(NOW, 1.0)])])
    assert decode(body).refused == {"too many": 1}
    series.refuses = "nothing"
    assert decode(body).refused == {"too many": 1}
    series.epoch = 1
    assert len(decode(body)) == 1


@BOTH
def test_many_new_series_are_decoded_in_steps_and_all_arrive(decoder: Any, encode: Encode) -> None:
    series = Interner()
    sent: list[tuple[dict[str, str], list[tuple[int, float]]]] = [
        ({**UP, "instance": str(number)}, [(NOW, float(number))]) for number in range(900)
    ]
    reading = decoder(series).decoding(encode(sent))
    steps, batch = 0, None
    while batch is None:
        try:
            next(reading)
        except StopIteration as done:
            batch = done.value
        else:
            steps += 1
    assert steps == 2
    assert len(rows(batch, series)) == 900


@BOTH
def test_a_cut_request_is_refused_whole(decoder: Any, encode: Encode) -> None:
    body = encode([(UP, [(NOW, 1.0)]), ({**UP, "job": "b"}, [(NOW, 2.0)])])
    decoded = [decoded_or_rejected(decoder(Interner()), body[:size]) for size in range(len(body))]
    assert decoded[-1] is False


@given(body=st.binary(max_size=400))
@settings(max_examples=300)
def test_any_bytes_are_decoded_or_rejected(body: bytes) -> None:
    for decoder in (RemoteWrite, RemoteWriteV2):
        first, again = (decoded_or_rejected(decoder(Interner()), body) for _ in range(2))
        assert first == again


@given(data=st.data())
@settings(max_examples=300)
def test_a_good_request_with_bytes_changed_is_decoded_or_rejected(data: st.DataObject) -> None:
    kinds: list[tuple[Any, Encode]] = [(RemoteWrite, messages.v1), (RemoteWriteV2, _v2)]
    encode = data.draw(st.sampled_from(kinds))
    good = encode[1]([(UP, [(NOW, 1.0)]), ({**UP, "job": "b"}, [(NOW, 0.0), (NOW + 1, 2.0)])])
    decoder: RemoteWrite | RemoteWriteV2 = encode[0](Interner())
    decoder.decode(good)
    body = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    decoded_or_rejected(decoder, bytes(body))
    assert len(decoder.decode(good)) == 3, "what was wrong left nothing behind"
