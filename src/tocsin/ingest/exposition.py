"""How do the bytes of a scrape or a push become a batch, fast the second time?

The raw bytes of `name{labels}` are the key to the series' ref: a repeated scrape parses no label.
When all lines of a body have the same heads as last time, not even the keys are looked up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tocsin.ingest.exposition_line import (
    Line,
    RawExemplar,
    canonical_float,
    parse_comment,
    parse_exemplar,
    parse_line,
    parse_time,
    parse_value,
)
from tocsin.ingest.exposition_template import Template, template_of
from tocsin.kit.fault import Rejected
from tocsin.model import labels as model
from tocsin.model.labels import Labels
from tocsin.model.samples import REFUSED, Exemplar, Metadata, SampleBatch, SeriesIntake

Shape: TypeAlias = Callable[[Labels], "Labels | None"]
"""What becomes of a new series' labels: target labels, relabelling. None drops the series."""

DROPPED: Final = -2
"""In the cache: the series was dropped by `Shape`; unlike REFUSED nobody needs to be told."""

_SPACE: Final = b" \t\r"
_LEADING: Final = _SPACE + b"#"
_SPARE_HEADS: Final = 1000
_LINES_A_STEP: Final = 512
_FLOAT_LABEL_OF: Final = {"histogram": "le", "gaugehistogram": "le", "summary": "quantile"}
_FLOAT_LABELS: Final = frozenset(_FLOAT_LABEL_OF.values())


class Format(Enum):
    """The two exposition formats, by what decides between them."""

    TEXT = "text/plain"
    OPENMETRICS = "application/openmetrics-text"


def format_of(content_type: str, fallback: Format | None = None) -> Format:
    """The format that a Content-Type announces, else the fallback; raises Rejected without one."""
    media = content_type.partition(";")[0].strip().lower()
    for known in Format:
        if media == known.value:
            return known
    if fallback is not None:
        return fallback
    if not media:
        raise Rejected(
            "the target sends no Content-Type; set fallback_scrape_protocol: PrometheusText0.0.4"
        )
    raise Rejected(
        f"the target sends Content-Type {content_type[:80]!r}, which is no exposition format; "
        "is metrics_path right? Else set fallback_scrape_protocol"
    )


@dataclass(frozen=True, slots=True)
class Exposed:
    """One body as columns.

    `scraped` counts sample lines, `kept` those that `Shape` left, `added` those whose label bytes
    were new. `timed` marks samples of the batch that bring their own time; None when none does.
    """

    batch: SampleBatch
    scraped: int
    kept: int
    added: int
    timed: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the last body's lines came to; `stored` is None when every sample had a series."""

    style: Format
    refs: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    kept: int = 0
    stored: NDArray[np.bool_] | None = None
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Rows:
    """A body that is being read line by line."""

    numbers: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    refs: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    own_times: dict[int, int] = field(default_factory=dict)
    exemplars: list[tuple[int, RawExemplar]] = field(default_factory=list)
    added: int = 0

    def pairs(self) -> Iterable[tuple[bytes, int]]:
        """The cache keys with their refs."""
        return zip(self.keys, self.refs, strict=True)

    def made_exemplars(self, times: NDArray[np.int64]) -> list[Exemplar]:
        """The exemplars; one without its own time has its sample's."""
        return [
            Exemplar(
                self.refs[row],
                int(times[row]) if raw.ts_ms is None else raw.ts_ms,
                raw.value,
                model.make(raw.labels),
            )
            for row, raw in self.exemplars
        ]


