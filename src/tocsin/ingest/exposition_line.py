"""What does one line of an exposition say? The grammar of text 0.0.4/1.0.0 and OpenMetrics 1.0.

Sources: prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics 1.0 specification;
where they leave room, Prometheus's own lexer decides (quoted UTF-8 names, trailing commas).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tocsin.kit.fault import Rejected
from tocsin.model.labels import NAME
from tocsin.model.samples import Metadata

_METRIC: Final = re.compile(rb"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(rb'[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)*)")[ \t]*')
_VALUE: Final = re.compile(rb'=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*')
_PAIR: Final = rb'[a-zA-Z_][a-zA-Z0-9_]*="[^"\\]*"'
_SIMPLE: Final = re.compile(rb"([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:%b,)*%b)\}" % (_PAIR, _PAIR))
_SIMPLE_PAIR: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]*)"')
_ESCAPE: Final = re.compile(r'\\([\\"n])')
_SPACE: Final = b" \t\r"
_MAX_MS: Final = 1 << 53
_TEXT_TYPES: Final = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "summary": "summary",
    "untyped": "unknown",
}
_OPENMETRICS_TYPES: Final = {
    **{name: name for name in ("counter", "gauge", "histogram", "summary", "unknown")},
    **{name: name for name in ("gaugehistogram", "info", "stateset")},
}


@dataclass(frozen=True, slots=True)
class RawExemplar:
    """An exemplar as it stands in a line; `ts_ms` is None when it has no time of its own."""

    labels: list[tuple[str, str]]
    value: float
    ts_ms: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A sample line in parts. `head_end` is where the name and labels end in the raw line."""

    pairs: list[tuple[str, str]]
    head_end: int
    value: float
    ts_ms: int | None = None
    exemplar: RawExemplar | None = None


def parse_line(line: bytes, *, openmetrics: bool) -> Line:
    """Parse one sample line; raises Rejected that says what was expected and where."""
    start = len(line) - len(line.lstrip(_SPACE))
    pairs, head_end = _simple_head(line) or _head(line, start)
    rest = line[head_end:]
    exemplar = None
    if openmetrics and b"#" in rest:
        rest, _, tail = rest.partition(b"#")
        exemplar = parse_exemplar(tail)
    words = rest.split()
    if not words:
        raise Rejected("expected a value after the labels, got the end of the line")
    if len(words) > 2:
        raise Rejected(f"expected the end of the line after the timestamp, got {_show(words[2])}")
    ts_ms = parse_time(words[1], openmetrics=openmetrics) if len(words) == 2 else None
    return Line(pairs, head_end, parse_value(words[0]), ts_ms, exemplar)


def parse_value(word: bytes) -> float:
    """A sample's value; as in Prometheus neither underscores nor hexadecimal digits."""
    if b"_" not in word:
        try:
            return float(word)
        except ValueError:
            pass
    raise Rejected(f"expected a number as value, got {_show(word)}")


def parse_time(word: bytes, *, openmetrics: bool) -> int:
    """Milliseconds since the epoch: text has them as such, OpenMetrics has seconds."""
    if b"_" not in word:
        try:
            value = float(word) * 1000 if openmetrics else int(word)
        except ValueError:
            value = float("nan")
        if abs(value) <= _MAX_MS:
            return round(value)
    unit = "seconds" if openmetrics else "whole milliseconds"
    raise Rejected(f"expected a timestamp in {unit}, got {_show(word)}")


def parse_exemplar(tail: bytes) -> RawExemplar:
    """What follows the `#` of a sample line: `{labels} value [seconds]`."""
    tail = tail.strip()
    if not tail.startswith(b"{"):
        raise Rejected(f"expected labels of the exemplar in braces, got {_show(tail)}")
    pairs, end = _labels(tail, 1, named=True)
    words = tail[end:].split()
    if len(words) not in (1, 2):
        raise Rejected(f"expected the exemplar's value and timestamp, got {_show(tail[end:])}")
    ts_ms = parse_time(words[1], openmetrics=True) if len(words) == 2 else None
    return RawExemplar(pairs, parse_value(words[0]), ts_ms)


def _simple_head(line: bytes) -> tuple[list[tuple[str, str]], int] | None:
    """What nearly all lines look like, in two calls; None leaves the line to the whole grammar."""
    found = _SIMPLE.match(line)
    if found is None:
        return None
    try:
        pairs = _SIMPLE_PAIR.findall(found[2].decode())
    except UnicodeDecodeError:
        return None
    names = {name for name, _ in pairs}
    if len(names) != len(pairs) or NAME in names:
        return None
    return [(NAME, found[1].decode()), *pairs], found.end()


