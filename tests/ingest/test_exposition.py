"""Text 0.0.4 and OpenMetrics 1.0 become columns, and the second time without parsing labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from tocsin.ingest.exposition import DROPPED, Exposed, ExpositionReader, Format, format_of
from tocsin.kit.fault import Rejected
from tocsin.model.labels import Labels, from_mapping
from tocsin.model.samples import REFUSED, Interner

AT = 1_700_000_000_000


def read(body: str | bytes, style: Format = Format.TEXT) -> dict[Labels, tuple[int, float]]:
    intake = Interner()
    raw = body if isinstance(body, bytes) else body.encode()
    return as_dict(ExpositionReader(intake).read(raw, style, AT), intake)


def as_dict(exposed: Exposed, intake: Interner) -> dict[Labels, tuple[int, float]]:
    batch = exposed.batch
    columns = zip(batch.refs.tolist(), batch.ts.tolist(), batch.values.tolist(), strict=True)
    return {intake.labels[ref]: (ts, value) for ref, ts, value in columns}


def labels(**pairs: str) -> Labels:
    return from_mapping({"__name__" if name == "m" else name: pairs[name] for name in pairs})


LINES = [
    pytest.param(b"up 1", labels(m="up"), AT, 1.0, id="a bare name"),
    pytest.param(b"up 1 5000", labels(m="up"), 5000, 1.0, id="a timestamp in milliseconds"),
    pytest.param(b"up 1 -5000", labels(m="up"), -5000, 1.0, id="a time before 1970"),
    pytest.param(b"  up\t 1 ", labels(m="up"), AT, 1.0, id="stray blanks"),
    pytest.param(b"up 1\r", labels(m="up"), AT, 1.0, id="a carriage return"),
    pytest.param(b"a:b{} 2", labels(m="a:b"), AT, 2.0, id="empty braces"),
    pytest.param(b'a{b="c",} 2', labels(m="a", b="c"), AT, 2.0, id="a trailing comma"),
    pytest.param(b'a { b = "c" , d="e" } 2', labels(m="a", b="c", d="e"), AT, 2.0, id="blanks"),
    pytest.param(b'a{b="c"}2', labels(m="a", b="c"), AT, 2.0, id="no blank after the braces"),
    pytest.param(b'a{b="} 1 # {"} 2', labels(m="a", b="} 1 # {"), AT, 2.0, id="braces in a value"),
    pytest.param(rb'a{b="x\\y\"z\nq\t"} 2', labels(m="a", b='x\\y"z\nq\\t'), AT, 2.0, id="escapes"),
    pytest.param(b'a{b=""} 2', labels(m="a"), AT, 2.0, id="an empty value is no label"),
    pytest.param(b'{"my.metric",l="v"} 3', labels(m="my.metric", l="v"), AT, 3.0, id="quoted"),
    pytest.param(b'{"m", "l.x"="v"} 3', from_mapping({"__name__": "m", "l.x": "v"}), AT, 3.0,
                 id="a quoted label name"),
    pytest.param('a{b="ü"} 3'.encode(), labels(m="a", b="ü"), AT, 3.0, id="UTF-8"),
    pytest.param(b"a +Inf", labels(m="a"), AT, math.inf, id="plus infinity"),
    pytest.param(b"a -Inf", labels(m="a"), AT, -math.inf, id="minus infinity"),
    pytest.param(b"a 1.5e-3", labels(m="a"), AT, 0.0015, id="an exponent"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "series", "ts", "value"), LINES)
def test_a_text_line_gives_its_sample(line: bytes, series: Labels, ts: int, value: float) -> None:
    assert read(line + b"\n") == {series: (ts, value)}


def test_nan_is_a_value_and_no_staleness_marker() -> None:
    intake = Interner()
    batch = ExpositionReader(intake).read(b"a NaN\n", Format.TEXT, AT).batch
    assert math.isnan(batch.values[0])
    assert batch.values.view(np.uint64)[0] != 0x7FF0000000000002


BAD = [
    pytest.param(b"a", "expected a value", id="no value"),
    pytest.param(b"a x", "expected a number", id="a word as value"),
    pytest.param(b"a 1_000", "expected a number", id="underscores"),
    pytest.param(b"a 0x1p2", "expected a number", id="hexadecimal"),
    pytest.param(b"a 1 x", "expected a timestamp", id="a word as timestamp"),
    pytest.param(b"a 1 1.5", "whole milliseconds", id="a fraction as timestamp"),
    pytest.param(b"a 1 99999999999999999999", "expected a timestamp", id="a time beyond time"),
    pytest.param(b"a 1 2 3", "end of the line", id="four words"),
    pytest.param(b'a{b="c} 1', 'expected ="value"', id="an open quote"),
    pytest.param(b'a{b="c" d="e"} 1', "expected ','", id="no comma"),
    pytest.param(b'a{b="c",b="d"} 1', "not unique", id="a label twice"),
    pytest.param(b'{b="c"} 1', "metric name", id="no name"),
    pytest.param(b'a{"b"} 1', 'expected ="value"', id="two names"),
    pytest.param(b"1a 1", "metric name", id="a digit first"),
    pytest.param(b'a{b="\xff"} 1', "invalid UTF-8", id="no UTF-8"),
    pytest.param(b"# TYPE a thing", "invalid metric type", id="an unknown type"),
]


@pytest.mark.parametrize(("line", "words"), BAD)
def test_a_bad_line_is_refused_with_its_number_and_text(line: bytes, words: str) -> None:
    with pytest.raises(Rejected, match="line 3") as caught:
        read(b"# a comment\ngood 1\n" + line + b"\nlater 2\n")
    assert words in str(caught.value)


@pytest.mark.parametrize("bad", [b"a x", b"a 1_0", b"a 1 x", b"a"])
def test_a_bad_line_is_refused_when_everything_is_cached_too(bad: bytes) -> None:
    reader = ExpositionReader(Interner())
    for _ in range(3):
        reader.read(b"b 1\na 1\n", Format.TEXT, AT)
    with pytest.raises(Rejected, match="line 2"):
        reader.read(b"b 1\n" + bad + b"\n", Format.TEXT, AT)
    again = reader.read(b"b 3\na 4\n", Format.TEXT, AT)
    assert again.batch.values.tolist() == [3.0, 4.0]


def test_metadata_comes_from_comments() -> None:
    reader = ExpositionReader(Interner())
    body = (
        b'# HELP a Says \\\\ and \\n.\n# TYPE a counter\n# just words\n# TYPE "b.c" untyped\na 1\n'
    )
    found = {m.metric: m for m in reader.read(body, Format.TEXT, AT).batch.metadata}
    assert (found["a"].type, found["a"].help) == ("counter", "Says \\ and \n.")
    assert found["b.c"].type == "unknown"


OPENMETRICS = """\
# TYPE request_seconds histogram
# UNIT request_seconds seconds
# HELP request_seconds How long.
request_seconds_bucket{le="1"} 17 # {trace_id="abc",note="a # b"} 0.67 1520879607.789
request_seconds_bucket{le="+Inf"} 18 1520879610.5 # {trace_id="def"} 3
request_seconds_count 18
request_seconds_created 1520872607.123
# TYPE build info
build_info{version="1"} 1
# TYPE state stateset
state{state="a"} 1
# EOF
"""


def test_openmetrics_gives_exemplars_types_and_seconds() -> None:
    intake = Interner()
    reader = ExpositionReader(intake)
    for turn in range(3):
        exposed = reader.read(OPENMETRICS.encode(), Format.OPENMETRICS, AT + turn)
        found = as_dict(exposed, intake)
        bucket = labels(m="request_seconds_bucket", le="1.0")
        assert found[bucket] == (AT + turn, 17.0)
        assert found[labels(m="request_seconds_bucket", le="+Inf")] == (1520879610500, 18.0)
        assert found[labels(m="request_seconds_created")][1] == 1520872607.123
        first, second = exposed.batch.exemplars
        assert intake.labels[first.ref] == bucket
        assert (first.ts_ms, first.value) == (1520879607789, 0.67)
        assert first.labels == labels(trace_id="abc", note="a # b")
        assert (second.ts_ms, second.value) == (1520879610500, 3.0)
        assert exposed.timed is not None
        assert exposed.timed.tolist() == [False, True, False, False, False, False]
        kinds = {m.metric: (m.type, m.unit) for m in exposed.batch.metadata}
        assert kinds["request_seconds"] == ("histogram", "seconds")
        assert kinds["build"] == ("info", "")
        assert exposed.added == (6 if turn == 0 else 0)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("a 1\n", "# EOF", id="no EOF"),
        pytest.param("", "# EOF", id="nothing"),
        pytest.param("# EOF\na 1\n", "# EOF", id="more after EOF"),
        pytest.param("# EOF\na 1\n# EOF\n", "line 1", id="an EOF in the middle"),
        pytest.param("a 1\n\nb 1\n# EOF\n", "blank", id="a blank line"),
        pytest.param("# UNIT a seconds\n# EOF\n", "suffix", id="a unit that is no suffix"),
        pytest.param("a 1 NaN\n# EOF\n", "timestamp", id="NaN as time"),
        pytest.param("a 1 # x\n# EOF\n", "exemplar", id="no exemplar after the hash"),
        pytest.param('a 1 # {b="c"}\n# EOF\n', "exemplar", id="an exemplar without value"),
    ],
)
def test_bad_openmetrics_is_refused(body: str, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        read(body, Format.OPENMETRICS)


def test_an_own_timestamp_is_ignored_on_demand() -> None:
    reader = ExpositionReader(Interner())
    for _ in range(4):
        exposed = reader.read(b"a 1 5\n", Format.TEXT, AT, honor_timestamps=False)
        assert exposed.batch.ts.tolist() == [AT]
        assert exposed.timed is None
    assert reader.read(b"a 1 5\n", Format.TEXT, AT).batch.ts.tolist() == [5]


def test_own_timestamps_are_read_anew_each_time() -> None:
    intake = Interner()
    reader = ExpositionReader(intake)
    for turn in range(5):
        body = f'a{{b="c d"}} {turn}.5 {turn + 1000}\nb 1\nc NaN -{turn}\n'.encode()
        exposed = reader.read(body, Format.TEXT, AT)
        assert exposed.batch.ts.tolist() == [turn + 1000, AT, -turn]
        assert exposed.batch.values.tolist()[:2] == [turn + 0.5, 1.0]
        assert exposed.timed is not None
        assert exposed.timed.tolist() == [True, False, True]
        seconds = body.replace(b"\nc NaN", b"\nc 5") + b"# EOF\n"
        exposed = reader.read(seconds, Format.OPENMETRICS, AT)
        assert exposed.batch.ts.tolist() == [(turn + 1000) * 1000, AT, -turn * 1000]


@pytest.mark.parametrize("odd", ["1.5", "NaN", "99999999999999999999", "1e400", "x", "1_0"])
def test_an_odd_timestamp_is_refused_when_everything_is_cached_too(odd: str) -> None:
    reader = ExpositionReader(Interner())
    for _ in range(3):
        reader.read(b"a 1 5\n", Format.TEXT, AT)
    with pytest.raises(Rejected, match="timestamp"):
        reader.read(f"a 1 {odd}\n".encode(), Format.TEXT, AT)


def test_a_shape_renames_drops_and_is_asked_once_a_series() -> None:
    asked: list[Labels] = []

    def shape(found: Labels) -> Labels | None:
        asked.append(found)
        return None if dict(found)["__name__"] == "noise" else (*found, ("job", "x"))

    intake = Interner()
    reader = ExpositionReader(intake, shape)
    for value in (1, 2, 3, 4):
        exposed = reader.read(f"a {value}\nnoise 1\n".encode(), Format.TEXT, AT)
        assert as_dict(exposed, intake) == {(("__name__", "a"), ("job", "x")): (AT, value)}
        assert (exposed.scraped, exposed.kept) == (2, 1)
    assert len(asked) == 2


class Picky(Interner):
    """Refuses metrics that start with `big` and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0
        self.open = False

    def ref(self, labels: Labels) -> int:
        if not self.open and dict(labels)["__name__"].startswith("big"):
            return REFUSED
        return super().ref(labels)

    def why(self, labels: Labels) -> str:
        return "too many series of metric big"