class ExpositionReader:
    """Reads the bodies of one target (or one push group) and remembers its label bytes."""

    def __init__(self, intake: SeriesIntake, shape: Shape | None = None) -> None:
        self._intake = intake
        self._shape = shape
        self._epoch = intake.epoch
        self._refs: dict[bytes, int] = {}
        self._why: dict[bytes, str] = {}
        self._template: Template | None = None
        self._memory = _Memory(Format.TEXT)
        self._last_keys: list[bytes] = []
        self._comments: list[bytes] | None = None
        self._metadata: dict[str, Metadata] = {}

    def read(
        self, body: bytes, style: Format, at_ms: int, *, honor_timestamps: bool = True
    ) -> Exposed:
        """Read a whole body; `at_ms` is the time of samples that bring none of their own.

        Raises Rejected with the number and text of the first bad line: nothing of it counts then.
        """
        steps = self._steps(body, style, at_ms, honor_timestamps)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return cast("Exposed", end.value)

    async def read_kindly(
        self, body: bytes, style: Format, at_ms: int, *, honor_timestamps: bool = True
    ) -> Exposed:
        """As `read`, but lets others run meanwhile; the caller reads one body at a time."""
        steps = self._steps(body, style, at_ms, honor_timestamps)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return cast("Exposed", end.value)
            await asyncio.sleep(0)

    def _steps(
        self, body: bytes, style: Format, at_ms: int, honor_timestamps: bool
    ) -> Generator[None, None, Exposed]:
        if self._intake.epoch != self._epoch:
            self.forget()
        if self._template is not None and self._memory.style is style:
            numbers = self._template.read(body)
            if numbers is not None:
                return self._refreshed(self._template, *numbers, at_ms, honor_timestamps)
        lines = body.split(b"\n")
        if style is Format.OPENMETRICS:
            lines = _without_eof(lines)
        self._read_metadata(lines, openmetrics=style is Format.OPENMETRICS)
        while True:
            epoch = self._epoch
            rows = yield from self._read_lines(lines, openmetrics=style is Format.OPENMETRICS)
            if self._intake.epoch == epoch:
                break
            self.forget()  # it changed while others ran
        self._remember(rows, body, lines, style)
        return self._finish(rows, at_ms, honor_timestamps)

    def forget(self) -> None:
        """Empty the cache, because refs or `shape` no longer hold."""
        self._epoch = self._intake.epoch
        self._refs.clear()
        self._why.clear()
        self._template = None

    def _refreshed(
        self,
        template: Template,
        values: NDArray[np.float64],
        own_times: NDArray[np.int64],
        at_ms: int,
        honor_timestamps: bool,
    ) -> Exposed:
        """Only the numbers are new."""
        memory = self._memory
        times = np.full(len(values), at_ms, np.int64)
        timed = None
        if honor_timestamps and template.timed is not None:
            timed = template.timed
            times[timed] = own_times
        if memory.stored is not None:
            values, times = values[memory.stored], times[memory.stored]
            timed = None if timed is None else timed[memory.stored]
        metadata, refused = list(self._metadata.values()), Counter(memory.refused)
        batch = SampleBatch(memory.refs, times, values, metadata=metadata, refused=refused)
        return Exposed(batch, template.count, memory.kept, 0, timed)

    def _read_metadata(self, lines: list[bytes], *, openmetrics: bool) -> None:
        comments = [
            line for line in lines if line[:1] in _LEADING and line.lstrip(_SPACE)[:1] == b"#"
        ]
        if comments == self._comments:
            return
        self._comments = None
        metadata: dict[str, Metadata] = {}
        for line in comments:
            try:
                said = parse_comment(line, openmetrics=openmetrics)
            except Rejected as error:
                raise _bad(lines.index(line), line, error) from error
            if said is None:
                continue
            known = metadata.get(said.metric, Metadata(said.metric, "unknown"))
            metadata[said.metric] = Metadata(
                said.metric,
                said.type or known.type,
                said.help or known.help,
                said.unit or known.unit,
            )
        self._comments, self._metadata = comments, metadata

    def _read_lines(self, lines: list[bytes], *, openmetrics: bool) -> Generator[None, None, _Rows]:
        rows = _Rows()
        cached = self._refs.get
        for number, line in enumerate(lines):
            if number and not number % _LINES_A_STEP:
                yield
            head, _, tail = line.rpartition(b" ")
            ref = cached(head)  # no comment and no blank line is in the cache
            if ref is not None and b"_" not in tail:
                try:
                    rows.values.append(float(tail))
                except ValueError:
                    ref = None
                else:
                    rows.refs.append(ref)
            else:
                ref = None
            if ref is None:
                if _is_no_sample(line):
                    if openmetrics and line[:1] != b"#":
                        raise _bad(number, line, Rejected("OpenMetrics has no blank lines"))
                    continue
                try:
                    head = self._read_odd_line(line, head, rows, openmetrics=openmetrics)
                except Rejected as error:
                    raise _bad(number, line, error) from error
            rows.keys.append(head)
            rows.numbers.append(number)
        return rows

    def _read_odd_line(self, line: bytes, head: bytes, rows: _Rows, *, openmetrics: bool) -> bytes:
        """A line of a new series, or one with a timestamp or an exemplar; returns its cache key."""
        parsed = self._parse_known(line, openmetrics=openmetrics)
        if parsed is not None:
            key = line[: parsed.head_end]
            ref = self._refs[key]
        else:
            parsed = parse_line(line, openmetrics=openmetrics)
            plain = parsed.ts_ms is None and parsed.exemplar is None
            key = head if plain and len(head) >= parsed.head_end else line[: parsed.head_end]
            known = self._refs.get(key)
            if known is None:
                known = self._refs[key] = self._new_series(key, parsed.pairs)
                rows.added += 1
            ref = known
        row = len(rows.refs)
        rows.refs.append(ref)
        rows.values.append(parsed.value)
        if parsed.ts_ms is not None:
            rows.own_times[row] = parsed.ts_ms
        if parsed.exemplar is not None and ref >= 0:
            rows.exemplars.append((row, parsed.exemplar))
        return key

    def _parse_known(self, line: bytes, *, openmetrics: bool) -> Line | None:
        """Take a line apart from its end, which is safe when the head that is left is known."""
        body, mark, tail = line.partition(b" # ") if openmetrics else (line, b"", b"")
        words = body.rsplit(b" ", 2)
        ts_ms = None
        if len(words) == 3 and words[0] in self._refs:
            key, value = words[0], parse_value(words[1])
            ts_ms = parse_time(words[2], openmetrics=openmetrics)
        else:
            key = body.rpartition(b" ")[0]
            if not mark or key not in self._refs:
                return None
            value = parse_value(words[-1])
        exemplar = parse_exemplar(tail) if mark else None
        return Line([], len(key), value, ts_ms, exemplar)

    def _new_series(self, key: bytes, pairs: list[tuple[str, str]]) -> int:
        labels = model.make(self._normalised(pairs))
        shaped = labels if self._shape is None else self._shape(labels)
        if shaped is None:
            return DROPPED
        ref = self._intake.ref(shaped)
        if ref == REFUSED:
            self._why[key] = self._intake.why(shaped)
        return ref

    def _normalised(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """`le="1"` of a histogram and `quantile="1"` of a summary become "1.0", as Prometheus 3
        has it, so that a target that changes its format keeps its series."""
        names = {name for name, _ in pairs}
        if names.isdisjoint(_FLOAT_LABELS):
            return pairs
        metric = dict(pairs)[model.NAME]
        known = self._metadata.get(metric) or self._metadata.get(metric.removesuffix("_bucket"))
        label = _FLOAT_LABEL_OF.get(known.type) if known else None
        return [(name, canonical_float(value) if name == label else value) for name, value in pairs]

    def _remember(self, rows: _Rows, body: bytes, lines: list[bytes], style: Format) -> None:
        """Keep what the next body is compared with, and no more heads than are in use."""
        if len(self._refs) > 2 * len(rows.keys) + _SPARE_HEADS:
            used = set(rows.keys)
            self._refs = {key: ref for key, ref in self._refs.items() if key in used}
            self._why = {key: why for key, why in self._why.items() if key in used}
        refs = np.array(rows.refs, np.int64)
        stored = refs >= 0
        everything = bool(stored.all())
        self._memory = _Memory(
            style,
            refs if everything else refs[stored],
            kept=len(refs) - rows.refs.count(DROPPED),
            stored=None if everything else stored,
            refused=Counter(self._why[key] for key, ref in rows.pairs() if ref == REFUSED),
        )
        self._template = None
        steady, self._last_keys = rows.keys == self._last_keys, rows.keys
        if steady and not rows.exemplars:  # a body whose lines change is not worth the work
            samples = list(zip(rows.numbers, rows.keys, strict=True))
            seconds = style is Format.OPENMETRICS
            self._template = template_of(body, lines, samples, seconds=seconds)

    def _finish(self, rows: _Rows, at_ms: int, honor_timestamps: bool) -> Exposed:
        memory = self._memory
        values = np.array(rows.values, np.float64)
        times = np.full(len(values), at_ms, np.int64)
        timed = None
        if rows.own_times and honor_timestamps:
            timed = np.zeros(len(values), np.bool_)
            own = np.fromiter(rows.own_times, np.int64, len(rows.own_times))
            times[own] = np.fromiter(rows.own_times.values(), np.int64, len(rows.own_times))
            timed[own] = True
        exemplars = rows.made_exemplars(times)
        if memory.stored is not None:
            values, times = values[memory.stored], times[memory.stored]
            timed = None if timed is None else timed[memory.stored]
        metadata, refused = list(self._metadata.values()), Counter(memory.refused)
        batch = SampleBatch(memory.refs, times, values, exemplars, metadata, refused)
        return Exposed(batch, len(rows.refs), memory.kept, rows.added, timed)


def _is_no_sample(line: bytes) -> bool:
    """Whether a line is blank or a comment."""
    first = line[:1]
    if first in _SPACE:  # so is nothing at all
        first = line.lstrip(_SPACE)[:1]
    return first in b"#"


def _without_eof(lines: list[bytes]) -> list[bytes]:
    """The lines before `# EOF`, which must be the last one."""
    last = len(lines) - (2 if not lines[-1] else 1)
    if last < 0 or lines[last].rstrip(b"\r") != b"# EOF":
        raise Rejected("the OpenMetrics body does not end with # EOF; it was cut off or is none")
    return lines[:last]


def _bad(number: int, line: bytes, error: Rejected) -> Rejected:
    text = line[:200].decode("utf-8", "replace")
    return Rejected(f"line {number + 1}: {error} (the line is {text!r})")
