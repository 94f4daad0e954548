"""How does an answer of the query API look on a terminal, in a pipe, and in a spreadsheet?"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tocsin.kit.fault import Rejected

FORMATS = ("table", "json", "csv", "graph")
_BARS = "▁▂▃▄▅▆▇█"
_GRAPH_WIDTH = 60
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class Series(msgspec.Struct):
    """One series of an answer: `value` of an instant query, `values` of a range query."""

    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []

    @property
    def name(self) -> str:
        """The series as PromQL writes it; whatever a terminal would obey is escaped."""
        metric = self.metric.get("__name__", "")
        labels = [
            f"{k if _WORD.fullmatch(k) else json.dumps(k)}={json.dumps(v)}"
            for k, v in self.metric.items()
            if k != "__name__"
        ]
        if metric and not _WORD.fullmatch(metric):
            labels.insert(0, json.dumps(metric))
            metric = ""
        return metric + ("{" + ", ".join(labels) + "}" if labels else "") or "{}"

    @property
    def points(self) -> list[tuple[float, str]]:
        """All its points, oldest first."""
        return self.values or ([self.value] if self.value else [])


class Data(msgspec.Struct):
    """The `data` of an answer."""

    resultType: str = ""  # noqa: N815 - the API's own spelling
    result: Any = None


class Answer(msgspec.Struct):
    """The body of an answer of `/api/v1/query` or `/api/v1/query_range`."""

    status: str
    data: Data = msgspec.field(default_factory=Data)
    error: str = ""
    errorType: str = ""  # noqa: N815 - the API's own spelling
    warnings: list[str] = []
    infos: list[str] = []


def series_of(data: Data) -> list[Series]:
    """The series of an answer; a scalar or a string is one series without labels."""
    if data.resultType in ("scalar", "string"):
        return [Series(value=msgspec.convert(data.result, tuple[float, str]))]
    return msgspec.convert(data.result, list[Series])


def show(console: Console, data: Data, form: str) -> None:
    """Print the answer in one of FORMATS."""
    match form:
        case "json":
            console.out(json.dumps(msgspec.to_builtins(data), ensure_ascii=False), highlight=False)
        case "csv":
            console.out(to_csv(series_of(data)), end="", highlight=False)
        case "graph":
            for line in graph(series_of(data)):
                console.out(line, highlight=False)
        case "table":
            console.print(table(series_of(data)))
        case _:
            raise Rejected(f"there is no output {form!r}; choose one of {', '.join(FORMATS)}")


def table(found: Sequence[Series]) -> Table:
    """A table of the newest value of each series, with the number of points behind it."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("series", overflow="fold")
    shown.add_column("value", justify="right")
    shown.add_column("time", justify="right")
    if any(len(one.points) > 1 for one in found):
        shown.add_column("points", justify="right")
    for one in found:
        if not one.points:
            continue
        ts, value = one.points[-1]
        row = [one.name, value, _clock(ts)]
        cells = row if len(shown.columns) == 3 else [*row, str(len(one.points))]
        shown.add_row(*(Text(cell) for cell in cells))  # a str would be read as Rich's markup
    return shown


def to_csv(found: Sequence[Series]) -> str:
    """One line a point: series, timestamp (RFC 3339), value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("series", "timestamp", "value"))
    for one in found:
        writer.writerows((one.name, _clock(ts), value) for ts, value in one.points)
    return out.getvalue()


def graph(found: Sequence[Series]) -> list[str]:
    """Two lines a series: its name with the extremes, and a line of bars, oldest first."""
    lines: list[str] = []
    for one in found:
        values = [float(value) for _, value in one.points]
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            lines += [one.name, "(no finite values)"]
            continue
        low, high = min(finite), max(finite)
        lines += [f"{one.name}  min {low:g}  max {high:g}  last {values[-1]:g}", bars(values)]
    return lines


def bars(values: Sequence[float]) -> str:
    """A sparkline at most 60 characters wide; a blank is a gap or no finite value."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    share = max(1.0, len(values) / _GRAPH_WIDTH)
    drawn = []
    for column in range(math.ceil(len(values) / share)):
        part = values[int(column * share) : max(int(column * share) + 1, int((column + 1) * share))]
        part = [value for value in part if math.isfinite(value)]
        level = (sum(part) / len(part) - low) / span if part else -1.0
        drawn.append(_BARS[min(7, int(level * 8))] if part else " ")
    return "".join(drawn)


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