def test_a_refused_series_loses_only_itself_and_is_counted_each_time() -> None:
    intake = Picky()
    reader = ExpositionReader(intake)
    for _ in range(4):
        exposed = reader.read(b'a 1\nbig{x="1"} 1\nbig{x="2"} 1\n', Format.TEXT, AT)
        assert len(exposed.batch) == 1
        assert exposed.batch.refused == {"too many series of metric big": 2}
    intake.open, intake.epoch = True, 1
    assert len(reader.read(b'a 1\nbig{x="1"} 1\nbig{x="2"} 1\n', Format.TEXT, AT).batch) == 3
    assert DROPPED != REFUSED


def test_a_changed_body_is_noticed() -> None:
    intake = Interner()
    reader = ExpositionReader(intake)
    bodies = ["a 1\nb 2\n", "a 1\n", "b 5\n\n", "b 5\nx", "# c d\nb 5\n", "# c e\nb 6\n", "b 1 2\n"]
    for body in [body for body in bodies * 2 for _ in range(3)]:
        fresh = Interner()
        try:
            expected = as_dict(ExpositionReader(fresh).read(body.encode(), Format.TEXT, AT), fresh)
        except Rejected:
            with pytest.raises(Rejected):
                reader.read(body.encode(), Format.TEXT, AT)
        else:
            assert as_dict(reader.read(body.encode(), Format.TEXT, AT), intake) == expected


