"""What is a dashboard? Panels on a grid of 24 columns, and the variables that their queries name.

A panel is one struct for all kinds: each kind reads the fields that mean something to it, and the
others keep their defaults, so that a panel can become another kind and back.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

COLUMNS = 24
"""The grid's width; one row is 30 pixels high."""
MOST_PANELS = 200
MOST_VARIABLES = 30
MOST_QUERIES = 8
"""A query's letter is in a panel's address: a to h."""
LARGEST_BYTES = 500_000
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

Kind = Literal[
    "graph",
    "stat",
    "gauge",
    "bars",
    "table",
    "heatmap",
    "text",
    "logs",
    "log_counts",
    "alerts",
    "traces",
    "row",
]
Style = Literal["line", "area", "bars", "stacked"]
Reduce = Literal["last", "mean", "min", "max", "sum"]
Tone = Literal["ok", "info", "warning", "critical", "unknown"]
Source = Literal["query", "list", "text", "interval"]


class _Written(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """As files hold it: an unknown key is a mistake, and what has its default is left out."""


class Link(_Written, frozen=True, kw_only=True):
    """Where to go from here; variables in the address are replaced."""

    title: str
    url: str

    def __post_init__(self) -> None:
        if not re.match(r"(?:https?://|/(?![/\\\s]))", self.url):
            raise ValueError(f"a link leads to https://… or to /…, not to {self.url[:60]!r}")


class Threshold(_Written, frozen=True, kw_only=True):
    """From this value on it looks so; `words` are written at the line."""

    at: float
    tone: Tone
    words: str = ""


class PanelQuery(_Written, frozen=True, kw_only=True):
    """One PromQL query of a panel. `legend` names its series: `{{job}} of {{instance}}`."""

    expr: str
    legend: str = ""
    hidden: bool = False


class Panel(_Written, frozen=True, kw_only=True):
    """One panel: where it is (`x`, `y`, `w`, `h` in columns and rows), and what it shows."""

    id: int
    kind: Kind
    title: str = ""
    description: str = ""
    x: int = 0
    y: int = 0
    w: int = 12
    h: int = 8
    queries: list[PanelQuery] = []
    """PromQL; of graphs, stats, gauges, bars, tables and heatmaps."""
    style: Style = "line"
    legend: Literal["table", "list", "none"] = "list"
    reduce: Reduce = "last"
    """What a stat, gauge or bar says of its range."""
    spark: bool = True
    """Whether a stat has a line behind its number."""
    unit: str = ""
    """seconds, bytes, bytes/s, ratio, percent, /s or any word; empty is guessed by the query."""
    low: float | None = None
    high: float | None = None
    """The ends of the axis or gauge; by the data when left out."""
    thresholds: list[Threshold] = []
    text: str = ""
    """Markdown, of a text panel."""
    question: str = ""
    """Of the panels of logs: what to look for, as on the page of logs."""
    columns: list[str] = []
    """Further fields of log lines, or the labels that a table shows, in their order."""
    by: str = "level"
    """What counts of log lines are split by; empty is not at all."""
    limit: int = 100
    """The most lines, rows or alerts that are listed."""
    matchers: str = ""
    """Which alerts: `severity="critical", team="db"`; empty is all."""
    service: str = ""
    """Whose traces are summed up; empty is every service."""
    links: list[Link] = []
    repeat: str = ""
    """The variable for each chosen value of which the panel is drawn once."""
    collapsed: bool = False
    """Of a row: whether the panels below it are folded away at first."""

    def __post_init__(self) -> None:
        if not (0 <= self.x < COLUMNS and 1 <= self.w <= COLUMNS and self.x + self.w <= COLUMNS):
            raise ValueError(
                f"panel {self.id} is {self.w} wide at column {self.x}; the grid has {COLUMNS}"
            )
        if not (0 <= self.y <= 10_000 and 1 <= self.h <= 100):
            raise ValueError(f"panel {self.id}: y is 0 to 10000 and h 1 to 100")
        if len(self.queries) > MOST_QUERIES:
            raise ValueError(f"panel {self.id} has more than {MOST_QUERIES} queries")
        if not 1 <= self.limit <= 1000:
            raise ValueError(f"panel {self.id}: limit is 1 to 1000")


class Variable(_Written, frozen=True, kw_only=True):
    """Something that queries name: `$name`, `${name}`, `${name:regex}`.

    `source` query asks `query`: `label_values(metric, label)`, `label_values(label)` or
    `query_result(expr)`; list and interval have their `options`; a text is typed.
    """

    name: str
    label: str = ""
    source: Source = "list"
    query: str = ""
    regex: str = ""
    """Keeps the values that match; its first group, if there is one, is the value."""
    options: list[str] = []
    multi: bool = False
    include_all: bool = False
    default: list[str] = []
    hidden: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name[:40]!r} is not a name of a variable: letters, digits, _")


class Annotations(_Written, frozen=True, kw_only=True):
    """What is marked on every graph."""

    deploys: bool = True
    incidents: bool = True


class Dashboard(_Written, frozen=True, kw_only=True):
    """A dashboard as people make it, as files hold it and as the API tells it."""

    title: str
    description: str = ""
    tags: list[str] = []
    begin: str = msgspec.field(default="now-1h", name="from")
    end: str = msgspec.field(default="now", name="to")
    refresh: str = ""
    variables: list[Variable] = []
    panels: list[Panel] = []
    annotations: Annotations = Annotations()
    links: list[Link] = []

    def __post_init__(self) -> None:
        if not self.title.strip() or len(self.title) > 200:
            raise ValueError("a dashboard has a title of 1 to 200 characters")
        if len(self.panels) > MOST_PANELS:
            raise ValueError(f"a dashboard has {MOST_PANELS} panels at most")
        if len(self.variables) > MOST_VARIABLES:
            raise ValueError(f"a dashboard has {MOST_VARIABLES} variables at most")
        if self.refresh and not re.fullmatch(r"\d{1,9}[smhdwy]", self.refresh):
            raise ValueError(f"refresh is a duration such as 30s, not {self.refresh[:20]!r}")
        _all_different("panel", [str(one.id) for one in self.panels])
        _all_different("variable", [one.name for one in self.variables])

    @property
    def next_id(self) -> int:
        """A number that no panel has."""
        return max((one.id for one in self.panels), default=0) + 1

    @property
    def bottom(self) -> int:
        """The first row that is free all across."""
        return max((one.y + one.h for one in self.panels), default=0)


def _all_different(what: str, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"there are two {what}s {twice!r}")
