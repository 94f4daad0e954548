"""What becomes of one panel of Grafana?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from tocsin.dashboard import loose
from tocsin.dashboard.grafana_looks import legend_of, reduce_of, style_of, thresholds_of, unit_of
from tocsin.dashboard.loose import Table
from tocsin.model.dashboards import COLUMNS, MOST_QUERIES, Kind, Link, Panel, PanelQuery

_KINDS: dict[str, Kind] = {
    "timeseries": "graph",
    "graph": "graph",
    "trend": "graph",
    "barchart": "bars",
    "stat": "stat",
    "singlestat": "stat",
    "grafana-singlestat-panel": "stat",
    "gauge": "gauge",
    "bargauge": "bars",
    "table": "table",
    "table-old": "table",
    "piechart": "table",
    "grafana-piechart-panel": "table",
    "heatmap": "heatmap",
    "text": "text",
    "logs": "logs",
    "row": "row",
    "alertlist": "alerts",
}
_INSTEAD = {
    "piechart": "a pie is shown as a table",
    "grafana-piechart-panel": "a pie is shown as a table",
    "barchart": "its bars are a list, one for each series",
    "trend": "it is shown over time",
}
_ASKED: frozenset[Kind] = frozenset(("graph", "stat", "gauge", "bars", "table", "heatmap"))
_KNOWN_SOURCES = ("", "prometheus", "loki", "mixed", "grafana", "datasource")
_TIMES = ("timeFrom", "timeShift")


class Untranslated(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not taken over; `panel` is the title, empty for the whole dashboard."""

    panel: str = ""
    words: str


@dataclass(slots=True)
class Reading:
    """What was found on the way. `sources` are the variables that named datasources."""

    left_out: list[Untranslated] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)

    def note(self, panel: str, words: str) -> None:
        """Say that something was not taken over."""
        self.left_out.append(Untranslated(panel=panel, words=words))


def panel_of(plain: Table, reading: Reading) -> Panel:
    """Ours of one of theirs; of a kind that is not known, a text that says so."""
    theirs = loose.text(plain, "type") or "graph"
    title = loose.text(plain, "title")[:200]
    name = title or f"panel {loose.text(plain, 'id')}"
    kind = _KINDS.get(theirs)
    if kind is None:
        reading.note(name, f"a panel of the kind {theirs} is not known; a text stands in its place")
        return _placed(plain, "text", title, text=f"*{theirs}* was not translated.")
    if theirs in _INSTEAD:
        reading.note(name, _INSTEAD[theirs])
    _say_what_goes(plain, name, reading)
    if kind == "text":
        return _text(plain, title, name, reading)
    if kind == "row":
        return _placed(plain, "row", title, collapsed=bool(plain.get("collapsed")))
    if kind == "logs":
        return _placed(plain, "logs", title, question=_question(plain, name, reading))
    if kind == "alerts":
        return _placed(plain, "alerts", title)
    return _drawn(plain, kind, title, name, reading)


def _drawn(plain: Table, kind: Kind, title: str, name: str, reading: Reading) -> Panel:
    queries = _queries(plain, name, reading) if kind in _ASKED else []
    defaults = loose.table(plain, "fieldConfig", "defaults")
    low, high = loose.number(defaults, "min"), loose.number(defaults, "max")
    return _placed(
        plain,
        kind,
        title,
        queries=queries,
        unit=unit_of(plain, name, reading.note),
        style=style_of(plain),
        legend=legend_of(plain),
        reduce=reduce_of(plain, name, reading.note),
        spark=_has_spark(plain),
        low=low,
        high=high,
        thresholds=thresholds_of(plain, name, reading.note),
    )


def _placed(plain: Table, kind: Kind, title: str, **fields: object) -> Panel:
    place = loose.table(plain, "gridPos")
    wide = loose.whole(place, "w", COLUMNS if kind == "row" else 12, 1, COLUMNS)
    repeat = loose.text(plain, "repeat")
    values = {
        "id": loose.whole(plain, "id", 0, 0, 1_000_000),
        "kind": kind,
        "title": title,
        "description": loose.text(plain, "description")[:2000],
        "x": min(loose.whole(place, "x", 0, 0, COLUMNS - 1), COLUMNS - wide),
        "y": loose.whole(place, "y", 0, 0, 10_000),
        "w": wide,
        "h": 1 if kind == "row" else loose.whole(place, "h", 8, 1, 100),
        "repeat": repeat if kind != "row" else "",
        "links": _links(plain),
        **fields,
    }
    return Panel(**values)  # type: ignore[arg-type]  # each value is of its field's type


def _links(plain: Table) -> list[Link]:
    return [
        Link(title=loose.text(one, "title") or "Link", url=loose.text(one, "url"))
        for one in loose.tables(plain, "links")
        if loose.text(one, "url").startswith(("https://", "http://"))
    ]


def _has_spark(plain: Table) -> bool:
    if loose.text(plain, "type") == "singlestat":
        return bool(loose.table(plain, "sparkline").get("show"))
    return loose.text(loose.table(plain, "options"), "graphMode", "area") != "none"


