"""How is a log line printed: for people, as JSON, as CSV, or as it came?"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from tocsin.model.shown_line import ShownLine

FORMATS = ("pretty", "json", "csv", "raw")
_COLUMNS = ("time", "level", "service", "host", "environment", "source", "message")
_COLOURS = {
    "fatal": "\x1b[1;97;41m",
    "error": "\x1b[31m",
    "warn": "\x1b[33m",
    "info": "\x1b[36m",
    "debug": "\x1b[90m",
    "trace": "\x1b[90m",
}
_ORDER = ("fatal", "error", "warn", "info", "debug", "trace", "unknown")
_DIM, _END = "\x1b[2m", "\x1b[0m"
_BLOCKS = " ▁▂▃▄▅▆▇█"
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
_MOST_SHOWN = 12


def written(line: ShownLine, form: str, *, coloured: bool) -> str:
    """A line with its end."""
    match form:
        case "json":
            return msgspec.json.encode(line).decode() + "\n"
        case "raw":
            return (line.original or line.message) + "\n"
        case "csv":
            return _csv([getattr(line, name) for name in _COLUMNS])
    return _pretty(line, coloured=coloured)


def head() -> str:
    """The first line of CSV."""
    return _csv(list(_COLUMNS))


def _csv(cells: list[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _pretty(line: ShownLine, *, coloured: bool) -> str:
    local = datetime.fromtimestamp(line.ts_ns / 1e9).astimezone()
    at = local.strftime("%m-%d %H:%M:%S.") + f"{local.microsecond // 1000:03d}"
    level = f"{line.level if line.level != 'unknown' else '-':5}"
    shown = [f"{name}={_cell(value)}" for name, value in line.attributes.items()][:_MOST_SHOWN]
    if line.trace_id:
        shown.append(f"trace_id={line.trace_id}")
    message, rest = _harmless(line.message), _harmless(" ".join(shown))
    service = _harmless(line.service or line.source or "-")
    if not coloured:
        return f"{at} {level} {service}: {message}{'  ' + rest if rest else ''}\n"
    colour = _COLOURS.get(line.level, "")
    tail = f"  {_DIM}{rest}{_END}" if rest else ""
    return f"{_DIM}{at}{_END} {colour}{level}{_END} \x1b[1m{service}{_END}: {message}{tail}\n"


def _cell(value: str) -> str:
    short = value if len(value) <= 80 else value[:79] + "…"
    return f'"{short}"' if " " in short else short


def _harmless(text: str) -> str:
    """Lines are written by strangers: none of their signs may steer the terminal."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", text)


def spark(
    counts: Mapping[str, Mapping[int, int]], start: int, end: int, step: int, *, coloured: bool
) -> list[str]:
    """A line of blocks for each level, the gravest first, all of one height, and the times."""
    steps = range(start // step * step, end, step)
    highest = max((count for one in counts.values() for count in one.values()), default=1)
    found = []
    for level in _ORDER:
        one = counts.get(level)
        if not one:
            continue
        bars = "".join(_block(one.get(at, 0), highest) for at in steps)
        total = sum(one.values())
        if coloured:
            bars = f"{_COLOURS.get(level, '')}{bars}{_END}"
        found.append(f"{level:8}{bars} {total:,}")
    if found:
        first, last = (datetime.fromtimestamp(at).astimezone() for at in (start, end))
        width = max(len(steps) - 22, 1)
        found.append(f"{'':8}{first:%m-%d %H:%M}{'':{width}}{last:%m-%d %H:%M}")
    return found


def _block(count: int, highest: int) -> str:
    return _BLOCKS[0] if not count else _BLOCKS[max(1, round(count / highest * 8))]
