"""How are results written in Prometheus's JSON, fast enough for hundreds of thousands of points?

Numbers are made by one call into native code for a whole result, and a series' points are one
substitution into a text that is the same for all series.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tocsin.model.labels import Labels
from tocsin.query.promql.floats import format_float

_TINY, _HUGE = 1e-6, 1e21
"""Outside of these, numbers are written with an exponent; inside never."""

_BLOCK_POINTS = 50_000
"""Points that are written at once: some two megabytes of text."""

_encode = msgspec.json.Encoder().encode


def value_text(value: float) -> str:
    """One value as Prometheus's JSON has it: `1`, `0.00001`, `1e-07`, `+Inf`, `NaN`."""
    size = abs(value)
    if size != 0 and (size < _TINY or _HUGE <= size < np.inf):
        return repr(value).replace(".0e", "e")
    return format_float(value)


def value_texts(values: NDArray[np.float64]) -> list[bytes]:
    """The same for many values."""
    if not len(values):
        return []
    text = _encode(values.tolist())[1:-1].replace(b".0,", b",")
    texts = text.removesuffix(b".0").split(b",")
    size = np.abs(values)
    # What native code writes otherwise: with an exponent where Prometheus has none (and the other
    # way around), or as null.
    odd = ~((size < 1e15) & ((size >= 1e-5) | (size == 0)))
    small = odd & (size < 1e-5)
    for index in np.flatnonzero(small).tolist():
        texts[index] = _small(texts[index])
    for index in np.flatnonzero(odd & ~small).tolist():
        texts[index] = value_text(float(values[index])).encode()
    return texts


def _small(text: bytes) -> bytes:
    """A number below 0.00001 as native code writes it, such as `1.5e-7`, as Prometheus does."""
    mantissa, exponent = text.split(b"e-")
    if exponent == b"6":
        sign = b"-" if mantissa.startswith(b"-") else b""
        return b"%b0.00000%b" % (sign, mantissa.removeprefix(b"-").replace(b".", b""))
    return b"%be-0%b" % (mantissa, exponent) if len(exponent) == 1 else text


def time_text(at_ms: int) -> str:
    """Milliseconds as seconds with at most three decimals."""
    sign = "-" if at_ms < 0 else ""
    seconds, fraction = divmod(abs(at_ms), 1000)
    return f"{sign}{seconds}.{fraction:03d}" if fraction else f"{sign}{seconds}"


def labels_json(labels: Labels) -> bytes:
    """A label set as an object."""
    return _encode(dict(labels)) if _is_utf8(labels) else _encode(_replaced(labels))


def vector(labels: Sequence[Labels], values: NDArray[np.float64], at_ms: int) -> bytes:
    """The result of an instant query."""
    time = time_text(at_ms).encode()
    rows = [
        b'{"metric":%b,"value":[%b,"%b"]}' % (labels_json(one), time, value)
        for one, value in zip(labels, value_texts(values), strict=True)
    ]
    return b"[" + b",".join(rows) + b"]"


def matrix_blocks(
    labels: Sequence[Labels],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    present: NDArray[np.bool_],
) -> Iterator[bytes]:
    """The result of a range query, some series at a time: `values` and `present` have the shape
    (series, steps)."""
    heads = [f'[{time_text(at)},"'.encode() for at in times.tolist()]
    whole = b",".join(head + b'%b"]' for head in heads)
    at_once = max(1, _BLOCK_POINTS // max(len(heads), 1))
    before = b"["
    for low in range(0, len(labels), at_once):
        few = slice(low, low + at_once)
        rows = _rows(labels[few], heads, whole, values[few], present[few])
        if rows:
            yield before + b",".join(rows)
            before = b","
    yield b"[]" if before == b"[" else b"]"


def matrix(
    labels: Sequence[Labels],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    present: NDArray[np.bool_],
) -> bytes:
    """As `matrix_blocks`, in one piece."""
    return b"".join(matrix_blocks(labels, times, values, present))


def _rows(
    labels: Sequence[Labels],
    heads: list[bytes],
    whole: bytes,
    values: NDArray[np.float64],
    present: NDArray[np.bool_],
) -> list[bytes]:
    texts = value_texts(values[present])
    counts = present.sum(axis=1).tolist()
    rows: list[bytes] = []
    done = 0
    for row, (one, count) in enumerate(zip(labels, counts, strict=True)):
        if count == 0:
            continue
        points = texts[done : done + count]
        done += count
        if count == len(heads):
            body = whole % tuple(points)
        else:
            there = np.flatnonzero(present[row]).tolist()
            body = b",".join(
                b'%b%b"]' % (heads[at], text) for at, text in zip(there, points, strict=True)
            )
        rows.append(b'{"metric":%b,"values":[%b]}' % (labels_json(one), body))
    return rows


def points(times: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
    """Samples with times of their own, as of a range selector in an instant query."""
    pairs = zip(times.tolist(), value_texts(values), strict=True)
    body = b",".join(b'[%b,"%b"]' % (time_text(at).encode(), text) for at, text in pairs)
    return b"[" + body + b"]"


def scalar(value: float, at_ms: int) -> bytes:
    """A number and its time; unlike samples, it is never written with an exponent."""
    return f'[{time_text(at_ms)},"{format_float(value)}"]'.encode()


def string(value: str, at_ms: int) -> bytes:
    """A text and its time."""
    shown = value.encode("utf-8", "replace").decode()
    return f"[{time_text(at_ms)},".encode() + _encode(shown) + b"]"


def _is_utf8(labels: Labels) -> bool:
    return all(key.isascii() and value.isascii() for key, value in labels) or not any(
        0xD800 <= ord(letter) < 0xE000 for pair in labels for text in pair for letter in text
    )


def _replaced(labels: Labels) -> dict[str, str]:
    """Bytes that are not UTF-8 become U+FFFD, as Go's encoder has it."""
    return {
        key.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
        for key, value in labels
    }