def test_the_real_client_library_is_read_alike_in_both_formats() -> None:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels('a "b"\\\n').inc(3)
    Gauge("heat", "Heat.", registry=registry).set(-0.5)
    Histogram("wait_seconds", "Wait.", registry=registry).observe(0.3)
    Summary("size_bytes", "Size.", registry=registry).observe(7)
    text = read(generate_latest(registry))
    written = generate_openmetrics(registry)  # type: ignore[no-untyped-call]  # has no types
    openmetrics = read(written, Format.OPENMETRICS)
    assert text.keys() == openmetrics.keys()
    assert text[labels(m="jobs_total", kind='a "b"\\\n')] == (AT, 3.0)
    assert text[labels(m="wait_seconds_bucket", le="1.0")] == (AT, 1.0)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1", "1.0"),
        ("0.50", "0.5"),
        ("1e10", "1e+10"),
        ("1234567", "1.234567e+06"),
        ("100000", "100000.0"),
        ("1e-7", "1e-07"),
        ("+Inf", "+Inf"),
    ],
)
def test_le_is_spelled_alike_whatever_the_format(written: str, kept: str) -> None:
    body = f'# TYPE a histogram\na_bucket{{le="{written}"}} 1\n'
    assert list(read(body)) == [labels(m="a_bucket", le=kept)]
    assert list(read(f'a_bucket{{le="{written}"}} 1\n')) == [labels(m="a_bucket", le=written)]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/plain; version=0.0.4; charset=utf-8", Format.TEXT),
        ("application/openmetrics-text; version=1.0.0", Format.OPENMETRICS),
        ("TEXT/PLAIN", Format.TEXT),
    ],
)
def test_the_content_type_decides_the_format(content_type: str, expected: Format) -> None:
    assert format_of(content_type) is expected