def _head(line: bytes, start: int) -> tuple[list[tuple[str, str]], int]:
    """The pairs with `__name__` and where the head ends."""
    named = _METRIC.match(line, start)
    pairs: list[tuple[str, str]] = []
    end = start
    if named:
        pairs.append((NAME, named.group().decode()))
        end = named.end()
    brace = end + len(line[end:]) - len(line[end:].lstrip(_SPACE))
    if line[brace : brace + 1] == b"{":
        more, end = _labels(line, brace + 1, named=bool(named))
        pairs += more
    elif not named:
        raise Rejected(f"expected a metric name, got {_show(line[start:])}")
    names = [name for name, _ in pairs]
    if NAME not in names:
        raise Rejected("expected a metric name before or within the braces, there is none")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Rejected(f"label name {twice!r} is not unique")
    return pairs, end


def _labels(line: bytes, at: int, *, named: bool) -> tuple[list[tuple[str, str]], int]:
    """The pairs from after the opening brace, and the position after the closing one."""
    pairs: list[tuple[str, str]] = []
    while True:
        while line[at : at + 1] in (b" ", b"\t"):
            at += 1
        if line[at : at + 1] == b"}":
            return pairs, at + 1
        name = _LABEL.match(line, at)
        if not name:
            raise Rejected(f"expected a label name or '}}', got {_show(line[at:])}")
        at = name.end()
        value = _VALUE.match(line, at)
        if value:
            pairs.append((_text(name[1] or name[2] or b""), _text(value[1])))
            at = value.end()
        elif name[2] is not None and not named and not pairs:
            pairs.append((NAME, _text(name[2])))
            named = True
        else:
            raise Rejected(f'expected ="value" after the label name, got {_show(line[at:])}')
        if line[at : at + 1] == b",":
            at += 1
        elif line[at : at + 1] != b"}":
            raise Rejected(f"expected ',' or '}}' after a label, got {_show(line[at:])}")


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Rejected(f"invalid UTF-8 in {_show(raw)}") from error
    if "\\" in text:
        return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
    return text


def _show(raw: bytes) -> str:
    text = raw[:60].decode("utf-8", "replace")
    return repr(text) if text else "the end of the line"


def parse_comment(line: bytes, *, openmetrics: bool) -> Metadata | None:
    """What a HELP, TYPE or UNIT line says of one metric (other fields empty); None for the rest."""
    words = line.lstrip(_SPACE)[1:].lstrip(_SPACE)
    keyword, _, rest = words.partition(b" ")
    if keyword not in (b"HELP", b"TYPE", b"UNIT"):
        if openmetrics:
            raise Rejected("OpenMetrics has no comments but # HELP, # TYPE, # UNIT and # EOF")
        return None
    metric, text = _named(rest.lstrip(_SPACE))
    match keyword:
        case b"HELP":
            return Metadata(metric, "", help=text)
        case b"UNIT" if openmetrics:
            if text and not metric.endswith("_" + text):
                raise Rejected(f"unit {text!r} is not a suffix of metric {metric!r}")
            return Metadata(metric, "", unit=text)
        case b"TYPE":
            types = _OPENMETRICS_TYPES if openmetrics else _TEXT_TYPES
            word = text.strip()
            if word not in types:
                raise Rejected(f"invalid metric type {word!r}; it is one of: {', '.join(types)}")
            return Metadata(metric, types[word])
    return None


def _named(rest: bytes) -> tuple[str, str]:
    """The metric that a metadata line is about, bare or quoted, and the words after it."""
    quoted = _LABEL.match(rest) if rest.startswith(b'"') else None
    if quoted:
        return _text(quoted[2]), _text(rest[quoted.end() :].strip(_SPACE))
    bare = _METRIC.match(rest)
    if not bare:
        raise Rejected(f"expected a metric name, got {_show(rest)}")
    return bare.group().decode(), _text(rest[bare.end() :].strip(_SPACE))


def canonical_float(value: str) -> str:
    """A number as Prometheus spells it (Go's shortest %g, with a point); other text as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    if number != number or number in (float("inf"), float("-inf")):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(number), "NaN")
    parts = Decimal(repr(number)).normalize().as_tuple()
    digits = "".join(map(str, parts.digits))
    power = len(digits) + int(parts.exponent) - 1
    if -4 <= power < 6:
        return repr(number)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{'-' * parts.sign}{digits[0]}{fraction}e{power:+03d}"