def _say_what_goes(plain: Table, name: str, reading: Reading) -> None:
    for one in loose.tables(plain, "transformations"):
        reading.note(name, f"the transformation {loose.text(one, 'id') or 'without a name'}")
    config = loose.table(plain, "fieldConfig")
    if overrides := loose.tables(config, "overrides"):
        count = len(overrides)
        words = "an override of a field" if count == 1 else f"{count} overrides of fields"
        reading.note(name, words)
    if loose.tables(loose.table(config, "defaults"), "mappings"):
        reading.note(name, "value mappings: numbers stay numbers")
    if loose.table(plain, "alert"):
        reading.note(name, "its alert: import Grafana's rules, or make an alert of the panel")
    if loose.table(plain, "libraryPanel"):
        reading.note(name, "it is a library panel, whose content is not in the file")
    for key in _TIMES:
        if loose.text(plain, key):
            reading.note(name, f"its own time ({key} {loose.text(plain, key)})")
    if loose.text(plain, "type") == "row" and plain.get("repeat"):
        reading.note(name, "the row is not repeated; repeat its panels")


def _text(plain: Table, title: str, name: str, reading: Reading) -> Panel:
    options = loose.table(plain, "options") or plain
    mode, content = loose.text(options, "mode", "markdown"), loose.text(options, "content")
    if mode == "html":
        reading.note(name, "HTML is not used; its text is shown as it is")
        content = re.sub(r"<[^>]{0,2000}>", "", content)
    return _placed(plain, "text", title, text=content[:100_000])


def _source(plain: Table, target: Table) -> str:
    """The kind of datasource that a query asks, as far as it is told."""
    for one in (target, plain):
        source = one.get("datasource")
        if isinstance(source, str):
            return "" if source.startswith("$") else _kind_by_name(source)
        if found := loose.text(loose.table(one, "datasource"), "type"):
            return found.removeprefix("grafana-").removesuffix("-datasource")
    return ""


def _kind_by_name(name: str) -> str:
    """Old files name datasources as people did."""
    known = ("loki", "elasticsearch", "influxdb", "graphite", "mysql", "postgres", "cloudwatch")
    return next((kind for kind in known if kind in name.lower()), "")


def _queries(plain: Table, name: str, reading: Reading) -> list[PanelQuery]:
    found = []
    for target in loose.tables(plain, "targets"):
        letter, expr = loose.text(target, "refId") or "?", loose.text(target, "expr")
        kind = _source(plain, target)
        if kind not in _KNOWN_SOURCES or not expr.strip():
            asks = f"asks {kind}" if kind not in _KNOWN_SOURCES else "is no PromQL"
            reading.note(name, f"query {letter} {asks}")
            continue
        if kind == "loki":
            escaped = expr.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
            expr = f'logql{{query="{escaped}"}}'
        legend = loose.text(target, "legendFormat")
        found.append(
            PanelQuery(
                expr=expr.strip(),
                legend="" if legend == "__auto" else legend,
                hidden=bool(target.get("hide")),
            )
        )
    if len(found) > MOST_QUERIES:
        reading.note(name, f"{len(found) - MOST_QUERIES} queries beyond {MOST_QUERIES}")
    return found[:MOST_QUERIES]


_SELECTOR = re.compile(r"\s*\{([^}]*)\}\s*((?:\|[=~]\s*(?:\"[^\"]*\"|`[^`]*`)\s*)*)")
_MATCHER = re.compile(r"\s*([\w.]+)\s*(=~|!=|!~|=)\s*\"([^\"]*)\"\s*")
_SERVICE = ("app", "service", "service_name", "job", "container")


def _question(plain: Table, name: str, reading: Reading) -> str:
    """Our question of a LogQL selector with words that it looks for; empty when it is neither."""
    targets = loose.tables(plain, "targets")
    expr = loose.text(targets[0], "expr") if targets else ""
    found = _SELECTOR.fullmatch(expr)
    parts = _parts(found[1]) if found else None
    if found is None or parts is None:
        reading.note(name, f"the question {expr[:120]!r}: write it anew; all lines are shown")
        return ""
    for word in re.findall(r"\|=\s*[\"`]([^\"`]*)[\"`]", found[2]):
        escaped = word.replace('"', '\\"')
        parts.append(f'"{escaped}"')
    for word in re.findall(r"\|~\s*[\"`]([^\"`]*)[\"`]", found[2]):
        parts.append(f"message:/{word.replace('/', '.')}/")
    return " ".join(parts)


def _parts(matchers: str) -> list[str] | None:
    parts = []
    for each in filter(str.strip, matchers.split(",")):
        found = _MATCHER.fullmatch(each)
        if found is None:
            return None
        label, op, value = found.groups()
        field_name = "service" if label in _SERVICE else label
        shown = f"/{value}/" if "~" in op else f'"{value}"'
        if value in (".*", ".+"):
            continue
        parts.append(f"{'-' if op.startswith('!') else ''}{field_name}:{shown}")
    return parts