@pytest.mark.parametrize("content_type", ["", "text/html", "application/json"])
def test_a_foreign_content_type_needs_a_fallback(content_type: str) -> None:
    with pytest.raises(Rejected, match="fallback_scrape_protocol"):
        format_of(content_type)
    assert format_of(content_type, Format.TEXT) is Format.TEXT


@given(st.binary(max_size=200), st.sampled_from(Format))
def test_no_bytes_crash_the_reader(body: bytes, style: Format) -> None:
    reader = ExpositionReader(Interner())
    said: set[int | str] = set()
    for _ in range(4):
        try:
            said.add(len(reader.read(body, style, AT).batch))
        except Rejected as error:
            said.add(str(error))
    assert len(said) == 1, "the same bytes are read the same way each time"


WORDS = st.sampled_from(
    [b"a", b"{", b"}", b'"', b'b="c"', b",", b" ", b" # ", b"1", b"NaN", b"\n", b"# TYPE a counter",
     b"# EOF", b"# HELP a b", b"\\", b"=", b"{le=", b"\t", b"1e999", b"\xff", b"_"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=40), st.lists(WORDS, max_size=40), st.sampled_from(Format))
def test_what_was_read_before_never_changes_the_answer(
    first: list[bytes], second: list[bytes], style: Format
) -> None:
    warm_intake = Interner()
    warm = ExpositionReader(warm_intake)
    for parts in (first, first, first, second, second, first, second, second, second):
        body = b"".join(parts)
        cold_intake = Interner()
        try:
            expected = ExpositionReader(cold_intake).read(body, style, AT)
        except Rejected:
            with pytest.raises(Rejected):
                warm.read(body, style, AT)
            continue
        found = warm.read(body, style, AT)
        assert [warm_intake.labels[ref] for ref in found.batch.refs.tolist()] == [
            cold_intake.labels[ref] for ref in expected.batch.refs.tolist()
        ]
        np.testing.assert_array_equal(found.batch.values, expected.batch.values)
        np.testing.assert_array_equal(found.batch.ts, expected.batch.ts)
