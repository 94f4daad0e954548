"""How does a trace look on a terminal? A list of traces, and one as a waterfall."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from tocsin.kit.timestamps import nanoseconds
from tocsin.model.shown_trace import ShownSpan, ShownSummary, ShownTrace

_DIM, _BOLD, _RED, _END = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[0m"
_COLOURS = tuple(f"\x1b[{number}m" for number in (36, 33, 35, 34, 32, 96, 93, 95, 94, 92))
_HARMFUL = re.compile("[\x00-\x1f\x7f\x80-\x9f]")
_PARTS = " ▏▎▍▌▋▊▉█"
_LEAST_BAR, _MOST_NAME = 20, 60
_UNITS = ((60_000_000_000, "min"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))


def duration(ns: int) -> str:
    """Three digits and a unit: 850µs, 12.3ms, 1.2s."""
    for step, unit in _UNITS:
        if ns >= step:
            number = ns / step
            digits = 0 if number >= 100 else 1 if number >= 10 else 2
            text = f"{number:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + unit
    return f"{ns}ns"


def listed(traces: Sequence[ShownSummary], *, coloured: bool) -> Iterator[str]:
    """One line a trace: when, how long, how many spans and failures, and what it is."""
    paint = _Paint(coloured)
    for one in traces:
        at = datetime.fromtimestamp((nanoseconds(one.time) or 0) / 1e9).astimezone()
        when = at.strftime("%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"
        failed = paint(_RED, f"{one.errors:>4} failed") if one.errors else " " * 11
        name = _harmless(f"{one.root_service}: {one.root_name}")
        more = ""
        if one.match_name and (one.match_service, one.match_name) != (
            one.root_service,
            one.root_name,
        ):
            matched = f"{one.match_service}: {one.match_name} {duration(one.match_ns)}"
            more = paint(_DIM, f"  > {_harmless(matched)}")
        yield (
            f"{paint(_DIM, when)} {duration(one.duration_ns):>8} {one.spans:>5} spans {failed}"
            f"  {one.trace_id}  {paint(_BOLD, name)}{more}\n"
        )


def waterfall(trace: ShownTrace, width: int, *, coloured: bool) -> Iterator[str]:
    """The spans of a trace below each other, each with its bar; `!` are those that failed."""
    paint = _Paint(coloured)
    colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(trace.services)}
    at = datetime.fromtimestamp((nanoseconds(trace.time) or 0) / 1e9).astimezone()
    title = _harmless(f"{trace.root_service}: {trace.root_name}")
    yield f"{paint(_BOLD, title)}  {duration(trace.duration_ns)}  {trace.trace_id}\n"
    failed = f", {paint(_RED, f'{trace.errors} failed')}" if trace.errors else ""
    when = at.strftime("%Y-%m-%d %H:%M:%S %Z")
    yield f"{when}, {trace.spans_total} spans of {len(trace.services)} services{failed}\n"
    if trace.missing_parents:
        yield f"{len(trace.missing_parents)} spans that others name as their parent did not come\n"
    yield "\n"
    names = [_name(span) for span in trace.spans]
    column = min(max((len(name) for name in names), default=0), _MOST_NAME, max(width // 2, 24))
    room = max(width - column - 14, _LEAST_BAR)
    for span, name in zip(trace.spans, names, strict=True):
        shown = name if len(name) <= column else name[: column - 1] + "…"
        bar = _bar(span, trace.duration_ns, room)
        colour = _RED if span.status == "error" else colours.get(span.service, "")
        mark = paint(_RED, "!") if span.status == "error" else " "
        yield (f"{mark}{shown:{column}} {duration(span.duration_ns):>8} {paint(colour, bar)}\n")
        if span.status == "error" and span.status_message:
            message = _harmless(span.status_message)[: max(width - 6, 20)]
            yield paint(_RED, f"{'  ' * (span.depth + 1)}  {message}") + "\n"


class _Paint:
    def __init__(self, coloured: bool) -> None:
        self._coloured = coloured

    def __call__(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_END}" if self._coloured and colour else text


def _name(span: ShownSpan) -> str:
    return "  " * min(span.depth, 20) + _harmless(f"{span.service}: {span.name}")


def _bar(span: ShownSpan, whole_ns: int, room: int) -> str:
    """In eighths of a sign; something is always seen."""
    eighths = room * 8
    start = round(max(span.offset_ns, 0) / max(whole_ns, 1) * eighths)
    length = max(round(span.duration_ns / max(whole_ns, 1) * eighths), 1)
    gap = min(start // 8, room - 1)
    length = min(length, (room - gap) * 8)
    return " " * gap + "█" * (length // 8) + (_PARTS[length % 8] if length % 8 else "")


def _harmless(text: str) -> str:
    """Spans are named by strangers: none of their signs may steer the terminal."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", text)
